//! One row of the table, before it becomes part of columns.

use crate::metadata::ImageMetadata;
use crate::metadata::image::{DateKind, Texts};
use crate::metadata::shape::FindingMask;
use crate::render::Placement;
use crate::source::SourceHeader;

/// Everything that is known of one image.
pub(super) struct Row<'a> {
    pub dataset: &'static str,
    pub number: u32,
    pub key: &'a str,
    pub dates: DateKind,
    /// With what the header adds.
    pub image: ImageMetadata,
    pub header: Option<SourceHeader>,
    pub placement: Option<Placement>,
    pub texts: Option<Texts>,
    pub masks: Vec<FindingMask>,
}

impl Row<'_> {
    /// A text of the report.
    pub(super) fn text(&self, part: fn(&Texts) -> &Option<String>) -> Option<&str> {
        part(self.texts.as_ref()?).as_deref()
    }
}
