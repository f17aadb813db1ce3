//! DICOM, one target for each coding of pixels.
//!
//! An input is a file, if `DICM` stands where it should; or else a few bytes that choose the header, and
//! the pixel data, for which a file is made here: a mutation then meets the decoder, and not the
//! elements that lead to it.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::render::render;

/// Uncompressed or deflated, in one piece or in fragments.
pub fn dicom_native(data: &[u8]) {
    let syntaxes = [
        IMPLICIT,
        EXPLICIT,
        BIG_ENDIAN,
        DEFLATED,
        "1.2.840.10008.1.2.1.98",
        "1.2.840.10008.1.2.8.1",
    ];
    file(data, &syntaxes);
}

pub fn dicom_rle(data: &[u8]) {
    file(data, &["1.2.840.10008.1.2.5"]);
}

/// Baseline, extended, lossless, lossless of the first order.
pub fn dicom_jpeg(data: &[u8]) {
    let syntaxes = [
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
    ];
    file(data, &syntaxes);
}

pub fn dicom_jpegls(data: &[u8]) {
    file(data, &["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"]);
}

/// HTJ2K, too.
pub fn dicom_jpeg2000(data: &[u8]) {
    let syntaxes = [
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.201",
    ];
    file(data, &syntaxes);
}

pub fn dicom_jpegxl(data: &[u8]) {
    file(data, &["1.2.840.10008.1.2.4.110"]);
}

const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

const PHOTOMETRIC: [&str; 8] = [
    "MONOCHROME2",
    "MONOCHROME1",
    "RGB",
    "YBR_FULL",
    "YBR_FULL_422",
    "PALETTE COLOR",
    "YBR_RCT",
    "",
];

/// Bytes of the description in front of the pixel data.
const HEAD: usize = 8;

fn file(data: &[u8], syntaxes: &[&'static str]) {
    if data.get(128..132) == Some(b"DICM") {
        render(data);
    } else if let Some((head, pixels)) = data.split_first_chunk::<HEAD>() {
        render(&around(head, pixels, syntaxes));
    }
}

/// Writes elements.
struct Writer {
    bytes: Vec<u8>,
    explicit: bool,
    big_endian: bool,
}

impl Writer {
    fn number16(&mut self, number: u16) {
        self.bytes.extend(match self.big_endian {
            true => number.to_be_bytes(),
            false => number.to_le_bytes(),
        });
    }

    fn number32(&mut self, number: u32) {
        self.bytes.extend(match self.big_endian {
            true => number.to_be_bytes(),
            false => number.to_le_bytes(),
        });
    }

    /// Tag, VR and length.
    fn head(&mut self, tag: [u16; 2], vr: &[u8; 2], len: u32) {
        tag.into_iter().for_each(|part| self.number16(part));
        if !self.explicit {
            return self.number32(len);
        }
        self.bytes.extend(vr);
        if matches!(vr, b"OB" | b"OW" | b"UN") {
            self.number16(0);
            self.number32(len);
        } else {
            self.number16(len as u16);
        }
    }

    fn text(&mut self, tag: [u16; 2], vr: &[u8; 2], text: &str) {
        let len = text.len().next_multiple_of(2);
        self.head(tag, vr, len as u32);
        self.bytes.extend(text.as_bytes());
        self.bytes.resize(self.bytes.len() + len - text.len(), b' ');
    }

    fn us(&mut self, element: u16, number: u16) {
        self.head([0x28, element], b"US", 2);
        self.number16(number);
    }
}

/// A file with these pixel data.
fn around(head: &[u8; HEAD], pixels: &[u8], syntaxes: &[&'static str]) -> Vec<u8> {
    let [
        syntax,
        rows,
        columns,
        bits,
        stored,
        photometric,
        flags,
        fragments,
    ] = *head;
    let syntax = syntaxes[usize::from(syntax) % syntaxes.len()];
    let bits_allocated = [8, 16, 32, 1][usize::from(bits) % 4];
    let samples = if flags & 4 == 0 { 1 } else { 3 };
    let mut meta = Writer {
        bytes: vec![0; 128],
        explicit: true,
        big_endian: false,
    };
    meta.bytes.extend(b"DICM");
    meta.text([2, 0x10], b"UI", syntax);
    let mut data = Writer {
        bytes: Vec::new(),
        explicit: syntax != IMPLICIT,
        big_endian: syntax == BIG_ENDIAN,
    };
    data.us(2, samples);
    data.text([0x28, 4], b"CS", PHOTOMETRIC[usize::from(photometric) % 8]);
    if samples == 3 {
        data.us(6, u16::from(flags & 1));
    }
    data.us(0x10, 1 + u16::from(rows));
    data.us(0x11, 1 + u16::from(columns));
    data.us(0x100, bits_allocated);
    let bits_stored = 1 + u16::from(stored) % bits_allocated;
    data.us(0x101, bits_stored);
    data.us(0x102, bits_stored - 1);
    data.us(0x103, u16::from(flags >> 1 & 1));
    let is_native = [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED].contains(&syntax);
    if is_native && flags & 16 == 0 {
        let vr = if flags & 8 == 0 { b"OW" } else { b"OB" };
        let len = pixels.len().next_multiple_of(2);
        data.head([0x7fe0, 0x10], vr, len as u32);
        data.bytes.extend(pixels);
        data.bytes.resize(data.bytes.len() + len - pixels.len(), 0);
    } else {
        data.head([0x7fe0, 0x10], b"OB", u32::MAX);
        let parts = 1 + usize::from(fragments) % 4;
        let part = pixels.len().div_ceil(parts).next_multiple_of(2).max(2);
        for item in std::iter::once(b"".as_slice()).chain(pixels.chunks(part)) {
            let len = item.len().next_multiple_of(2);
            item_head(&mut data, 0xe000, len as u32);
            data.bytes.extend(item);
            data.bytes.resize(data.bytes.len() + len - item.len(), 0);
        }
        if flags & 32 == 0 {
            item_head(&mut data, 0xe0dd, 0);
        }
    }
    if syntax == DEFLATED {
        let mut encoder = DeflateEncoder::new(meta.bytes, Compression::fast());
        let _ = encoder.write_all(&data.bytes);
        return encoder.finish().unwrap_or_default();
    }
    meta.bytes.extend(data.bytes);
    meta.bytes
}

/// Items have no VR.
fn item_head(data: &mut Writer, element: u16, len: u32) {
    data.number16(0xfffe);
    data.number16(element);
    data.number32(len);
}
