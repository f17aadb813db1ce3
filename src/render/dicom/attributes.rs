//! What the header of a DICOM file says about the patient and the study.

use std::io::Cursor;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::OpenFileOptions;

/// Values as the file has them, without blanks around them; absent if they are blank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    pub patient_sex: Option<String>,
    pub patient_age: Option<String>,
    pub view_position: Option<String>,
    pub study: Option<String>,
    pub study_date: Option<String>,
}

impl Attributes {
    /// Reads a file, or the beginning of one. Nothing is known if it cannot be read.
    pub fn of(file: &[u8]) -> Self {
        let options = OpenFileOptions::new().read_until(tags::PIXEL_DATA);
        let Ok(object) = options.from_reader(Cursor::new(file)) else {
            return Self::default();
        };
        let text = |tag: Tag| {
            let element = object.element_opt(tag).ok()??;
            let text = element.to_str().ok()?;
            let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
            (!text.is_empty()).then(|| text.to_owned())
        };
        Self {
            patient_sex: text(tags::PATIENT_SEX),
            patient_age: text(tags::PATIENT_AGE),
            view_position: text(tags::VIEW_POSITION),
            study: text(tags::STUDY_INSTANCE_UID),
            study_date: text(tags::STUDY_DATE),
        }
    }
}
