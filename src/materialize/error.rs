//! Errors that end a run early.

use std::io;
use std::path::PathBuf;

use crate::catalog::CatalogError;
use crate::config::InRawData;
use crate::files::{is_disk_full, is_not_ours};
use crate::removal::Removal;
use crate::shown::Show as _;
use crate::store::{LockError, RecordsFault};

/// An error of the whole run, not of one image.
#[derive(Debug, thiserror::Error)]
pub enum MaterializeError {
    /// The errors of all unreadable lists.
    #[error("{}", as_lines(.0))]
    Catalogs(Vec<CatalogError>),
    /// Finished images would be removed or left out, since their sources are gone.
    #[error("nothing was changed, since finished images would go:\n  {}", as_lines(.0))]
    Removal(Vec<Removal>),
    #[error(
        "MACHEX_PATH, {path}, is in the machex mount {mountpoint}, which cannot be written: \
         unmount it first (machex unmount {mountpoint}), or set MACHEX_PATH to another folder",
        path = path.shown(), mountpoint = mountpoint.shown()
    )]
    InMount { path: PathBuf, mountpoint: PathBuf },
    #[error(
        "{path} is not used: {source}; remove it or make it yours, or set MACHEX_PATH to a folder inside \
         one of yours",
        path = path.shown()
    )]
    NotOurs { path: PathBuf, source: io::Error },
    #[error("{0}; remove it or make it yours")]
    Records(RecordsFault),
    #[error(transparent)]
    InRawData(#[from] InRawData),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("{path}: {source}", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "cannot make {path}, where machex keeps its records beside the tree: {source}; \
         make its parent writable, or set MACHEX_PATH to a folder inside one that is",
        path = path.shown()
    )]
    State { path: PathBuf, source: io::Error },
    #[error(
        "the disk of {path} is full; all finished images are kept: \
         free some space and run the same command again",
        path = path.shown()
    )]
    DiskFull { path: PathBuf },
    #[error("a worker thread crashed outside of any image; please report it")]
    Crashed,
}

/// Why the table of a dataset is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnwrittenTable {
    /// A file of another program is in its place.
    #[error(
        "{path} is not overwritten, since machex did not write it: move it away, and run the same \
         command again",
        path = path.shown()
    )]
    Foreign { path: PathBuf },
    /// There is no place for the masks while it is made. A table without them would look complete.
    #[error(
        "{path} is not written: its {why}; free some space there, or name another folder in \
         CACHE_PATH, and run the same command again",
        path = path.shown()
    )]
    Masks { path: PathBuf, why: String },
}

impl From<CatalogError> for MaterializeError {
    fn from(error: CatalogError) -> Self {
        Self::Catalogs(vec![error])
    }
}

fn as_lines(errors: &[impl ToString]) -> String {
    errors
        .iter()
        .map(|error| error.to_string().shown().to_string())
        .collect::<Vec<_>>()
        .join("\n  ")
}

impl MaterializeError {
    /// Wraps an error of reading or writing `path`; distinguishes full disks and files that are not
    /// ours.
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match () {
            () if is_disk_full(&source) => Self::DiskFull { path },
            () if is_not_ours(&source) => Self::NotOurs { path, source },
            () => Self::Io { path, source },
        }
    }

    /// Like [`Self::io`], for creating the state folder `path`.
    pub(super) fn state(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| match Self::io(path)(source) {
            Self::Io { path, source } => Self::State { path, source },
            other => other,
        }
    }
}
