//! Synthetic raw files for samples and tests: computed pictures in every coding of the datasets,
//! and made-up labels.

mod coding;
mod dicom;
mod labels;
mod phantom;
mod tree;

use std::io;
use std::path::{Path, PathBuf};

use crate::files::is_disk_full;
use crate::shown::{Show as _, quoted_path};

pub use coding::{Coding, Shade, picture};
pub use dicom::{DICOM_CODINGS, Syntax};
pub use labels::{label_header, label_row};
pub use tree::SampleTree;
pub(crate) use tree::{Tally, write_file};

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
    #[error("{path}: {source}; give a folder that you can write to", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "the disk of {path} is full: free some space, or write fewer images (--images, --hard-link), \
         and run the same command again",
        path = path.shown()
    )]
    DiskFull { path: PathBuf },
    #[error(
        "{folder} has something in it that is not a sample; give a new folder: machex sample {new}",
        folder = folder.shown(), new = quoted_path(&folder.join("sample"))
    )]
    NotEmpty { folder: PathBuf },
    #[error(
        "{path} is not a folder; give a new one, such as: machex sample sample",
        path = path.shown()
    )]
    NotAFolder { path: PathBuf },
    #[error("drawing {path}: {problem}", path = path.shown())]
    Encode { path: PathBuf, problem: String },
}

impl SampleError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match () {
            () if is_disk_full(&source) => Self::DiskFull { path },
            () if source.kind() == io::ErrorKind::NotADirectory => Self::NotAFolder { path },
            () => Self::Io { path, source },
        }
    }
}
