//! What the disk says of one source, before it is read.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::catalog::Entry;
use crate::render::RenderParams;
use crate::store::{ContentKey, Remembered, Stamp, remembered_stat};

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
        let path = path_of(entry)?;
        let fault = |path, cause| SourceFault {
            path: Some(path),
            cause,
        };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Self::of(path, Stamp::of(&metadata), params)),
            Ok(_) => Err(fault(path, "the source is not a file".to_owned())),
            Err(error) => Err(fault(path, words(&error))),
        }
    }

    /// The same by what the kernel has in memory, without waiting for any disk or network. `None`
    /// where that is not enough, or there is anything to be said about the source.
    pub fn look_without_waiting(entry: &Entry<'_>, params: RenderParams) -> Option<Self> {
        let path = path_of(entry).ok()?;
        match remembered_stat(rustix::fs::CWD, &path)? {
            Remembered {
                stamp,
                is_file: true,
                ..
            } => Some(Self::of(path, stamp, params)),
            _ => None,
        }
    }

    /// The source `path` with the stamp that it has.
    pub(super) fn of(path: PathBuf, stamp: Stamp, params: RenderParams) -> Self {
        Self {
            key: ContentKey::new(&path, stamp, params),
            modified: stamp.modified,
            path,
        }
    }
}

fn path_of(entry: &Entry<'_>) -> Result<PathBuf, SourceFault> {
    entry.source().map_err(|fault| SourceFault {
        path: None,
        cause: fault.to_string(),
    })
}

/// Said of a source that is not there.
pub const MISSING: &str = "the source is missing";

/// Words for an image that is left out, since its source is damaged.
pub fn left_out(damage: &str) -> String {
    format!("the source is damaged: {damage}; SKIP_DAMAGED leaves it out")
}

/// Words for a source that cannot be looked at or read.
pub(super) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => MISSING.to_owned(),
        _ => format!("the source cannot be read: {error}"),
    }
}
