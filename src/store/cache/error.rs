//! Why a cache cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use crate::files::is_not_ours;
use crate::shown::Show as _;
use crate::store::LockError;

/// A fault of the cache as a whole.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("the cache: {path}: {source}", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{path} is not used as it is: {source}; set CACHE_PATH (or --cache-path) to another folder, \
         or, if you know who made this one, fix or remove it",
        path = path.shown()
    )]
    NotOurs { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(
        "{path} contains files that machex did not create; set CACHE_PATH (or --cache-path) to another folder",
        path = path.shown()
    )]
    Foreign { path: PathBuf },
    #[error(
        "{path} was made by a newer machex; use that one, set CACHE_PATH (or --cache-path) to another \
         folder, or remove this one",
        path = path.shown()
    )]
    Newer { path: PathBuf },
    #[error("the cache: {path}: {source}", path = path.shown())]
    RecordDb {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error("starting the thread that keeps the cache: {0}")]
    Thread(io::Error),
}

impl CacheError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            if is_not_ours(&source) {
                Self::NotOurs { path, source }
            } else {
                Self::Io { path, source }
            }
        }
    }

    /// Whether the folder cannot be written: it is read-only, full, or belongs to another user. A
    /// mount can serve everything without it.
    pub fn is_unwritable(&self) -> bool {
        use io::ErrorKind::{
            FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        match self {
            Self::Io { source, .. } | Self::Lock(LockError::Io { source, .. }) => matches!(
                source.kind(),
                FileTooLarge | PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull
            ),
            Self::RecordDb { source, .. } => {
                use rusqlite::ErrorCode::{CannotOpen, DiskFull, PermissionDenied, ReadOnly};
                let is_write = |error: &rusqlite::ffi::Error| {
                    error.extended_code == rusqlite::ffi::SQLITE_IOERR_WRITE
                };
                matches!(
                    source.sqlite_error_code(),
                    Some(CannotOpen | DiskFull | PermissionDenied | ReadOnly)
                ) || source.sqlite_error().is_some_and(is_write)
            }
            _ => false,
        }
    }
}
