//! Reading a source ahead of its rendering, where reading may take as long as it likes.

use std::io;
use std::path::PathBuf;

use super::look::words;
use super::{OpenSource, Source, SourceBuffer};
use crate::render::RenderParams;

/// The bytes of a source, not rendered yet.
#[derive(Debug)]
pub struct Fetched {
    pub bytes: SourceBuffer,
    /// The source as it was when it was read.
    pub source: Source,
}

/// Why a source could not be read; it may be readable the next time.
#[derive(Debug, thiserror::Error)]
#[error("{}", words(.0))]
pub struct FetchError(#[from] io::Error);

/// Reads the source `path`. `admit` is told how many bytes it has, and gives memory for them, for which
/// it may wait; what else it returns comes back with the bytes.
pub fn fetch<T>(
    path: PathBuf,
    params: RenderParams,
    admit: impl FnOnce(u64) -> (SourceBuffer, T),
) -> Result<(Fetched, T), FetchError> {
    let opened = OpenSource::open(&path)?;
    let (mut buffer, admitted) = admit(opened.stamp().size);
    let stamp = opened.read_into(&mut buffer)?;
    let fetched = Fetched {
        bytes: buffer,
        source: Source::of(path, stamp, params),
    };
    Ok((fetched, admitted))
}
