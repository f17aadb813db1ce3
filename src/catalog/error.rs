//! Faults of a dataset's lists.

use std::io;
use std::path::{Path, PathBuf};

use indicatif::{HumanBytes, HumanCount};
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
        "{config_key}: {list} is not in {folder} (nor {list}.gz)",
        folder = folder.shown()
    )]
    MissingList {
        config_key: &'static str,
        list: String,
        folder: PathBuf,
    },

    #[error("{config_key}: {path} has no column \"{column}\": {found}", path = path.shown())]
    MissingColumn {
        config_key: &'static str,
        path: PathBuf,
        column: &'static str,
        /// The existing columns, and the one that is probably meant.
        found: String,
    },

    #[error("{config_key}: {path}{line}: {fault}", path = path.shown(), line = at(*line))]
    List {
        config_key: &'static str,
        path: PathBuf,
        /// 0 if the fault concerns the whole file.
        line: u64,
        fault: ListFault,
    },

    #[error("{config_key}: {folder} is not there", folder = folder.shown())]
    MissingFolder {
        config_key: &'static str,
        folder: PathBuf,
    },

    /// With a suggestion what to do.
    #[error("{error}. {hint}")]
    Hinted {
        error: Box<CatalogError>,
        hint: String,
    },

    #[error("{config_key}: more than 1,000,000 images, which six digits cannot number")]
    TooMany { config_key: &'static str },

    #[error(
        "{config_key}: the keys of all images have more than {}, or there is no memory for them",
        HumanBytes(*limit)
    )]
    LongKeys {
        config_key: &'static str,
        limit: u64,
    },
}

fn at(line: u64) -> String {
    match line {
        0 => String::new(),
        line => format!(", line {line}"),
    }
}

/// Why a list cannot be read. Passed inside an [`io::Error`] from the reader that notices it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListFault {
    #[error("this is {kind}, not a list: {advice}")]
    Kind {
        kind: &'static str,
        advice: &'static str,
    },
    #[error("the file is empty: download it again")]
    Empty,
    #[error("the gzip file is cut off: download it again")]
    CutOff,
    #[error("the gzip file is damaged ({0}): download it again")]
    Damaged(String),
    #[error("the file starts as UTF-16 text but is not valid UTF-16: download it again")]
    NotUtf16,
    #[error("a list has at most {}, and this one has more", HumanBytes(*limit))]
    LongList { limit: u64 },
    #[error("the line that begins here has more than {}", HumanBytes(*limit))]
    LongLine { limit: u64 },
    #[error(
        "no row ends within {} from here: a quote is opened and not closed, or lines are missing",
        HumanBytes(*limit)
    )]
    LongCell { limit: u64 },
    #[error("a quote is opened here and never closed")]
    OpenQuote,
    #[error("expected at most {expected} fields, found {found}")]
    LongRow { expected: usize, found: usize },
    #[error("a list has at most {} rows, and this one has more", HumanCount(*limit))]
    ManyRows { limit: u64 },
    #[error("a list has at most {} columns, and this one has more", HumanCount(*limit))]
    ManyColumns { limit: u64 },
}

impl From<ListFault> for io::Error {
    fn from(fault: ListFault) -> Self {
        io::Error::other(fault)
    }
}

impl ListFault {
    /// The fault inside a reader's error, if there is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl CatalogError {
    /// Whether only one row of a list is at fault, so that the next ones can be read.
    pub fn is_about_one_row(&self) -> bool {
        let fault = match self {
            Self::List { fault, .. } => fault,
            _ => return false,
        };
        matches!(fault, ListFault::LongRow { .. })
    }

    /// The error for the list `path`, at `line` (0: no line).
    pub fn reading(
        config_key: &'static str,
        path: &Path,
        line: u64,
        error: io::Error,
    ) -> CatalogError {
        let path = path.to_owned();
        match ListFault::of(&error) {
            Some(fault) => CatalogError::List {
                config_key,
                path,
                line,
                fault: fault.clone(),
            },
            None => CatalogError::Io {
                config_key,
                path,
                source: error,
            },
        }
    }
}

/// Why one entry can only fail, while the rest of its dataset is usable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", .0.shown())]
pub struct EntryFault(pub String);
