//! Synthetic raw files for samples and tests: computed pictures in every coding of the datasets,
//! and made-up labels.

mod coding;
mod dicom;
mod error;
mod file_list;
mod labels;
mod phantom;
mod tree;

pub use coding::{Coding, Shade, picture};
pub use dicom::{DICOM_CODINGS, Syntax};
pub use error::SampleError;
pub(crate) use file_list::{Content, FileList, ListedFiles};
pub use labels::{chexpert_row, label_header, label_row};
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
