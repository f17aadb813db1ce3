//! JPEG 2000 (ITU-T T.800) inside DICOM, decoded by OpenJPEG.

use super::super::jpeg2000::{CodeStream, Component, Tile, damage, is_no_memory, open};
use super::super::source::{probe, reserve};
use super::super::{RenderError, error};
use super::header::{Coding, Header};
use super::samples::{Frame, Samples, flip16};

/// Decodes a frame; the text is a note about damage.
pub(super) fn frame(
    header: &Header,
    stream: &[u8],
) -> Result<(Frame<'static>, Option<String>), RenderError> {
    // OpenJPEG allocates whatever the code stream declares, so check that first.
    let code = CodeStream::of(stream)?;
    header.expect(code.width, code.height, code.components)?;
    code.check()?;
    if code.precision > 16 {
        return Err(malformed(&format!("samples of {} bits", code.precision)));
    }
    // OpenJPEG needs four bytes per sample, and does not report clearly that memory ran out.
    probe(header.samples().saturating_mul(size_of::<i32>()))?;
    if header.coding == Coding::JpegLossy
        && header.photometric == "RGB"
        && keeps_going(header, &code)
    {
        let problem = "JPEG 2000 in RGB, under the transfer syntax of another coding";
        return Ok((Frame::black(header)?, Some(problem.to_owned())));
    }
    let mut decoder = match open(stream, &code)? {
        Ok(decoder) => decoder,
        Err(said) => return Ok((Frame::black(header)?, Some(given_up(header, &code, &said)?))),
    };
    let components = decoder.components();
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
            Err(said) => {
                problem = Some(given_up(header, &code, &said)?);
                break;
            }
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

/// Whether the reference continues after an error with the part already decoded. It does so if
/// Pillow decodes the image, to bytes or, for gray, to words.
fn keeps_going(header: &Header, code: &CodeStream) -> bool {
    let is_word = code.components == 1 && code.precision > 9;
    header.bits_allocated == if is_word { 16 } else { 8 }
}

/// The note for an image whose decoding stopped. Returns an error if the reference fails too, or if
/// the image is not at fault.
fn given_up(header: &Header, code: &CodeStream, said: &str) -> Result<String, RenderError> {
    if is_no_memory(said) {
        return Err(RenderError::NoMemory {
            bytes: header.samples().saturating_mul(size_of::<i32>()),
        });
    }
    if keeps_going(header, code) {
        return Ok(damage(said));
    }
    Err(malformed(&format!(
        "the data are damaged or cut off (OpenJPEG: {said})"
    )))
}

/// Converts the samples of a component to 16-bit two's complement.
struct Conversion {
    bytes: usize,
    is_signed: bool,
    /// Subtracted so that unsigned values fit.
    offset: i32,
    /// As in pydicom: samples that are unsigned in the code stream but signed in the header are
    /// two's complement with the code stream's precision.
    shift: u32,
    /// The value of samples that were not decoded.
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

    fn apply(&self, row: &[u8], out: &mut [u16]) {
        match (self.bytes, self.is_signed) {
            (1, false) => self.put(row.iter().map(|byte| i32::from(*byte)), out),
            (1, true) => self.put(row.iter().map(|byte| i32::from(*byte as i8)), out),
            (_, false) => self.put(pairs(row).map(|pair| u16::from_ne_bytes(pair).into()), out),
            (_, true) => self.put(pairs(row).map(|pair| i16::from_ne_bytes(pair).into()), out),
        }
    }

    fn put(&self, values: impl Iterator<Item = i32>, out: &mut [u16]) {
        let (offset, shift) = (self.offset, self.shift);
        for (out, value) in out.iter_mut().zip(values) {
            *out = ((value << shift >> shift) - offset) as u16;
        }
    }
}

fn pairs(row: &[u8]) -> impl Iterator<Item = [u8; 2]> {
    row.as_chunks::<2>().0.iter().copied()
}

/// Copies a tile to its position.
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
            conversion.apply(data, &mut line[tile.left..]);
        }
    }
    Ok(())
}

pub(super) fn malformed(problem: &str) -> RenderError {
    error::malformed("DICOM JPEG 2000", problem)
}
