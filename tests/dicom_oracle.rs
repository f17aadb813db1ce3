//! dicom-pixeldata as a second opinion on losslessly coded pixels.
//!
//! Both decode a file. The samples of dicom-pixeldata are put into a file of their own, uncompressed
//! and with the same header. machex must make the same JPEG of both files, at a size at which each
//! sample of these small images is seen.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{DefaultDicomObject, FileMetaTableBuilder, InMemDicomObject};
use dicom_pixeldata::{PixelDecoder, Transcode};
use dicom_transfer_syntax_registry::entries;
use machex::render::{RenderError, RenderParams, Rendered, Renderer};
use machex::synthetic::{Coding, DICOM_CODINGS, picture};

const PARAMS: RenderParams = RenderParams {
    size: 64,
    quality: 95,
};

/// Transfer syntaxes that keep every bit.
const LOSSLESS: [&str; 15] = [
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    "1.2.840.10008.1.2.2",
    uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN,
    uids::DEFLATED_IMAGE_FRAME_COMPRESSION,
    uids::RLE_LOSSLESS,
    uids::JPEG_LOSSLESS,
    uids::JPEG_LOSSLESS_SV1,
    uids::JPEGLS_LOSSLESS,
    uids::JPEG2000_LOSSLESS,
    uids::HTJ2K_LOSSLESS,
    uids::HTJ2K_LOSSLESS_RPCL,
    uids::HTJ2K,
    uids::JPEGXL_LOSSLESS,
];

/// Elements of group 0028 that say what samples mean.
const DESCRIPTION: [Tag; 9] = [
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::PLANAR_CONFIGURATION,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
];

/// Files of which the two do not make the same: what dicom-pixeldata does with them (and why), and
/// their names. The reference decides what machex makes of each, in `cases_dicom.rs`.
const DISAGREEMENTS: [(&str, &str); 16] = [
    (
        "is not read: elements that break the standard",
        "b7_junk_item group0 j2k_bot_bad j2k_junk_item meta_impl meta_no_len native_undef_noitems \
         ob_undef_private own_undef_UN own_vr_XX_priv priv_implicit_undef_noitem sq_notitem \
         trailing_rand ts_space_front un_implicit_items un_nested_implicit un_undef_items vr_A_tilde \
         vr_XX vr_ZZ",
    ),
    (
        "is not read: other value representations or another byte order than the syntax says",
        "own_says_explicit_is_implicit says_big_is_impl says_expl_is_impl says_impl_is_expl",
    ),
    (
        "is not decoded: a code stream of another format than the syntax says",
        "jls_g12_in70 jls_g16_in70 jls_g8_in70 jls_rgb_in70 jls_s12_in70 jpg_in90 jpg_rgb_in90 \
         jpg_ybr_in90 ljpg_g12_in80 ljpg_g16_in80 ljpg_g8_in80 ljpg_rgb_in80 ljpg_s12_in80",
    ),
    (
        "is not decoded: elements that are missing, empty or of another VR than they should be",
        "frames_1.0 frames_abc own_pi_empty pi_empty rows_ds rows_is rows_is_front rows_ss rows_ul \
         stored_missing un_all28",
    ),
    (
        "is not decoded: encapsulated pixel data of defined length",
        "j2k_defined_length j2k_defined_noend",
    ),
    (
        "is not decoded: two fragments for one frame",
        "gray8-deflated-fragments",
    ),
    ("is not decoded: floating point", "own_floatpixels"),
    ("is not decoded: RLE of 32 bits", "rle_rgb32"),
    (
        "is refused when written again: it decodes 8 bits where 16 are allocated",
        "jls_8_in_16",
    ),
    (
        "is refused when written again: one bit, of which it drops a last byte or two channels",
        "bit1_long bit1_odd bit1_rgb bit1_rgb_planar",
    ),
    (
        "has other samples: it takes the header's sign for the code stream's",
        "j2k_12_pr1 j2k_s12_pr0",
    ),
    (
        "has other samples: fragments of uncompressed data, which pydicom takes as they are",
        "native_frag2 native_frag_8 native_frag_be native_frag_impl own_native_in_fragments",
    ),
    (
        "has other samples: a code stream under an uncompressed syntax, which pydicom takes as it is",
        "j2k_native_ts",
    ),
    (
        "has other samples: lossy JPEG under a lossless syntax, by another decoder",
        "jpg_in70 own_baseline_in_lossless_ts",
    ),
    (
        "has other samples: 8 bits where 16 are allocated",
        "ljpg_8_in_16",
    ),
    (
        "has other samples: components in scans of their own, which it calls interleaved",
        "jls_rgb_in80 jls_ybr",
    ),
];

fn render(bytes: &[u8]) -> Result<Rendered, RenderError> {
    Renderer::new(PARAMS).render(bytes)
}

fn written(object: DefaultDicomObject) -> Vec<u8> {
    let mut bytes = Vec::new();
    object.write_all(&mut bytes).unwrap();
    bytes
}

/// The samples that dicom-pixeldata decodes, in a file of their own; an error is why there are none.
fn decoded(object: &DefaultDicomObject) -> Result<Vec<u8>, String> {
    let pixels = object
        .decode_pixel_data()
        .map_err(|error| error.to_string())?;
    let mut native = InMemDicomObject::new_empty();
    for tag in DESCRIPTION {
        if let Ok(element) = object.element(tag) {
            native.put(element.clone());
        }
    }
    // A bit becomes a byte of 0 or 255.
    let bits_allocated = pixels.bits_allocated().max(8);
    native.put(element(tags::BITS_ALLOCATED, bits_allocated));
    // It interleaves what it decodes, and keeps what it finds uncompressed.
    if pixels.samples_per_pixel() > 1 {
        let planar = pixels.planar_configuration() as u16;
        native.put(element(tags::PLANAR_CONFIGURATION, planar));
    }
    let (vr, values) = if bits_allocated == 16 {
        (VR::OW, PrimitiveValue::U16(pixels.data_ow().into()))
    } else {
        let mut bytes = pixels.data().to_vec();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        (VR::OB, PrimitiveValue::from(bytes))
    };
    native.put(DataElement::new(tags::PIXEL_DATA, vr, values));
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(uids::SECONDARY_CAPTURE_IMAGE_STORAGE)
        .media_storage_sop_instance_uid("2.25.1");
    let file = native.with_meta(meta).map_err(|error| error.to_string())?;
    Ok(written(file))
}

fn element(tag: Tag, value: u16) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::US, PrimitiveValue::from(value))
}

/// What the two make of a file: `None` where they agree.
fn disagreement(bytes: &[u8]) -> Option<String> {
    let ours = match render(bytes) {
        Ok(rendered) if rendered.notes.damage.is_none() => rendered,
        // The reference, and not another decoder, says what is made of a damaged file.
        _ => return None,
    };
    let read = || dicom_object::from_reader(bytes);
    let Ok(Ok(object)) = std::panic::catch_unwind(read) else {
        return Some("is not read".to_owned());
    };
    if !LOSSLESS.contains(&object.meta().transfer_syntax()) {
        return None;
    }
    let theirs = std::panic::catch_unwind(|| decoded(&object));
    let theirs = match theirs {
        Ok(Ok(theirs)) => theirs,
        Ok(Err(_)) => return Some("is not decoded".to_owned()),
        Err(_) => return Some("panics".to_owned()),
    };
    match render(&theirs) {
        Ok(theirs) if theirs.jpeg == ours.jpeg => None,
        Ok(_) => Some("has other samples".to_owned()),
        Err(_) => Some("is refused when written again".to_owned()),
    }
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        if path.is_dir() {
            files_below(&path, files);
        } else if extension == "dicom" || extension == "dcm" {
            files.push(path);
        }
    }
}

#[test]
fn both_decode_the_same_samples() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files = Vec::new();
    for folder in [
        cases.join("dicom"),
        cases.join("syntaxes"),
        common::golden(),
    ] {
        files_below(&folder, &mut files);
    }
    files.sort();
    let mut wrong = Vec::new();
    let mut agreed = 0;
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let expected = DISAGREEMENTS
            .iter()
            .find(|(_, names)| names.split_whitespace().any(|one| one == name));
        let found = disagreement(&fs::read(&file).unwrap());
        match (expected, &found) {
            (None, None) => agreed += 1,
            (Some((reason, _)), Some(found)) if reason.starts_with(found.as_str()) => {}
            _ => wrong.push(format!("{name}: {found:?}, expected: {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(agreed > 100, "{agreed}");
}

#[test]
fn what_it_writes_is_what_we_read() {
    let syntaxes = [
        entries::IMPLICIT_VR_LITTLE_ENDIAN.erased(),
        entries::EXPLICIT_VR_BIG_ENDIAN.erased(),
        entries::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN.erased(),
        entries::DEFLATED_IMAGE_FRAME_COMPRESSION.erased(),
        entries::JPEG_LS_LOSSLESS_IMAGE_COMPRESSION.erased(),
        entries::JPEG_XL_LOSSLESS.erased(),
    ];
    for (syntax, inverted) in DICOM_CODINGS
        .into_iter()
        .flat_map(|syntax| [(syntax, false), (syntax, true)])
    {
        let drawn = picture(Coding::Dicom { syntax, inverted }, 61, 47, 3).unwrap();
        assert_eq!(disagreement(&drawn), None, "{syntax:?}");
        for other in &syntaxes {
            for signed in [false, true] {
                let is_jpeg_xl = other.uid() == uids::JPEGXL_LOSSLESS;
                let mut object = dicom_object::from_reader(drawn.as_slice()).unwrap();
                object.put(element(tags::PIXEL_REPRESENTATION, signed.into()));
                let expected = render(&written(object.clone())).unwrap();
                object.transcode(other).unwrap();
                let rendered = render(&written(object));
                if is_jpeg_xl && signed {
                    assert!(rendered.is_err());
                } else {
                    let rendered = rendered.unwrap();
                    assert!(rendered == expected, "{syntax:?}, {}", other.name());
                }
            }
        }
    }
}
