//! Synthetic raw files for samples and tests: computed pictures in every coding of the datasets,
//! and made-up labels.

mod coding;
mod dicom;
mod labels;
mod phantom;
mod tree;

use std::io;
use std::path::{Path, PathBuf};

use crate::shown::Show as _;

pub use coding::{Coding, Shade, picture};
pub use dicom::{DICOM_CODINGS, Syntax};
pub use labels::{label_header, label_row};
pub use tree::SampleTree;
pub(crate) use tree::write_file;

/// How pictures are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Drawing {
    /// The same seed draws the same images.
    pub seed: u64,
    /// Draw only a few images and repeat them as hard links.
    pub hard_link: bool,
}

/// Why a sample cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    #[error("{path}: {source}", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{folder} has something in it that is not a sample; give a new folder",
        folder = folder.shown()
    )]
    NotEmpty { folder: PathBuf },
    #[error("drawing {path}: {problem}", path = path.shown())]
    Encode { path: PathBuf, problem: String },
}

impl SampleError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
