//! JPEG 2000 outside DICOM, decoded by OpenJPEG, which Pillow uses too.

use super::super::jpeg2000::{
    CodeStream, Component, Tile, damage, is_no_memory, malformed, open as open_stream,
};
use super::super::source::{Channels, check_size, probe, zeros};
use super::super::{Damage, RenderError};
use super::{Picture, Pixels};

/// Bytes that OpenJPEG needs per sample.
const HELD: usize = 16;

pub(super) fn open(source: &[u8]) -> Result<Picture<'_>, RenderError> {
    // OpenJPEG allocates whatever the code stream declares, so check that first.
    let code = CodeStream::of(source)?;
    let channels = match code.components {
        1 | 2 => Channels::Gray,
        3 | 4 => Channels::Rgb,
        other => return Err(malformed(&format!("an image of {other} components"))),
    };
    let (width, height) = (code.width, code.height);
    check_size(width as u64, height as u64)?;
    code.check()?;
    Picture::new(width, height, channels, move || {
        decode(source, &code, channels)
    })
}

fn decode(source: &[u8], code: &CodeStream, channels: Channels) -> Result<Pixels, RenderError> {
    let samples = code.width * code.height * code.components;
    let held = samples.saturating_mul(HELD);
    probe(held)?;
    // Running out of memory is not the image's fault.
    let noted = |said: &str| {
        if is_no_memory(said) {
            Err(RenderError::NoMemory { bytes: held })
        } else {
            Ok(Some(Damage::new(damage(said))))
        }
    };
    let mut bytes = zeros(code.width * code.height * channels.count())?;
    let mut decoder = match open_stream(source, code)? {
        Ok(decoder) => decoder,
        Err(said) => {
            let damage = noted(&said)?;
            return Ok(Pixels { bytes, damage });
        }
    };
    let components = decoder.components();
    let longest = samples.saturating_mul(size_of::<i32>());
    loop {
        match decoder.next_tile(longest)? {
            Ok(Some((tile, data))) => {
                place(
                    code,
                    &components,
                    channels.count(),
                    (tile, data),
                    &mut bytes,
                )?;
            }
            Ok(None) => break,
            // Pillow keeps the tiles before.
            Err(said) => {
                let damage = noted(&said)?;
                return Ok(Pixels { bytes, damage });
            }
        }
    }
    let damage = if decoder.has_said() {
        noted(&decoder.said())?
    } else {
        None
    };
    Ok(Pixels { bytes, damage })
}

/// Copies a tile to its position. Its components follow one another, each with as many bytes per
/// sample as it needs (four instead of three).
fn place(
    code: &CodeStream,
    components: &[Component],
    channels: usize,
    (tile, data): (Tile, &[u8]),
    bytes: &mut [u8],
) -> Result<(), RenderError> {
    let is_inside = tile.left.saturating_add(tile.width) <= code.width
        && tile.top.saturating_add(tile.height) <= code.height;
    let pixels = tile.width.saturating_mul(tile.height);
    let mut start = 0usize;
    for (channel, component) in components.iter().take(channels).enumerate() {
        let size = match component.precision {
            0..=8 => 1,
            9..=16 => 2,
            _ => 4,
        };
        let end = start.saturating_add(pixels.saturating_mul(size));
        let Some(plane) = data.get(start..end).filter(|_| is_inside) else {
            return Err(malformed("a tile lies outside of the image"));
        };
        start = end;
        for (number, sample) in plane.chunks_exact(size).enumerate() {
            let (row, column) = (number / tile.width, number % tile.width);
            let at = (tile.top + row) * code.width + tile.left + column;
            bytes[at * channels + channel] =
                to_8_bits(value(sample, component), component, channels);
        }
    }
    Ok(())
}

/// Reads a sample in native byte order.
fn value(sample: &[u8], component: &Component) -> i64 {
    match (sample, component.signed) {
        ([byte], false) => i64::from(*byte),
        ([byte], true) => i64::from(byte.cast_signed()),
        ([a, b], false) => i64::from(u16::from_ne_bytes([*a, *b])),
        ([a, b], true) => i64::from(i16::from_ne_bytes([*a, *b])),
        ([a, b, c, d], false) => i64::from(u32::from_ne_bytes([*a, *b, *c, *d])),
        ([a, b, c, d], true) => i64::from(i32::from_ne_bytes([*a, *b, *c, *d])),
        _ => 0,
    }
}

/// Converts a sample to 8 bits: colour is scaled, but gray of more than 8 bits is clipped at white,
/// as in Pillow.
fn to_8_bits(value: i64, component: &Component, channels: usize) -> u8 {
    let bits = component.precision;
    let offset = if component.signed {
        1 << bits.clamp(1, 31) >> 1
    } else {
        0
    };
    let value = value + offset;
    let value = match bits {
        0..=8 => value << (8 - bits.max(1)),
        _ if channels == 1 => value << 16u32.saturating_sub(bits),
        _ => value >> (bits - 8).min(32),
    };
    value.clamp(0, 255) as u8
}
