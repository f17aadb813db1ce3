//! Transfer syntaxes that the reference does not decode.
//!
//! The files of `cases/syntaxes` are named PIXELS-SYNTAX.dicom. Those of the same pixels are the same
//! image, the one named `native` uncompressed, so that each must give the JPEG of that one. Of
//! `lossy8` there is none: its JPEG was compressed again as JPEG XL.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use machex::render::{RenderError, RenderParams, Renderer, describe};

/// Small, so that each pixel of a source is seen: they have 35x26.
const PARAMS: RenderParams = RenderParams {
    size: 64,
    quality: 95,
};

fn files() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/syntaxes");
    let entries = fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    });
    entries.collect()
}

fn render(bytes: &[u8]) -> Result<Vec<u8>, RenderError> {
    let rendered = Renderer::new(PARAMS).render(bytes)?;
    assert!(rendered.notes.damage.is_none(), "{:?}", rendered.notes);
    Ok(rendered.jpeg)
}

fn error(bytes: &[u8]) -> String {
    render(bytes).map(|_| ()).unwrap_err().to_string()
}

/// `bytes` with other bytes where `from` stands first.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from);
    let at = at.expect("what is to be replaced");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// An element of VR US.
fn number(element: u16, value: u16) -> Vec<u8> {
    let words = [0x28, element].map(u16::to_le_bytes).concat();
    [&words[..], b"US\x02\0", &value.to_le_bytes()].concat()
}

const ROWS: u16 = 0x10;
const BITS_ALLOCATED: u16 = 0x100;
const PIXEL_REPRESENTATION: u16 = 0x103;

#[test]
fn each_gives_the_jpeg_of_the_same_pixels_uncompressed() {
    let files = files();
    let mut number = 0;
    for (name, bytes) in &files {
        let (pixels, _) = name.split_once('-').unwrap();
        let Some(native) = files.get(&format!("{pixels}-native")) else {
            continue;
        };
        let jpeg = render(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(jpeg == render(native).unwrap(), "{name}");
        number += 1;
    }
    assert!(number > 25);
}

#[test]
fn a_jpeg_that_was_compressed_again_gives_the_same_picture_within_rounding() {
    let files = files();
    let gray = |name: &str| {
        let jpeg = render(&files[name]).unwrap();
        let image = turbojpeg::decompress(&jpeg, turbojpeg::PixelFormat::GRAY).unwrap();
        image.pixels
    };
    let expected = gray("lossy8-jpeg");
    for (name, limit) in [("lossy8-jpegxl111", 3), ("lossy8-jpegxl112", 25)] {
        let differences = gray(name).into_iter().zip(&expected);
        let largest = differences.map(|(one, other)| one.abs_diff(*other)).max();
        assert!(largest <= Some(limit), "{name}: {largest:?}");
    }
}

#[test]
fn a_description_names_the_syntax() {
    let files = files();
    for (name, expected) in [
        ("gray16-deflated", "DICOM, deflated frame, 35x26, 16 bit"),
        (
            "gray8-encapsulated",
            "DICOM, uncompressed in fragments, 35x26, 8 bit",
        ),
        ("gray8-htj2k203", "DICOM, HTJ2K, 35x26, 8 bit"),
        ("gray12-jpegxl110", "DICOM, JPEG XL, 35x26, 16 bit"),
    ] {
        assert_eq!(describe(&files[name]).unwrap().to_string(), expected);
    }
}

#[test]
fn a_header_that_lies_is_refused() {
    let files = files();
    for name in [
        "gray8-jpegxl110",
        "gray8-jpegxl-container",
        "gray8-htj2k201",
    ] {
        let other = replaced(&files[name], &number(ROWS, 26), &number(ROWS, 27));
        let error = error(&other);
        assert!(
            error.contains("an image of 35x26 pixels"),
            "{name}: {error}"
        );
    }
    for name in ["gray8-deflated", "gray8-encapsulated"] {
        let other = replaced(&files[name], &number(ROWS, 26), &number(ROWS, 27));
        let error = error(&other);
        assert!(
            error.contains("rows and columns ask for 945"),
            "{name}: {error}"
        );
    }
    let signed = number(PIXEL_REPRESENTATION, 1);
    let other = replaced(
        &files["gray16-jpegxl110"],
        &number(PIXEL_REPRESENTATION, 0),
        &signed,
    );
    assert!(error(&other).contains("signed samples is not supported"));
    let other = replaced(
        &files["gray16-jpegxl110"],
        &number(BITS_ALLOCATED, 16),
        &number(BITS_ALLOCATED, 32),
    );
    assert!(error(&other).contains("JPEG XL, integer data of 32 bits"));
    let jpeg = b"1.2.840.10008.1.2.4.110\0";
    let other = replaced(
        &files["gray8-jpegxl110"],
        jpeg,
        b"1.2.840.10008.1.2.4.50\0\0",
    );
    assert!(error(&other).contains("should be JPEG, but begin with the bytes ff 0a"));
}

#[test]
fn damaged_data_are_an_error_or_a_picture_and_end_nothing() {
    for (name, bytes) in files() {
        let pixels = bytes
            .windows(4)
            .position(|tag| tag == [0xe0, 0x7f, 0x10, 0]);
        let pixels = pixels.unwrap();
        let mut renderer = Renderer::new(PARAMS);
        for at in (pixels..bytes.len()).step_by(1 + bytes.len() / 60) {
            let _ = renderer.render(&bytes[..at]);
            for bits in [1, 0x80, 0xff] {
                let mut other = bytes.clone();
                other[at] ^= bits;
                let rendered = renderer.render(&other);
                let is_crash = matches!(rendered, Err(RenderError::Crashed(_)));
                assert!(!is_crash, "{name}, byte {at}: {rendered:?}");
            }
        }
    }
}
