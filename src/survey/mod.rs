//! The contents of the datasets of a config or of a finished tree: counts, findings, failures, and
//! some images of each to look at.
//!
//! ```text
//! config ─► raw  ─┐
//!                 ├─► Survey ─► galleries ─► failures
//! root   ─► tree ─┘
//! ```
//!
//! Free-text reports are never part of a survey, so that nothing made from one can show them.

mod failures;
mod findings;
mod gallery;
mod index_reader;
mod metadata;
mod mounted;
mod pick;
mod raw;
mod tally;
mod thumbnail;
mod tree;
mod words;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::catalog::Views;
use crate::render::RenderParams;

pub use failures::{FailedImage, ToldBy, damaged, failures, overlays};
pub use findings::{FindingCounts, Findings};
pub use gallery::{Gallery, GalleryImage, galleries};
// For the fuzz target `index`.
#[doc(hidden)]
pub use index_reader::{IndexEntry, read_index};
pub use metadata::{ImageCounts, MetadataSummary};
pub use pick::Pick;
pub use raw::of_config;
pub use tally::Tally;
pub use thumbnail::{ThumbnailError, thumbnail, to_jpeg};
pub use tree::{Tree, TreeError};
pub use words::printable;

/// The part of the datasets to survey.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Folder names; all datasets if empty.
    pub datasets: BTreeSet<String>,
    /// Maximum number of images to pick from each dataset.
    pub images: u32,
    /// Whether to count what the metadata tells: this reads more lists, and headers.
    pub metadata: bool,
}

impl Options {
    fn includes(&self, name: &str) -> bool {
        self.datasets.is_empty() || self.datasets.contains(name)
    }
}

/// The contents of some datasets.
#[derive(Debug)]
pub struct Survey {
    pub origin: Origin,
    pub datasets: Vec<DatasetSurvey>,
}

/// The origin of a survey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From raw datasets.
    Config {
        file: PathBuf,
        machex_path: PathBuf,
        params: RenderParams,
    },
    /// From a finished tree.
    Tree { root: PathBuf },
    /// From a mount.
    Mount { root: PathBuf, config: PathBuf },
}

/// The contents of one dataset.
#[derive(Debug, Default)]
pub struct DatasetSurvey {
    /// Name of its folder.
    pub name: String,
    pub images: u32,
    /// Images of each view in the lists; `None` if unknown.
    pub views: Option<Views>,
    /// Images that the lists name but the settings leave out, by view, in words; empty if there are
    /// none.
    pub left_out: String,
    /// `None` if it is not known whether there are labels.
    pub findings: Option<Findings>,
    /// How findings were found, and the views, patients and pictures; `None` if not known.
    pub metadata: Option<MetadataSummary>,
    /// Images to look at, evenly spread and including the first.
    pub picks: Vec<Pick>,
    /// List entries that can only fail.
    pub faults: Vec<FailedImage>,
    pub warnings: Vec<String>,
    /// Why its lists, or its index, cannot be read at all.
    pub error: Option<String>,
}

impl DatasetSurvey {
    fn unreadable(name: String, error: impl ToString) -> Self {
        Self {
            name,
            error: Some(error.to_string()),
            ..Self::default()
        }
    }
}
