//! What an image becomes follows from its own bytes: nothing of the images that the same thread
//! rendered before reaches it, be they whole or damaged.

use machex::render::{RenderError, RenderParams, Rendered, Renderer};
use machex::sample::{Coding, Shade, Syntax, picture};
use proptest::prelude::*;

const PARAMS: RenderParams = RenderParams {
    size: 32,
    quality: 95,
};

fn jpeg(quality: i32, is_optimal: bool, salt: usize) -> Vec<u8> {
    let (width, height) = (90, 70);
    let pixels: Vec<u8> = (0..width * height)
        .map(|at| ((at % width * 7) ^ (at / width * 5) ^ salt) as u8)
        .collect();
    let mut compressor = turbojpeg::Compressor::new().unwrap();
    compressor.set_quality(quality).unwrap();
    compressor.set_optimize(is_optimal).unwrap();
    compressor.set_subsamp(turbojpeg::Subsamp::Gray).unwrap();
    let image = turbojpeg::Image {
        pixels: pixels.as_slice(),
        width,
        pitch: width,
        height,
        format: turbojpeg::PixelFormat::GRAY,
    };
    compressor.compress_to_vec(image).unwrap()
}

/// A JPEG without its segments of one kind.
fn without(jpeg: &[u8], marker: u8) -> Vec<u8> {
    const SOS: u8 = 0xda;
    let mut kept = jpeg[..2].to_vec();
    let mut at = 2;
    while jpeg[at + 1] != SOS {
        let len = 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] != marker {
            kept.extend(&jpeg[at..at + len]);
        }
        at += len;
    }
    kept.extend(&jpeg[at..]);
    kept
}

/// Whole and damaged files, by what they are.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    const DHT: u8 = 0xc4;
    const DQT: u8 = 0xdb;
    let (plain, optimal) = (jpeg(80, false, 0), jpeg(30, true, 99));
    let mut bad_code = plain.clone();
    let middle = bad_code.len() / 2;
    bad_code[middle..middle + 2].copy_from_slice(&[0xff, 0x61]);
    let dicom = |syntax| Coding::Dicom {
        syntax,
        inverted: false,
    };
    let sample = |coding| picture(coding, 90, 70, 1).unwrap();
    let dicom_jpeg = sample(dicom(Syntax::Jpeg));
    vec![
        ("of its own Huffman tables", optimal.clone()),
        ("without Huffman tables", without(&plain, DHT)),
        ("without those that it needs", without(&optimal, DHT)),
        ("without quantization tables", without(&plain, DQT)),
        ("cut off", plain[..plain.len() * 3 / 4].to_vec()),
        ("cut off in its header", plain[..40].to_vec()),
        ("of a damaged scan", bad_code),
        ("whole", plain),
        ("in colour", sample(Coding::Jpeg { shade: Shade::Rgb })),
        ("in DICOM", dicom_jpeg.clone()),
        (
            "in DICOM, cut off",
            dicom_jpeg[..dicom_jpeg.len() - 500].to_vec(),
        ),
        ("empty", Vec::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_image_is_what_it_is_alone_whatever_came_before(
        order in proptest::collection::vec(0..files().len(), 2..12),
    ) {
        let files = files();
        let alone: Vec<Result<Rendered, RenderError>> = files
            .iter()
            .map(|(_, bytes)| Renderer::new(PARAMS).render(bytes))
            .collect();
        let mut renderer = Renderer::new(PARAMS);
        for at in order {
            let (name, bytes) = &files[at];
            prop_assert!(renderer.render(bytes) == alone[at], "a file {}", name);
        }
    }
}

#[test]
fn a_jpeg_without_huffman_tables_has_the_standard_ones() {
    let files = files();
    let bytes = |wanted: &str| &files.iter().find(|(name, _)| *name == wanted).unwrap().1;
    let mut renderer = Renderer::new(PARAMS);
    let whole = renderer.render(bytes("whole")).unwrap();
    renderer.render(bytes("of its own Huffman tables")).unwrap();
    assert!(renderer.render(bytes("without Huffman tables")).unwrap() == whole);
}
