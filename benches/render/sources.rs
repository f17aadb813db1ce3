//! What is rendered: phantoms of the sizes and codings that the datasets have.

use dicom_core::value::{PixelFragmentSequence, PrimitiveValue};
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use machex::synthetic::{Coding, Shade, Syntax, picture};

use super::floor::{self, Floor};
use super::jpeg2000;

/// Width and height of the DICOM sources: a full-field digital detector's.
const DICOM_SIZE: (u32, u32) = (2800, 3400);

pub struct Source {
    pub name: &'static str,
    /// Draws it; not before it is needed, since that takes longer than rendering.
    pub make: fn() -> Vec<u8>,
    pub floor: fn(&[u8]) -> Floor,
}

const GRAY_JPEG: Coding = Coding::Jpeg { shade: Shade::Gray };

const fn gray_png(bits: u8) -> Coding {
    Coding::Png {
        bits,
        shade: Shade::Gray,
    }
}

pub const ALL: [Source; 7] = [
    Source {
        name: "gray JPEG 2320x2828",
        make: || draw(GRAY_JPEG, 2320, 2828),
        floor: floor::jpeg,
    },
    Source {
        name: "gray JPEG 2544x3056",
        make: || draw(GRAY_JPEG, 2544, 3056),
        floor: floor::jpeg,
    },
    Source {
        name: "colour JPEG 2048x2500",
        make: || draw(Coding::Jpeg { shade: Shade::Rgb }, 2048, 2500),
        floor: floor::colour_jpeg,
    },
    Source {
        name: "gray PNG 1024x1024",
        make: || draw(gray_png(8), 1024, 1024),
        floor: floor::png,
    },
    Source {
        name: "16-bit PNG 3520x4280",
        make: || draw(gray_png(16), 3520, 4280),
        floor: floor::png,
    },
    Source {
        name: "DICOM 16-bit 2800x3400",
        make: dicom,
        floor: floor::dicom,
    },
    Source {
        name: "DICOM JPEG 2000 16-bit 2800x3400",
        make: || compressed(&dicom()),
        floor: floor::jpeg2000,
    },
];

fn draw(coding: Coding, width: u32, height: u32) -> Vec<u8> {
    picture(coding, width, height, 7).expect("a picture")
}

fn dicom() -> Vec<u8> {
    let syntax = Syntax::Explicit { bits: 16 };
    draw(
        Coding::Dicom {
            syntax,
            inverted: false,
        },
        DICOM_SIZE.0,
        DICOM_SIZE.1,
    )
}

/// The same image with its pixels as a JPEG 2000 code stream.
fn compressed(dicom: &[u8]) -> Vec<u8> {
    let object = dicom_object::from_reader(dicom).expect("a data set");
    let (meta, mut object): (_, InMemDicomObject) = (object.meta().clone(), object.into_inner());
    let values = object
        .take(tags::PIXEL_DATA)
        .expect("pixel data")
        .value()
        .to_multi_int::<u16>()
        .expect("words");
    let mut stream = jpeg2000::encode(DICOM_SIZE.0, DICOM_SIZE.1, 14, &values);
    stream.resize(stream.len().next_multiple_of(2), 0);
    let fragments: PixelFragmentSequence<Vec<u8>> =
        PixelFragmentSequence::new_fragments(vec![stream]);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, fragments));
    object.put(DataElement::new(
        tags::BITS_ALLOCATED,
        VR::US,
        PrimitiveValue::from(16u16),
    ));
    let meta = dicom_object::FileMetaTableBuilder::new()
        .transfer_syntax(uids::JPEG2000_LOSSLESS)
        .media_storage_sop_class_uid(meta.media_storage_sop_class_uid)
        .media_storage_sop_instance_uid(meta.media_storage_sop_instance_uid);
    let mut bytes = Vec::new();
    object
        .with_meta(meta)
        .expect("a file")
        .write_all(&mut bytes)
        .expect("written");
    bytes
}
