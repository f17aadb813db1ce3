//! Phantoms as DICOM files.

use charls::{CharLS, FrameInfo};
use dicom_core::value::{PixelFragmentSequence, PrimitiveValue};
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use super::coding::{Shade, encode_jpeg};

/// Transfer syntaxes that a sample can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// 8 or 16 bits allocated.
    Explicit {
        bits: u16,
    },
    Implicit,
    Deflated,
    Jpeg,
    JpegLs,
}

/// One of each kind.
pub const DICOM_CODINGS: [Syntax; 5] = [
    Syntax::Explicit { bits: 16 },
    Syntax::Implicit,
    Syntax::JpegLs,
    Syntax::Deflated,
    Syntax::Explicit { bits: 8 },
];

/// Secondary capture (PS3.4, section B.5).
const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";

/// A picture to encode.
pub(super) struct Picture {
    pub width: u32,
    pub height: u32,
    pub values: Vec<u16>,
    pub syntax: Syntax,
    pub inverted: bool,
    pub seed: u64,
}

/// The highest value of a picture: 14 bits, as in digital detectors, or 8.
pub(super) fn highest(syntax: Syntax) -> u16 {
    if bits_allocated(syntax) == 8 {
        255
    } else {
        16_383
    }
}

fn bits_allocated(syntax: Syntax) -> u16 {
    match syntax {
        Syntax::Explicit { bits } => bits,
        Syntax::Jpeg => 8,
        Syntax::Implicit | Syntax::Deflated | Syntax::JpegLs => 16,
    }
}

fn uid(syntax: Syntax) -> &'static str {
    match syntax {
        Syntax::Explicit { .. } => uids::EXPLICIT_VR_LITTLE_ENDIAN,
        Syntax::Implicit => uids::IMPLICIT_VR_LITTLE_ENDIAN,
        Syntax::Deflated => uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        Syntax::Jpeg => uids::JPEG_BASELINE8_BIT,
        Syntax::JpegLs => uids::JPEGLS_LOSSLESS,
    }
}

/// The bytes of a DICOM file.
pub(super) fn encode(picture: &Picture) -> Result<Vec<u8>, String> {
    let bits = bits_allocated(picture.syntax);
    let stored = if bits == 8 { 8 } else { 14 };
    let photometric = if picture.inverted {
        "MONOCHROME1"
    } else {
        "MONOCHROME2"
    };
    let instance = format!("2.25.{}", u128::from(picture.seed) + 1);
    let number = |value: u16| PrimitiveValue::from(value);
    let mut object = InMemDicomObject::new_empty();
    for (tag, vr, value) in [
        (tags::SOP_CLASS_UID, VR::UI, SOP_CLASS.into()),
        (tags::SOP_INSTANCE_UID, VR::UI, instance.as_str().into()),
        (tags::MODALITY, VR::CS, "DX".into()),
        (tags::SAMPLES_PER_PIXEL, VR::US, number(1)),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric.into()),
        (tags::ROWS, VR::US, number(picture.height as u16)),
        (tags::COLUMNS, VR::US, number(picture.width as u16)),
        (tags::BITS_ALLOCATED, VR::US, number(bits)),
        (tags::BITS_STORED, VR::US, number(stored)),
        (tags::HIGH_BIT, VR::US, number(stored - 1)),
        (tags::PIXEL_REPRESENTATION, VR::US, number(0)),
    ] {
        object.put(DataElement::new(tag, vr, value));
    }
    put_pixels(&mut object, picture)?;
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uid(picture.syntax))
        .media_storage_sop_class_uid(SOP_CLASS)
        .media_storage_sop_instance_uid(instance);
    let object = object.with_meta(meta).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    object
        .write_all(&mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn put_pixels(object: &mut InMemDicomObject, picture: &Picture) -> Result<(), String> {
    let bytes = || -> Vec<u8> { picture.values.iter().map(|value| *value as u8).collect() };
    let mut fragment = match picture.syntax {
        Syntax::Jpeg => encode_jpeg(picture.width, picture.height, Shade::Gray, &bytes())?,
        Syntax::JpegLs => encode_jpegls(picture)?,
        Syntax::Explicit { bits: 8 } => {
            let mut bytes = bytes();
            bytes.resize(bytes.len().next_multiple_of(2), 0);
            object.put(DataElement::new(
                tags::PIXEL_DATA,
                VR::OB,
                PrimitiveValue::from(bytes),
            ));
            return Ok(());
        }
        Syntax::Explicit { .. } | Syntax::Implicit | Syntax::Deflated => {
            let values = PrimitiveValue::U16(picture.values.iter().copied().collect());
            object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, values));
            return Ok(());
        }
    };
    fragment.resize(fragment.len().next_multiple_of(2), 0);
    let fragments: PixelFragmentSequence<Vec<u8>> =
        PixelFragmentSequence::new_fragments(vec![fragment]);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, fragments));
    Ok(())
}

fn encode_jpegls(picture: &Picture) -> Result<Vec<u8>, String> {
    let info = FrameInfo {
        width: picture.width,
        height: picture.height,
        bits_per_sample: 14,
        component_count: 1,
    };
    let words: Vec<u8> = picture
        .values
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect();
    CharLS::default()
        .encode(info, 0, &words)
        .map_err(|error| error.to_string())
}
