//! What can be wrong with a dataset's lists.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::shown::Show as _;

/// A fault of the lists as a whole: the dataset cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("{config_key}: {path}: {source}", path = path.shown())]
    Io {
        config_key: &'static str,
        path: PathBuf,
        source: io::Error,
    },

    #[error(
        "{config_key}: {list} is not in {folder} (nor {list}.gz); is {config_key} the dataset's own folder?",
        folder = folder.shown()
    )]
    MissingList {
        config_key: &'static str,
        list: String,
        folder: PathBuf,
    },

    #[error("{config_key}: {path} has no column \"{column}\"", path = path.shown())]
    MissingColumn {
        config_key: &'static str,
        path: PathBuf,
        column: &'static str,
    },

    #[error(
        "{config_key}: {path}, line {line}: expected at most {expected} fields, found {found}",
        path = path.shown()
    )]
    LongRow {
        config_key: &'static str,
        path: PathBuf,
        line: u64,
        expected: usize,
        found: usize,
    },

    #[error("{config_key}: {path}, line {line}: {problem}", path = path.shown(), problem = problem.shown())]
    Row {
        config_key: &'static str,
        path: PathBuf,
        line: u64,
        problem: String,
    },

    #[error("{config_key}: {folder} is not there; expected it below the dataset's root", folder = folder.shown())]
    MissingFolder {
        config_key: &'static str,
        folder: PathBuf,
    },

    #[error("{config_key}: more than 1,000,000 images, which six digits cannot number")]
    TooMany { config_key: &'static str },
}

/// Why one entry can only fail, while the rest of its dataset is fine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", .0.shown())]
pub struct EntryFault(pub String);
