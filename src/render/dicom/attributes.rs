//! What the header of a DICOM file says about the patient and the study.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::super::RenderError;
use super::dataset;

/// Values as the file has them, without spaces around them; absent if they are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    pub patient_sex: Option<String>,
    pub patient_age: Option<String>,
    pub view_position: Option<String>,
    pub study: Option<String>,
    pub study_date: Option<String>,
}

impl Attributes {
    /// Reads a file, or the beginning of one that reaches into its pixel data.
    ///
    /// # Errors
    /// If the renderer would not find the pixel data either.
    pub fn of(file: &[u8]) -> Result<Self, RenderError> {
        let elements = dataset::read(file)?;
        let text = |tag: Tag| {
            let text = elements.text(tag)?;
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        Ok(Self {
            patient_sex: text(tags::PATIENT_SEX),
            patient_age: text(tags::PATIENT_AGE),
            view_position: text(tags::VIEW_POSITION),
            study: text(tags::STUDY_INSTANCE_UID),
            study_date: text(tags::STUDY_DATE),
        })
    }
}
