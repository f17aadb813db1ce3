//! What is counted of an image: all that a summary of a dataset needs, and no text.

use crate::metadata::image::{ImageMetadata, LabelSource, Negatives, Sex, Split, View};
use crate::metadata::vocabulary::States;
use crate::source::SourceHeader;

/// The countable properties of one image. What is not known is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ImageProperties {
    pub view: Option<View>,
    pub sex: Option<Sex>,
    /// Absent, too, if only a group of ages is known.
    pub age_years: Option<f32>,
    pub split: Option<Split>,
    pub findings: States,
    pub negatives: Option<Negatives>,
    pub label_source: Option<LabelSource>,
    /// Width and height of the source in pixels.
    pub size: Option<(u32, u32)>,
    /// Bits per sample of the source.
    pub bits: Option<u8>,
}

impl ImageProperties {
    /// The properties that the metadata tells, and a header if there is one.
    pub(super) fn of(image: &ImageMetadata, header: Option<&SourceHeader>) -> Self {
        let description = header.map(|header| &header.description);
        let size = description.and_then(|description| {
            let width = u32::try_from(description.width).ok()?;
            Some((width, u32::try_from(description.height).ok()?))
        });
        Self {
            view: image.view,
            sex: image.sex,
            age_years: image.age_years.filter(|_| image.age_is_group != Some(true)),
            split: image.split,
            findings: image.findings,
            negatives: image.negatives,
            label_source: image.label_source,
            size,
            bits: description.and_then(|description| u8::try_from(description.bits).ok()),
        }
    }
}
