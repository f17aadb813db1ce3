//! Pictures that ask for much: damaged ones that are large, files that are no pictures and large,
//! and headers that lie. Each is one image that is made or fails with an error, in little address space.

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use common::{Bench, Ran};
use flate2::Compression;
use flate2::write::ZlibEncoder;

fn materialize(bench: &Bench, bytes: u64) -> Ran {
    let limit = format!("--as={bytes}");
    bench.run_limited(&[&limit], &["materialize", "--workers", "1"])
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(name);
    sum.update(data);
    let len = (data.len() as u32).to_be_bytes();
    [&len[..], name, data, &sum.sum().to_be_bytes()].concat()
}

/// The start of a PNG of 16-bit RGBA.
fn png_header(side: u32, interlace: u8) -> Vec<u8> {
    let side = side.to_be_bytes();
    let header = [&side[..], &side, &[16, 6, 0, 0, interlace]].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header)].concat()
}

/// A PNG of 16-bit RGBA that ends after six tenths of its data.
fn cut_png(path: &Path, side: u32, interlace: u8) {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    let row = vec![0; 1 + 8 * side as usize];
    for _ in 0..side {
        packed.write_all(&row).unwrap();
    }
    let packed = packed.finish().unwrap();
    let data = chunk(b"IDAT", &packed[..packed.len() * 6 / 10]);
    fs::write(path, [png_header(side, interlace), data].concat()).unwrap();
}

#[test]
fn a_large_png_that_is_cut_off_is_repaired_row_by_row() {
    let bench = Bench::small(2, "IMAGE_SIZE: 256");
    // 288 MB decoded.
    cut_png(&bench.small_source(0), 6000, 0);
    let ran = materialize(&bench, 160_000_000).expect_status(0);
    assert_eq!(ran.summary_of("chex-ray14"), [2, 2, 0, 0]);
}

#[test]
fn an_interlaced_one_takes_its_decoded_size_and_no_more() {
    let bench = Bench::small(2, "IMAGE_SIZE: 256");
    cut_png(&bench.small_source(0), 6000, 1);
    let ran = materialize(&bench, 160_000_000).expect_status(3);
    assert_eq!(ran.summary_of("chex-ray14"), [2, 1, 0, 1]);
    assert!(
        bench.failure_causes()[0].starts_with("no memory for "),
        "{:?}",
        bench.failure_causes()
    );
    let ran = materialize(&bench, 160_000_000 + 6000 * 6000 * 8).expect_status(0);
    assert_eq!(ran.summary_of("chex-ray14"), [2, 1, 1, 0]);
}

#[test]
fn of_a_large_file_that_is_no_picture_only_the_start_is_read() {
    let bench = Bench::small(4, "IMAGE_SIZE: 64");
    let enlarge = |number: u32, start: &[u8]| {
        let mut file = File::create(bench.small_source(number)).unwrap();
        file.write_all(start).unwrap();
        file.set_len(3 << 30).unwrap();
    };
    enlarge(0, b"");
    enlarge(1, &fs::read(bench.small_source(1)).unwrap());
    enlarge(2, b"PK\x03\x04");
    let ran = materialize(&bench, 160_000_000).expect_status(3);
    assert_eq!(ran.summary_of("chex-ray14"), [4, 1, 0, 3]);
    let causes = bench.failure_causes();
    for (cause, words) in causes.iter().zip([
        "nothing but zero bytes",
        "3221225472 bytes are more than a picture of",
        "a ZIP archive",
    ]) {
        assert!(cause.contains(words), "{cause}");
    }
}

/// Files of a few bytes that say they are pictures of 20,000 or more pixels a side.
fn lies() -> Vec<(&'static str, Vec<u8>)> {
    let side = 20_000u32;
    let short = side as u16;
    let le = |value: u32| value.to_le_bytes();
    let bmp = |bits: u16, packing: u32| {
        let numbers = [
            &b"BM"[..],
            &[0; 8],
            &le(54),
            &le(40),
            &le(side),
            &le(side),
            &1u16.to_le_bytes(),
            &bits.to_le_bytes(),
            &le(packing),
        ];
        [numbers.concat(), vec![0; 20], vec![1; 100]].concat()
    };
    let gif = {
        let size = [short.to_le_bytes(), short.to_le_bytes()].concat();
        let screen = [&b"GIF89a"[..], &size, &[0x80, 0, 0, 0, 0, 0, 9, 9, 9]].concat();
        [
            &screen[..],
            &[b',', 0, 0, 0, 0],
            &size,
            &[0, 2, 3, 0x44, 1, 2],
        ]
        .concat()
    };
    let tiff = {
        let entry = |tag: u16, value: u32| {
            [&tag.to_le_bytes()[..], &[4, 0, 1, 0, 0, 0], &le(value)].concat()
        };
        let entries = [
            (256, side),
            (257, side),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, 8),
            (277, 1),
            (278, side),
            (279, 50),
        ];
        let body = entries.map(|(tag, value)| entry(tag, value)).concat();
        [&b"II*\0\x08\0\0\0\x09\0"[..], &body, &[0; 4]].concat()
    };
    let webp = {
        // Lossless, 16,383 pixels a side.
        let body = [
            0x2f, 0xfe, 0xbf, 0xff, 0x0f, 0x88, 0x88, 8, 1, 2, 3, 4, 5, 6, 7, 8,
        ];
        let len = le(body.len() as u32);
        let riff = le(body.len() as u32 + 12);
        [&b"RIFF"[..], &riff, b"WEBPVP8L", &len, &body].concat()
    };
    let targa = |kind: u8| {
        let size = [short.to_le_bytes(), short.to_le_bytes()].concat();
        [
            &[0, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &size,
            &[24, 0x20],
            &[9; 50],
        ]
        .concat()
    };
    let pcx = {
        let last = (short - 1).to_le_bytes();
        let mut header = [&[10, 5, 1, 8, 0, 0, 0, 0][..], &last, &last].concat();
        header.resize(65, 0);
        header.extend([3, 0, 0]);
        header.resize(400, 7);
        header
    };
    let sgi = |packing: u8| {
        let size = short.to_be_bytes();
        let mut header = [&[1, 0xda, packing, 1, 0, 3][..], &size, &size, &[0, 3]].concat();
        header.resize(900, 0);
        header
    };
    let jpeg2000 = {
        let be = |value: u32| value.to_be_bytes();
        let sides = [
            be(side),
            be(side),
            be(0),
            be(0),
            be(side),
            be(side),
            be(0),
            be(0),
        ]
        .concat();
        let size = [&[0xff, 0x4f, 0xff, 0x51, 0, 47, 0, 0][..], &sides, &[0, 3]].concat();
        [&size[..], &[7, 1, 1, 7, 1, 1, 7, 1, 1], &[0; 60]].concat()
    };
    let icon = {
        let bitmap = bmp(32, 0)[14..].to_vec();
        let len = le(bitmap.len() as u32);
        [
            &[0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 32, 0][..],
            &len,
            &le(22),
            &bitmap,
        ]
        .concat()
    };
    let jpeg = |kind: u8| {
        let size = short.to_be_bytes();
        let frame = [&[0xff, kind, 0, 17, 8][..], &size, &size].concat();
        let scan = [0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0];
        let components = [3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0];
        [&[0xff, 0xd8][..], &frame, &components, &scan, &[0x55; 40]].concat()
    };
    vec![
        (
            "PNG",
            [png_header(side, 0), chunk(b"IDAT", &[0x78, 1, 1])].concat(),
        ),
        (
            "interlaced PNG",
            [png_header(side, 1), chunk(b"IDAT", &[0x78, 1, 1])].concat(),
        ),
        ("BMP", bmp(24, 0)),
        ("BMP of 8 bits", bmp(8, 0)),
        ("packed BMP", bmp(8, 1)),
        ("GIF", gif),
        ("TIFF", tiff),
        ("WebP", webp),
        ("TGA", targa(2)),
        ("packed TGA", targa(10)),
        ("PCX", pcx),
        ("SGI", sgi(0)),
        ("packed SGI", sgi(1)),
        ("PNM", b"P6 20000 20000 255\nabc".to_vec()),
        ("PNM in text", b"P2 20000 20000 255\n1 2 3".to_vec()),
        ("JPEG 2000", jpeg2000),
        ("ICO", icon),
        ("JPEG", jpeg(0xc0)),
        ("progressive JPEG", jpeg(0xc2)),
        ("arithmetic JPEG", jpeg(0xc9)),
        ("lossless JPEG", jpeg(0xc3)),
    ]
}

#[test]
fn a_header_that_lies_costs_its_image_and_nothing_else() {
    let lies = lies();
    let count = lies.len() as u32;
    let bench = Bench::small(count + 1, "IMAGE_SIZE: 64");
    for (number, (_, bytes)) in (0..).zip(&lies) {
        fs::write(bench.small_source(number), bytes).unwrap();
    }
    let ran = materialize(&bench, 170_000_000).expect_status(3);
    let [all, made, _, failed] = ran.summary_of("chex-ray14");
    assert_eq!([all, made + failed], [count + 1; 2]);
    // The last is a good one, and a PNG without data is black in little memory.
    assert!(made >= 1, "{}", ran.stderr());
    for cause in bench.failure_causes() {
        assert!(!cause.contains("crashed"), "{cause}");
    }
}
