//! Values of 32 and 64 bits, integers and floating point numbers: rare, and so mapped to 8 bits at
//! once, in the arithmetic that NumPy has for their type.

use super::super::RenderError;
use super::super::source::{reserve, zeros};
use super::header::Header;
use super::samples::Samples;

/// All values of `bytes`, which hold nothing else, mapped to 8 bits.
pub(super) fn samples(
    header: &Header,
    bytes: &[u8],
    big_endian: bool,
) -> Result<Samples<'static>, RenderError> {
    let inverted = header.inverted;
    let (values, has_high_bits) = if header.bits_allocated == 32 {
        let read = |bytes: [u8; 4]| {
            if big_endian {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            }
        };
        if header.is_float {
            (singles(bytes, read, inverted)?, false)
        } else if header.signed {
            integers(header, bytes, |bytes| i64::from(read(bytes) as i32))?
        } else {
            integers(header, bytes, |bytes| i64::from(read(bytes)))?
        }
    } else {
        let read = |bytes: [u8; 8]| {
            if big_endian {
                u64::from_be_bytes(bytes)
            } else {
                u64::from_le_bytes(bytes)
            }
        };
        if header.is_float {
            (doubles(bytes, read, inverted)?, false)
        } else if header.signed {
            integers(header, bytes, |bytes| read(bytes) as i64)?
        } else {
            // Two's complement of numbers moved down by half of the range.
            integers(header, bytes, |bytes| (read(bytes) ^ 1 << 63) as i64)?
        }
    };
    Ok(Samples::Mapped {
        values,
        has_high_bits,
    })
}

/// Integers are divided as doubles.
fn integers<const N: usize>(
    header: &Header,
    bytes: &[u8],
    read: impl Fn([u8; N]) -> i64,
) -> Result<(Vec<u8>, bool), RenderError> {
    let values = || bytes.as_chunks::<N>().0.iter().map(|bytes| read(*bytes));
    let (low, high) = values().fold((i64::MAX, i64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let range = high.wrapping_sub(low) as u64 as f64;
    let mut mapped = Vec::new();
    reserve(&mut mapped, bytes.len() / N)?;
    mapped.extend(values().map(|value| {
        let x = value.wrapping_sub(low) as u64 as f64 / range;
        let x = if header.inverted { 1.0 - x } else { x };
        // Not a number, of a flat image, becomes 0.
        (x * 255.0) as u8
    }));
    let has_high_bits = header.high_bit.is_some_and(|bit| {
        let is_moved = header.bits_allocated == 64 && !header.signed;
        let real = |value: i64| i128::from(value) + if is_moved { 1 << 63 } else { 0 };
        super::overlay::is_above(real(low), real(high), bit)
    });
    Ok((mapped, has_high_bits))
}

fn singles(
    bytes: &[u8],
    read: impl Fn([u8; 4]) -> u32,
    inverted: bool,
) -> Result<Vec<u8>, RenderError> {
    let values = || {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_bits(read(*bytes)))
    };
    let (mut low, mut high, mut has_nan) = (f32::INFINITY, f32::NEG_INFINITY, false);
    for value in values() {
        (low, high) = (low.min(value), high.max(value));
        has_nan |= value.is_nan();
    }
    let mut mapped: Vec<u8> = zeros(bytes.len() / 4)?;
    // One value that is no number makes the range none, and with it all of the image.
    if !has_nan {
        for (out, value) in mapped.iter_mut().zip(values()) {
            let x = (value - low) / (high - low);
            let x = if inverted { 1.0 - x } else { x };
            *out = (x * 255.0) as u8;
        }
    }
    Ok(mapped)
}

fn doubles(
    bytes: &[u8],
    read: impl Fn([u8; 8]) -> u64,
    inverted: bool,
) -> Result<Vec<u8>, RenderError> {
    let values = || {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f64::from_bits(read(*bytes)))
    };
    let (mut low, mut high, mut has_nan) = (f64::INFINITY, f64::NEG_INFINITY, false);
    for value in values() {
        (low, high) = (low.min(value), high.max(value));
        has_nan |= value.is_nan();
    }
    let mut mapped: Vec<u8> = zeros(bytes.len() / 8)?;
    if !has_nan {
        for (out, value) in mapped.iter_mut().zip(values()) {
            let x = (value - low) / (high - low);
            let x = if inverted { 1.0 - x } else { x };
            *out = (x * 255.0) as u8;
        }
    }
    Ok(mapped)
}
