//! What ends a run before it is done.

use std::io;
use std::path::PathBuf;

use crate::catalog::CatalogError;
use crate::store::LockError;

/// A fault that concerns the run and not one image.
#[derive(Debug, thiserror::Error)]
pub enum MaterializeError {
    /// All lists that cannot be read.
    #[error("{}", as_lines(.0))]
    Catalogs(Vec<CatalogError>),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "cannot make {path}, where machex keeps its records beside the tree: {source}; \
         make its parent writable, or set MACHEX_PATH to a folder inside one that is",
        path = path.display()
    )]
    State { path: PathBuf, source: io::Error },
    #[error(
        "the disk of {path} is full; what is finished is whole and kept: \
         make room and run the same command again",
        path = path.display()
    )]
    DiskFull { path: PathBuf },
    #[error("a worker thread crashed outside of any image; please report it")]
    Crashed,
}

impl From<CatalogError> for MaterializeError {
    fn from(error: CatalogError) -> Self {
        Self::Catalogs(vec![error])
    }
}

fn as_lines(errors: &[CatalogError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n  ")
}

impl MaterializeError {
    /// Wraps an error of reading or writing `path`, telling a full disk from the rest.
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match crate::store::is_disk_full(&source) {
            true => Self::DiskFull { path },
            false => Self::Io { path, source },
        }
    }
}
