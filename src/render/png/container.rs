//! Reads the chunks of a PNG up to its image data (PNG specification, third edition, W3C 2025).

use super::super::{RenderError, error};
use super::header::{Frame, Header};
use crate::shown::Show;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Names of image data chunks: the usual one, the one in animation frames, and one from MNG. Pillow
/// treats all three as parts of one stream.
const IDAT: &[u8] = b"IDAT";
pub(super) const FDAT: &[u8] = b"fdAT";
const DDAT: &[u8] = b"DDAT";

/// Length of the sequence number before the payload of [`FDAT`].
pub(super) const SEQUENCE_NUMBER: usize = 4;

/// The samples of a pixel.
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

    /// The IHDR colour type that gives rows the same bytes without needing a palette.
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
    /// The part of the image covered by the data.
    pub frame: Frame,
    /// Bits per sample: 1, 2, 4, 8 or 16.
    pub bits: u8,
    pub color: Color,
    pub interlaced: bool,
    /// The payload of PLTE: three bytes per entry.
    pub palette: &'a [u8],
    /// The chunks of image data, with their lengths, names and checksums. They may end anywhere.
    pub data: &'a [u8],
}

pub(super) struct Chunk<'a> {
    pub name: &'a [u8],
    pub data: &'a [u8],
    sum: Option<u32>,
    /// Length including all fields.
    len: usize,
}

impl<'a> Chunk<'a> {
    #[cfg(test)]
    pub(super) fn of(name: &'a [u8], data: &'a [u8]) -> Self {
        Self {
            name,
            data,
            sum: None,
            len: 12 + data.len(),
        }
    }

    /// Reads the chunk at the start of `bytes`. If it is cut off, its data are shorter.
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

    /// Pillow verifies the checksums of critical chunks only.
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
        let mut header = Header::default();
        loop {
            let Some(chunk) = Chunk::read(rest) else {
                return Err(malformed("the file ends before the image data"));
            };
            if is_data(chunk.name) && header.starts_data(&chunk)? {
                return header.finish(rest);
            }
            if !chunk.is_trustworthy() {
                let name = String::from_utf8_lossy(chunk.name).shown().to_string();
                return Err(malformed(&format!("the check sum of {name} is wrong")));
            }
            header.take(&chunk)?;
            rest = &rest[chunk.len..];
        }
    }

    /// Length in bytes of a row of `width` pixels.
    pub(super) fn row_len(&self, width: usize) -> usize {
        (width * self.bits_per_pixel()).div_ceil(8)
    }

    pub(super) fn bits_per_pixel(&self) -> usize {
        self.color.samples() * usize::from(self.bits)
    }

    /// Signature and header of a plain PNG whose rows have the same bytes as the data of this one.
    pub(super) fn plain_header(&self) -> Vec<u8> {
        let mut data = Vec::from(b"IHDR");
        data.extend((self.frame.width as u32).to_be_bytes());
        data.extend((self.frame.height as u32).to_be_bytes());
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

    /// The image data up to the first chunk that is not a regular IDAT chunk.
    pub(super) fn idat(&self) -> &'a [u8] {
        let mut len = 0;
        while let Some(chunk) = Chunk::read(&self.data[len..]).filter(|chunk| chunk.name == IDAT) {
            len += chunk.len;
        }
        &self.data[..len]
    }

    /// The payloads of the chunks that Pillow treats as image data, in order.
    pub(super) fn deflated(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.data;
        std::iter::from_fn(move || {
            let chunk = Chunk::read(rest)?;
            rest = &rest[chunk.len..];
            match chunk.name {
                FDAT => chunk.data.get(SEQUENCE_NUMBER..),
                name => (name == IDAT || name == DDAT).then_some(chunk.data),
            }
        })
    }
}

/// Whether a chunk of this name can begin the image data.
fn is_data(name: &[u8]) -> bool {
    name == IDAT || name == FDAT
}

pub(super) fn malformed(problem: &str) -> RenderError {
    error::malformed("PNG", problem)
}
