//! Reads a source before its rendering, where reading may take any time.

use std::io;
use std::path::PathBuf;

use super::look::words;
use super::{OpenSource, Source, SourceBuffer, SourceError};
use crate::datasets::RawTree;
use crate::render::{RenderError, RenderParams};

/// The bytes of a source, not rendered yet.
#[derive(Debug)]
pub struct Fetched {
    pub bytes: SourceBuffer,
    /// The source when it was read.
    pub source: Source,
}

/// Why a source was not read.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A later read may succeed.
    #[error("{}", words(.0))]
    Read(#[from] io::Error),
    /// Reading is pointless: the renderer always refuses these bytes.
    #[error("{error}")]
    Refused {
        source_file: Source,
        error: RenderError,
    },
}

impl From<FetchError> for SourceError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Read(error) => Self::Read(error),
            FetchError::Refused { error, .. } => Self::Render(error),
        }
    }
}

/// Reads the source `path` of `tree`. `admit` gets its size in bytes and returns memory for it, for
/// which it may wait; its other result is returned with the bytes. It is not called for a file that
/// is not read.
pub fn fetch<T>(
    tree: &RawTree,
    path: PathBuf,
    params: RenderParams,
    admit: impl FnOnce(u64) -> io::Result<(SourceBuffer, T)>,
) -> Result<(Fetched, T), FetchError> {
    let opened = OpenSource::open(&*tree.storage, &path)?;
    let stamp = opened.stamp();
    let opened = match opened.look()? {
        Ok(opened) => opened,
        Err(error) => {
            let source_file = Source::of(tree, path, stamp, params);
            return Err(FetchError::Refused { source_file, error });
        }
    };
    let (mut buffer, admitted) = admit(opened.stamp().size)?;
    let stamp = opened.read_into(&mut buffer)?;
    let fetched = Fetched {
        bytes: buffer,
        source: Source::of(tree, path, stamp, params),
    };
    Ok((fetched, admitted))
}
