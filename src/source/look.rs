//! What the disk says of one source, before it is read.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::catalog::Entry;
use crate::render::RenderParams;
use crate::store::ContentKey;

/// A source file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: PathBuf,
    /// What the present source and settings make.
    pub key: ContentKey,
    /// Modification time: seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
}

/// Why an entry has no source that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct SourceFault {
    /// Absent where the lists give none.
    pub path: Option<PathBuf>,
    pub cause: String,
}

impl Source {
    /// Looks at the source of an entry. One metadata call; nothing is read.
    pub fn look(entry: &Entry<'_>, params: RenderParams) -> Result<Self, SourceFault> {
        let path = entry.source().map_err(|fault| SourceFault {
            path: None,
            cause: fault.to_string(),
        })?;
        let fault = |path, cause| SourceFault {
            path: Some(path),
            cause,
        };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Self::of(path, &metadata, params)),
            Ok(_) => Err(fault(path, "the source is not a file".to_owned())),
            Err(error) => Err(fault(path, words(&error))),
        }
    }

    /// The source `path` with the metadata that it has.
    pub(super) fn of(path: PathBuf, metadata: &Metadata, params: RenderParams) -> Self {
        Self {
            key: ContentKey::new(&path, metadata, params),
            modified: (
                metadata.mtime(),
                u32::try_from(metadata.mtime_nsec()).unwrap_or(0),
            ),
            path,
        }
    }
}

/// Words for a source that cannot be looked at or read.
pub(super) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "the source is missing".to_owned(),
        _ => format!("the source cannot be read: {error}"),
    }
}
