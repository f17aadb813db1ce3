//! What an image becomes follows from its own bytes: nothing of the images that the same thread
//! rendered before reaches it, be they whole or damaged.

use machex::render::{RenderError, RenderParams, Rendered, Renderer};
use machex::synthetic::{Coding, Shade, Syntax, picture};
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
    let mut files = other_files();
    files.extend([
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
    ]);
    files
}

/// A PNG with rows of all values, so that what is left of another image would show.
fn png(width: u32, height: u32, color: png::ColorType, bits: png::BitDepth) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(bits);
    let row_len = color.samples() * width as usize * bits as usize / 8;
    let data: Vec<u8> = (0..row_len * height as usize)
        .map(|at| (at % 251) as u8 | 128)
        .collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&data).unwrap();
    drop(writer);
    bytes
}

/// As Adam7: the same bytes, which then stand for other pixels, and end early.
fn interlaced(png: &[u8]) -> Vec<u8> {
    let mut bytes = png.to_vec();
    bytes[28] = 1;
    let mut sum = flate2::Crc::new();
    sum.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    bytes
}

fn other_files() -> Vec<(&'static str, Vec<u8>)> {
    use png::{BitDepth, ColorType};
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let large = png(700, 500, ColorType::Rgba, BitDepth::Sixteen);
    let small = png(40, 30, ColorType::Grayscale, BitDepth::Eight);
    let rgb = png(300, 320, ColorType::Rgb, BitDepth::Eight);
    let dicom = |syntax| {
        let coding = Coding::Dicom {
            syntax,
            inverted: true,
        };
        picture(coding, 120, 95, 2).unwrap()
    };
    let [plain, deflated, jpeg_ls] = [
        Syntax::Explicit { bits: 16 },
        Syntax::Deflated,
        Syntax::JpegLs,
    ]
    .map(dicom);
    let large_jpeg = picture(Coding::Jpeg { shade: Shade::Rgb }, 640, 480, 3).unwrap();
    let gray_map = [b"P5 50 40 255\n".as_slice(), &[200; 50 * 40]].concat();
    vec![
        ("PNG, large", large.clone()),
        ("PNG, large, cut off", half(&large)),
        ("PNG, interlaced, cut off", half(&interlaced(&rgb))),
        ("PNG, small", small.clone()),
        ("PNG, small, cut off", half(&small)),
        ("PNG, interlaced", interlaced(&small)),
        ("PNG, colour", rgb.clone()),
        ("PNG, cut off in its header", rgb[..30].to_vec()),
        ("PNG without a row", rgb[..45].to_vec()),
        ("JPEG, large", large_jpeg.clone()),
        ("JPEG, large, cut off", half(&large_jpeg)),
        (
            "JPEG that libjpeg refuses",
            [b"\xff\xd8", large_jpeg.as_slice()].concat(),
        ),
        ("plain DICOM, cut off", half(&plain)),
        ("plain DICOM", plain),
        ("JPEG-LS in DICOM, cut off", half(&jpeg_ls)),
        ("JPEG-LS in DICOM", jpeg_ls),
        ("deflated DICOM, cut off", half(&deflated)),
        ("deflated DICOM", deflated),
        ("PGM, cut off", half(&gray_map)),
        ("PGM", gray_map),
        ("an HTML page", b"<!doctype html><html></html>".to_vec()),
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
