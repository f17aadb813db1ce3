//! The chunks of a PNG (PNG specification, third edition, W3C 2025), up to its image data.

use super::super::source::check_size;
use super::super::{RenderError, error};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What samples of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    Gray,
    GrayAlpha,
    Rgb,
    RgbAlpha,
    Palette,
}

impl Color {
    pub(super) fn samples(self) -> usize {
        match self {
            Color::Gray | Color::Palette => 1,
            Color::GrayAlpha => 2,
            Color::Rgb => 3,
            Color::RgbAlpha => 4,
        }
    }

    /// The colour type in IHDR whose rows have the same bytes, with no need of a palette.
    fn code(self) -> u8 {
        match self {
            Color::Gray | Color::Palette => 0,
            Color::GrayAlpha => 4,
            Color::Rgb => 2,
            Color::RgbAlpha => 6,
        }
    }
}

/// A PNG's header, palette and image data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Container<'a> {
    pub width: usize,
    pub height: usize,
    /// Bits a sample: 1, 2, 4, 8 or 16.
    pub bits: u8,
    pub color: Color,
    pub interlaced: bool,
    /// The payload of PLTE: three bytes an entry.
    pub palette: &'a [u8],
    /// The run of IDAT chunks, with their lengths, names and sums; may end anywhere.
    pub idat: &'a [u8],
}

struct Chunk<'a> {
    name: &'a [u8],
    data: &'a [u8],
    sum: Option<u32>,
    /// Length with all its fields.
    len: usize,
}

impl<'a> Chunk<'a> {
    /// The chunk at the start of `bytes`; of one that is cut off, what is there.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (name, rest) = rest.split_at_checked(4)?;
        let length = u32::from_be_bytes(*length) as usize;
        let data = &rest[..length.min(rest.len())];
        let sum = rest[data.len()..]
            .first_chunk::<4>()
            .map(|sum| u32::from_be_bytes(*sum));
        let len = (8 + data.len() + 4).min(bytes.len());
        Some(Self {
            name,
            data,
            sum,
            len,
        })
    }

    /// Pillow checks the sums of critical chunks and lets ancillary ones pass.
    fn is_trustworthy(&self) -> bool {
        let is_ancillary = self.name[0] & 0x20 != 0;
        if is_ancillary {
            return true;
        }
        let mut crc = flate2::Crc::new();
        crc.update(self.name);
        crc.update(self.data);
        self.sum == Some(crc.sum())
    }
}

impl<'a> Container<'a> {
    /// Reads up to the end of the image data.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, RenderError> {
        let Some(mut rest) = bytes.strip_prefix(SIGNATURE) else {
            return Err(malformed("the signature is damaged"));
        };
        let mut header = None;
        let mut palette: &[u8] = &[];
        loop {
            let Some(chunk) = Chunk::read(rest) else {
                return Err(malformed("the file ends before the image data"));
            };
            if chunk.name == b"IDAT" {
                break;
            }
            if !chunk.is_trustworthy() {
                let name = String::from_utf8_lossy(chunk.name);
                return Err(malformed(&format!("the check sum of {name} is wrong")));
            }
            match chunk.name {
                b"IHDR" => header = Some(read_header(chunk.data)?),
                b"PLTE" => palette = chunk.data,
                b"IEND" => return Err(malformed("there is no image data")),
                _ => {}
            }
            rest = &rest[chunk.len..];
        }
        let Some(header) = header else {
            return Err(malformed("there is no header before the image data"));
        };
        Ok(Container {
            palette,
            idat: run_of_idat(rest),
            ..header
        })
    }

    /// Bytes of a row of `width` pixels.
    pub(super) fn row_len(&self, width: usize) -> usize {
        (width * self.bits_per_pixel()).div_ceil(8)
    }

    pub(super) fn bits_per_pixel(&self) -> usize {
        self.color.samples() * usize::from(self.bits)
    }

    /// Signature and header of a PNG whose rows have the same bytes as this one's.
    pub(super) fn plain_header(&self) -> Vec<u8> {
        let mut data = Vec::from(b"IHDR");
        data.extend((self.width as u32).to_be_bytes());
        data.extend((self.height as u32).to_be_bytes());
        data.extend([
            self.bits,
            self.color.code(),
            0,
            0,
            u8::from(self.interlaced),
        ]);
        let mut crc = flate2::Crc::new();
        crc.update(&data);
        [
            SIGNATURE,
            &13u32.to_be_bytes(),
            &data,
            &crc.sum().to_be_bytes(),
        ]
        .concat()
    }

    /// The payloads of the IDAT chunks.
    pub(super) fn deflated(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.idat;
        std::iter::from_fn(move || {
            let chunk = Chunk::read(rest)?;
            rest = &rest[chunk.len..];
            Some(chunk.data)
        })
    }
}

fn read_header<'a>(data: &[u8]) -> Result<Container<'a>, RenderError> {
    let &[
        w0,
        w1,
        w2,
        w3,
        h0,
        h1,
        h2,
        h3,
        bits,
        color,
        _,
        filter,
        interlace,
        ..,
    ] = data
    else {
        return Err(malformed("the header is cut off"));
    };
    let width = u32::from_be_bytes([w0, w1, w2, w3]);
    let height = u32::from_be_bytes([h0, h1, h2, h3]);
    check_size(width.into(), height.into())?;
    let color = match (color, bits) {
        (0, 1 | 2 | 4 | 8 | 16) => Color::Gray,
        (2, 8 | 16) => Color::Rgb,
        (3, 1 | 2 | 4 | 8) => Color::Palette,
        (4, 8 | 16) => Color::GrayAlpha,
        (6, 8 | 16) => Color::RgbAlpha,
        _ => return Err(malformed(&format!("colour type {color} with {bits} bits"))),
    };
    if filter != 0 {
        return Err(malformed(&format!("unknown filter method {filter}")));
    }
    Ok(Container {
        width: width as usize,
        height: height as usize,
        bits,
        color,
        interlaced: interlace != 0,
        palette: &[],
        idat: &[],
    })
}

/// The IDAT chunks at the start of `bytes`: what follows another chunk is not image data.
fn run_of_idat(bytes: &[u8]) -> &[u8] {
    let mut len = 0;
    while let Some(chunk) = Chunk::read(&bytes[len..]).filter(|chunk| chunk.name == b"IDAT") {
        len += chunk.len;
    }
    &bytes[..len]
}

fn malformed(problem: &str) -> RenderError {
    error::malformed("PNG", problem)
}
