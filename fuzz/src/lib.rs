//! What the fuzz targets do with their bytes, one function for each target.
//!
//! `tests/fuzz_corpus.rs` includes this file and runs the same functions over the corpus, so that
//! every input that was ever of interest is tried with a stable compiler, too.

mod config;
mod dicom;
mod lists;
mod pictures;
mod records;
mod render;
mod room;

/// One function for each target, by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 14] = [
    ("png", png),
    ("jpeg", jpeg),
    ("picture", picture),
    ("dicom_native", dicom_native),
    ("dicom_rle", dicom_rle),
    ("dicom_jpeg", dicom_jpeg),
    ("dicom_jpegls", dicom_jpegls),
    ("dicom_jpeg2000", dicom_jpeg2000),
    ("dicom_jpegxl", dicom_jpegxl),
    ("lists", lists),
    ("catalog", catalog),
    ("records", records),
    ("index", index),
    ("config", config),
];

pub use config::config;
pub use dicom::{dicom_jpeg, dicom_jpeg2000, dicom_jpegls, dicom_jpegxl, dicom_native, dicom_rle};
pub use lists::lists;
pub use pictures::{jpeg, picture, png};
pub use records::{catalog, index, records};
