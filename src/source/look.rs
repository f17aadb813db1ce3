//! Checks one source before it is read.

use std::io;
use std::path::PathBuf;

use crate::catalog::Entry;
use crate::datasets::RawTree;
use crate::render::RenderParams;
use crate::storage::{Kind, Stamp};
use crate::store::ContentKey;

/// An existing source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: PathBuf,
    /// The content key for the current source and settings.
    pub key: ContentKey,
    /// Modification time: seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
}

/// Why an entry has no readable source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct SourceFault {
    /// Absent if the lists give none.
    pub path: Option<PathBuf>,
    pub cause: String,
}

impl Source {
    /// Checks the source of an entry of `tree`. One metadata call; nothing is read.
    pub fn look(
        tree: &RawTree,
        entry: &Entry<'_>,
        params: RenderParams,
    ) -> Result<Self, SourceFault> {
        let path = path_of(entry)?;
        let fault = |path, cause| SourceFault {
            path: Some(path),
            cause,
        };
        match tree.storage.stat(&path) {
            Ok(stat) if stat.kind == Kind::File => Ok(Self::of(tree, path, stat.stamp, params)),
            Ok(_) => Err(fault(path, "the source is not a file".to_owned())),
            Err(error) => Err(fault(path, words(&error))),
        }
    }

    /// The same from memory, without waiting for any disk or network. `None` if that is not enough,
    /// or if anything is wrong with the source.
    pub fn look_without_waiting(
        tree: &RawTree,
        entry: &Entry<'_>,
        params: RenderParams,
    ) -> Option<Self> {
        let path = path_of(entry).ok()?;
        let stat = tree.storage.stat_without_waiting(&path)?;
        (stat.kind == Kind::File).then(|| Self::of(tree, path, stat.stamp, params))
    }

    /// The source `path` of `tree` with this stamp.
    pub fn of(tree: &RawTree, path: PathBuf, stamp: Stamp, params: RenderParams) -> Self {
        Self {
            key: ContentKey::new(tree.source_id(&path), stamp, params),
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

/// The cause for a missing source.
pub const MISSING: &str = "the source is missing";

/// The cause for an image that is left out because its source is damaged.
pub fn left_out(damage: &str) -> String {
    format!("the source is damaged: {damage}; SKIP_DAMAGED leaves it out")
}

/// The cause for a source that cannot be accessed or read.
pub(super) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => MISSING.to_owned(),
        _ => format!("the source cannot be read: {error}"),
    }
}
