//! JPEG 2000 (ITU-T T.800), by OpenJPEG.

use super::super::source::{probe, reserve, zeros};
use super::super::{RenderError, error};
use super::codestream::{CodeStream, JP2};
use super::header::Header;
use super::openjpeg::{Component, Decoder, Tile};
use super::samples::{Frame, Samples, flip16};

/// A frame, and what is to be said of it.
pub(super) fn frame(
    header: &Header,
    stream: &[u8],
) -> Result<(Frame<'static>, Option<String>), RenderError> {
    // OpenJPEG allocates what the code stream says: that is looked at first.
    let code = CodeStream::of(stream)?;
    header.expect(code.width, code.height, code.components)?;
    code.check()?;
    if code.precision > 16 {
        return Err(malformed(&format!("samples of {} bits", code.precision)));
    }
    // OpenJPEG holds four bytes a sample; what it says where it finds no memory is no clear error.
    probe(header.samples().saturating_mul(size_of::<i32>()))?;
    let mut decoder = match Decoder::open(stream, stream.starts_with(&JP2)) {
        Ok(decoder) => decoder,
        Err(said) if keeps_going(header, &code) => {
            return Ok((black(header)?, Some(damage(&said))));
        }
        Err(said) => return Err(malformed(&said)),
    };
    let components = decoder.components();
    if components.len() != code.components || components.iter().any(|one| !one.is_full) {
        return Err(malformed("components of different sizes"));
    }
    let conversions: Vec<Conversion> = components
        .iter()
        .map(|component| Conversion::new(component, header.signed))
        .collect();
    let plane = header.rows * header.columns;
    let mut values = Vec::new();
    reserve(&mut values, header.samples())?;
    for conversion in &conversions {
        values.resize(values.len() + plane, conversion.lowest);
    }
    let longest = header.samples().saturating_mul(size_of::<i32>());
    let mut problem = None;
    loop {
        match decoder.next_tile(longest)? {
            Ok(Some((tile, data))) => {
                place(header, &conversions, tile, data, &mut values)?;
            }
            Ok(None) => break,
            Err(said) if keeps_going(header, &code) => {
                problem = Some(damage(&said));
                break;
            }
            Err(said) => return Err(malformed(&said)),
        }
    }
    if problem.is_none() && decoder.has_said() {
        problem = Some(damage(&decoder.said()));
    }
    let frame = Frame {
        samples: Samples::Words {
            values,
            flip: flip16(true),
        },
        planar: components.len() > 1,
    };
    Ok((frame, problem))
}

/// Whether the reference goes on after an error, with what has been decoded: it does where Pillow
/// decodes, to bytes or, in gray, to words.
fn keeps_going(header: &Header, code: &CodeStream) -> bool {
    let is_word = code.components == 1 && code.precision > 9;
    header.bits_allocated == if is_word { 16 } else { 8 }
}

/// An image of which nothing could be decoded.
fn black(header: &Header) -> Result<Frame<'static>, RenderError> {
    Ok(Frame {
        samples: Samples::Words {
            values: zeros(header.samples())?,
            flip: flip16(true),
        },
        planar: false,
    })
}

fn damage(said: &str) -> String {
    format!("the JPEG 2000 data are damaged (OpenJPEG: {said})")
}

/// How the samples of a component become 16-bit two's complement.
struct Conversion {
    bytes: usize,
    is_signed: bool,
    /// Moved down so that unsigned values fit in.
    offset: i32,
    /// As in pydicom, what a code stream calls unsigned and the header calls signed is two's
    /// complement of the code stream's precision.
    shift: u32,
    /// What stands where nothing has been decoded.
    lowest: u16,
}

impl Conversion {
    fn new(component: &Component, signed: bool) -> Self {
        let precision = component.precision.clamp(1, 16);
        let is_shifted = signed && !component.signed;
        let offset = if component.signed || signed {
            0
        } else {
            1 << 15
        };
        let lowest = if component.signed {
            -(1 << (precision - 1))
        } else {
            -offset
        };
        Self {
            bytes: if precision <= 8 { 1 } else { 2 },
            is_signed: component.signed,
            offset,
            shift: if is_shifted { 32 - precision } else { 0 },
            lowest: lowest as u16,
        }
    }

    fn apply(&self, bytes: &[u8]) -> u16 {
        let value = match (bytes, self.is_signed) {
            ([byte], false) => i32::from(*byte),
            ([byte], true) => i32::from(*byte as i8),
            ([low, high, ..], false) => i32::from(u16::from_ne_bytes([*low, *high])),
            ([low, high, ..], true) => i32::from(i16::from_ne_bytes([*low, *high])),
            ([], _) => 0,
        };
        ((value << self.shift >> self.shift) - self.offset) as u16
    }
}

/// Puts a tile where it belongs.
fn place(
    header: &Header,
    conversions: &[Conversion],
    tile: Tile,
    data: &[u8],
    values: &mut [u16],
) -> Result<(), RenderError> {
    let is_inside = tile.left.saturating_add(tile.width) <= header.columns
        && tile.top.saturating_add(tile.height) <= header.rows;
    let len: usize = conversions.iter().map(|one| one.bytes).sum();
    if !is_inside || tile.width * tile.height * len > data.len() {
        return Err(malformed("a tile lies outside of the image"));
    }
    if tile.width == 0 {
        return Ok(());
    }
    let plane = header.rows * header.columns;
    let mut rest = data;
    for (conversion, values) in conversions.iter().zip(values.chunks_mut(plane)) {
        let (data, others) = rest.split_at(tile.width * tile.height * conversion.bytes);
        rest = others;
        let lines = values.chunks_mut(header.columns).skip(tile.top);
        for (line, data) in lines.zip(data.chunks(tile.width * conversion.bytes)) {
            let samples = data.chunks(conversion.bytes);
            for (out, bytes) in line[tile.left..].iter_mut().zip(samples) {
                *out = conversion.apply(bytes);
            }
        }
    }
    Ok(())
}

pub(super) fn malformed(problem: &str) -> RenderError {
    error::malformed("DICOM JPEG 2000", problem)
}
