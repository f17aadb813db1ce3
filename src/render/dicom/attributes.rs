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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Coding, Syntax, picture};

    /// An element in explicit little endian.
    fn element(tag: (u16, u16), vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let mut bytes = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
        bytes.extend(vr);
        if matches!(vr, b"SQ" | b"OB") {
            bytes.extend([0, 0]);
            bytes.extend((value.len() as u32).to_le_bytes());
        } else {
            bytes.extend((value.len() as u16).to_le_bytes());
        }
        bytes.extend(value);
        bytes
    }

    /// A file with these elements between its meta information and group 0028.
    fn file(elements: &[u8]) -> Vec<u8> {
        let syntax = Syntax::Explicit { bits: 8 };
        let coding = Coding::Dicom {
            syntax,
            inverted: false,
        };
        let file = picture(coding, 8, 8, 1).unwrap();
        let image = [0x28, 0, 2, 0, b'U', b'S'];
        let start = file.windows(6).position(|bytes| bytes == image).unwrap();
        [&file[..start], elements, &file[start..]].concat()
    }

    #[test]
    fn what_the_header_says_is_found() {
        let elements = [
            element((0x10, 0x40), b"CS", b"F "),
            element((0x10, 0x1010), b"AS", b"058Y"),
            element((0x18, 0x5101), b"CS", b"PA"),
            element((0x20, 0xd), b"UI", b"1.2\0"),
        ];
        let found = Attributes::of(&file(&elements.concat())).unwrap();
        assert_eq!(found.patient_sex.as_deref(), Some("F"));
        assert_eq!(found.patient_age.as_deref(), Some("058Y"));
        assert_eq!(found.view_position.as_deref(), Some("PA"));
        assert_eq!(found.study.as_deref(), Some("1.2"));
        assert_eq!(found.study_date, None);
    }

    #[test]
    fn sequences_that_are_nested_deeply_or_claim_much_do_no_harm() {
        let mut nested = Vec::new();
        for _ in 0..20_000 {
            let mut item = vec![0xfe, 0xff, 0, 0xe0];
            item.extend((nested.len() as u32).to_le_bytes());
            item.append(&mut nested);
            nested = element((8, 0x1140), b"SQ", &item);
            if nested.len() > 1 << 16 {
                break;
            }
        }
        let mut claims = element((8, 0x1140), b"SQ", &[0xfe, 0xff, 0, 0xe0, 20, 0, 0, 0]);
        claims.extend([
            0x29, 0, 0x10, 0x10, b'O', b'B', 0, 0, 0xee, 0xff, 0xff, 0xff,
        ]);
        let sex = element((0x10, 0x40), b"CS", b"M ");
        let found = Attributes::of(&file(&[nested, sex].concat())).unwrap();
        assert_eq!(found.patient_sex.as_deref(), Some("M"));
        let _ = Attributes::of(&file(&claims));
    }
}
