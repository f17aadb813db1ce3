//! TIFF: the first picture of a file.

use std::borrow::Cow;
use std::io::Cursor;

use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::super::source::{Channels, check_size, probe, reserve};
use super::super::{RenderError, error};
use super::{Picture, Pixels};
use crate::render::jpeg::cmyk_to_rgb;
use crate::shown::Show;

const FORMAT: &str = "TIFF";

/// Maximum number of palette colours.
const MOST_COLORS: usize = 256;

/// The `tiff` crate's type for gray with alpha.
const GRAY_ALPHA: ColorType = ColorType::Multiband {
    bit_depth: 8,
    num_samples: 2,
};

/// Values of the tag PhotometricInterpretation.
const BY_PALETTE: u16 = 3;
const BLACK_IS_ZERO: u16 = 1;

type Reader<'a> = Decoder<Cursor<Cow<'a, [u8]>>>;

/// The layout of the samples.
struct Layout {
    color: ColorType,
    width: usize,
    /// Whether 0 is white.
    is_inverted: bool,
    /// Whether colours are premultiplied by alpha.
    is_premultiplied: bool,
    palette: Vec<[u8; 3]>,
}

pub(super) fn open(source: &[u8]) -> Result<Picture<'_>, RenderError> {
    // The crate reads gray, but not palette indexes.
    let (source, is_indexed) = match indexes_as_gray(source)? {
        Some(copy) => (Cow::Owned(copy), true),
        None => (Cow::Borrowed(source), false),
    };
    let source_len = source.len();
    let mut decoder = Decoder::new(Cursor::new(source)).map_err(fault)?;
    let (width, height) = decoder.dimensions().map_err(fault)?;
    check_size(width.into(), height.into())?;
    let (width, height) = (width as usize, height as usize);
    let color = match decoder.colortype().map_err(fault)? {
        ColorType::Gray(bits) if is_indexed => ColorType::Palette(bits),
        color => color,
    };
    let photometric: Option<u16> = unsigned(&mut decoder, Tag::PhotometricInterpretation)?;
    let extra: Option<u16> = unsigned(&mut decoder, Tag::ExtraSamples)?;
    let turned: Option<u16> = unsigned(&mut decoder, Tag::Orientation)?;
    if turned.is_some_and(|turned| turned != 1) {
        return Err(unsupported(
            "a picture that is stored turned or mirrored".to_owned(),
        ));
    }
    let channels = match color {
        ColorType::Gray(1 | 2 | 4 | 8 | 16 | 32) | ColorType::GrayA(8) | GRAY_ALPHA => {
            Channels::Gray
        }
        ColorType::RGB(8 | 16)
        | ColorType::RGBA(8 | 16)
        | ColorType::CMYK(8)
        | ColorType::Palette(1 | 2 | 4 | 8) => Channels::Rgb,
        _ => return Err(unsupported(format!("{color:?}"))),
    };
    let layout = Layout {
        color,
        width,
        is_inverted: photometric == Some(0),
        is_premultiplied: extra == Some(1),
        palette: palette(&mut decoder, color)?,
    };
    Picture::new(width, height, channels, move || {
        let samples = usize::from(color.num_samples());
        let len = (width * height * samples).saturating_mul(color.bit_depth().div_ceil(8).into());
        // The crate aborts the process if memory runs out, for the image and for one strip, which
        // can be the whole image.
        probe(len.saturating_mul(2).saturating_add(source_len))?;
        let mut limits = Limits::default();
        limits.decoding_buffer_size = len.saturating_add(1 << 20);
        limits.intermediate_buffer_size = len.saturating_add(source_len).saturating_add(1 << 20);
        let mut decoder = decoder.with_limits(limits);
        let decoded = decoder.read_image().map_err(fault)?;
        let mut bytes = Vec::new();
        reserve(&mut bytes, width * height * channels.count())?;
        layout.show(&decoded, &mut bytes)?;
        if bytes.len() != width * height * channels.count() {
            return Err(unsupported("planes of their own".to_owned()));
        }
        Ok(Pixels {
            bytes,
            damage: None,
        })
    })
}

impl Layout {
    fn show(&self, decoded: &DecodingResult, out: &mut Vec<u8>) -> Result<(), RenderError> {
        match (decoded, self.color) {
            (DecodingResult::U8(data), ColorType::Gray(bits @ (1 | 2 | 4))) => {
                let highest = (1u16 << bits) - 1;
                let shade = |value: u8| (u16::from(value) * 255 / highest) as u8;
                self.small(data, bits, |value| out.push(shade(value)));
            }
            (DecodingResult::U8(data), ColorType::Gray(8) | ColorType::RGB(8)) => out.extend(data),
            (DecodingResult::U8(data), GRAY_ALPHA | ColorType::GrayA(8)) => {
                out.extend(data.iter().step_by(2))
            }
            (DecodingResult::U8(data), ColorType::RGBA(8)) => {
                let pixels = data.as_chunks::<4>().0.iter();
                out.extend(pixels.flat_map(|pixel| self.without_alpha(*pixel)));
            }
            (DecodingResult::U8(data), ColorType::CMYK(8)) => {
                let pixels = data.as_chunks::<4>().0.iter();
                out.extend(pixels.flat_map(|inks| cmyk_to_rgb(*inks)));
            }
            (DecodingResult::U8(data), ColorType::Palette(bits)) => {
                let color = |index: u8| self.palette.get(usize::from(index)).copied();
                self.small(data, bits, |index| {
                    out.extend(color(index).unwrap_or_default())
                });
            }
            // Pillow clips these at white, whichever value is black in the file.
            (DecodingResult::U16(data), ColorType::Gray(16)) => {
                let flip = if self.is_inverted { u16::MAX } else { 0 };
                out.extend(data.iter().map(|value| (value ^ flip).min(255) as u8));
            }
            (DecodingResult::F32(data), ColorType::Gray(32)) => {
                out.extend(data.iter().map(|value| *value as u8));
            }
            (DecodingResult::U16(data), ColorType::RGB(16)) => {
                out.extend(data.iter().map(|value| (value >> 8) as u8));
            }
            (DecodingResult::U16(data), ColorType::RGBA(16)) => {
                let high = |value: u16| (value >> 8) as u8;
                let pixels = data.as_chunks::<4>().0.iter();
                out.extend(pixels.flat_map(|pixel| self.without_alpha(pixel.map(high))));
            }
            (_, color) => {
                return Err(unsupported(format!("{color:?} with such samples")));
            }
        }
        Ok(())
    }

    /// Takes samples of 1, 2, 4 or 8 bits, the first in the highest bits of a byte. Rows are whole
    /// bytes.
    fn small(&self, data: &[u8], bits: u8, mut take: impl FnMut(u8)) {
        let bits = usize::from(bits);
        let mask = ((1u16 << bits) - 1) as u8;
        for row in data.chunks_exact((self.width * bits).div_ceil(8).max(1)) {
            for x in 0..self.width {
                let bit = x * bits;
                take(row[bit / 8] >> (8 - bits - bit % 8) & mask);
            }
        }
    }

    /// Divides by alpha as Pillow does (`unpackRGBa` in Unpack.c).
    fn without_alpha(&self, [red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
        let divided = |value: u8| match alpha {
            0 => 0,
            _ => (u16::from(value) * 255 / u16::from(alpha)).min(255) as u8,
        };
        if self.is_premultiplied {
            [red, green, blue].map(divided)
        } else {
            [red, green, blue]
        }
    }
}

/// A copy of a file whose first picture has a palette; the copy declares it as gray. Only for the
/// usual kind of TIFF, with 32-bit offsets.
fn indexes_as_gray(source: &[u8]) -> Result<Option<Vec<u8>>, RenderError> {
    const ENTRY: usize = 12;
    let is_little = source.starts_with(b"II*\0");
    if !is_little && !source.starts_with(b"MM\0*") {
        return Ok(None);
    }
    let short = |bytes: [u8; 2]| {
        if is_little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        }
    };
    let long = |bytes: [u8; 4]| {
        if is_little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        }
    };
    let short_at = |at: usize| Some(short(*source.get(at..)?.first_chunk()?));
    let value_at = || {
        let directory = long(*source.get(4..)?.first_chunk()?) as usize;
        let entries = (0..usize::from(short_at(directory)?)).map(|at| directory + 2 + at * ENTRY);
        let is_wanted = |at: &usize| short_at(*at) == Some(Tag::PhotometricInterpretation.to_u16());
        Some(entries.into_iter().find(is_wanted)? + 8)
    };
    let Some(at) = value_at().filter(|at| short_at(*at) == Some(BY_PALETTE)) else {
        return Ok(None);
    };
    let mut copy = Vec::new();
    reserve(&mut copy, source.len())?;
    copy.extend_from_slice(source);
    let value = if is_little {
        BLACK_IS_ZERO.to_le_bytes()
    } else {
        BLACK_IS_ZERO.to_be_bytes()
    };
    copy[at..at + 2].copy_from_slice(&value);
    Ok(Some(copy))
}

/// The high bytes of the palette colours.
fn palette(decoder: &mut Reader<'_>, color: ColorType) -> Result<Vec<[u8; 3]>, RenderError> {
    let ColorType::Palette(bits) = color else {
        return Ok(Vec::new());
    };
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(fault)?;
    let count = (1usize << bits.min(8)).min(MOST_COLORS);
    let high = |at: usize| map.get(at).map_or(0, |value| (value >> 8) as u8);
    Ok((0..count)
        .map(|index| [high(index), high(count + index), high(2 * count + index)])
        .collect())
}

/// The first value of a tag.
fn unsigned(decoder: &mut Reader<'_>, tag: Tag) -> Result<Option<u16>, RenderError> {
    let values = decoder.find_tag_unsigned_vec::<u16>(tag).map_err(fault)?;
    Ok(values.and_then(|values| values.first().copied()))
}

fn unsupported(feature: String) -> RenderError {
    RenderError::Unsupported {
        format: FORMAT,
        feature,
    }
}

fn fault(problem: TiffError) -> RenderError {
    let text = problem.to_string().shown().to_string();
    error::malformed(FORMAT, text)
}
