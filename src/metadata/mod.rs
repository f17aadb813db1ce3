//! What the lists of a dataset say about its images: patients, views, labels, boxes, reports.
//!
//! ```text
//! list (description of a file) ─► read ─► metadata of each image of the catalog
//!                                  ▲
//! findings.csv ─► vocabulary ──────┘
//! ```
//!
//! Each dataset describes its lists; only what a description cannot say is code of the dataset.

pub mod age;
mod boxes;
mod builder;
mod cells;
mod columns;
pub mod date;
pub mod ecgen;
pub mod glob;
pub mod image;
mod labels;
mod layout;
pub mod list;
mod mask_store;
mod notes;
pub mod object_annotation;
pub mod python_list;
mod read;
pub mod runs;
pub mod sections;
pub mod shape;
#[cfg(test)]
mod tests;
pub mod vocabulary;

pub use builder::{Finished, Index, MetadataBuilder, Options};
pub use cells::Cells;
pub use image::{DateKind, ImageMetadata, Sex};
pub use list::{Column, Join, Meaning, MetadataList, Rows, ViewName};
pub use mask_store::MaskStore;
pub use notes::{ListNote, Named};
pub use vocabulary::Vocabulary;

/// What is the same for all images of a dataset, and its lists.
#[derive(Debug, Clone, Copy)]
pub struct MetadataRules {
    pub lists: &'static [MetadataList],
    /// What the dates of studies mean.
    pub dates: DateKind,
    /// What to take from DICOM headers.
    pub header: Option<HeaderRules>,
}

impl MetadataRules {
    /// No list says anything.
    pub const NONE: Self = Self {
        lists: &[],
        dates: DateKind::None,
        header: None,
    };
}

/// What the headers of a dataset's DICOM files say where no list does: sex, age, view and study.
#[derive(Debug, Clone, Copy)]
pub struct HeaderRules {
    pub zero_is_an_age: bool,
    pub views: &'static [ViewName],
    /// Whether the dates are those of studies, and not all the same.
    pub has_dates: bool,
}

impl HeaderRules {
    /// The meaning of the header's word for the sex of the patient.
    pub fn sex(&self, word: &str) -> Option<Sex> {
        let mut words = list::DICOM_SEX.iter();
        words.find(|(known, _)| *known == word)?.1
    }
}
