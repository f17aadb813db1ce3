//! Values of 32 and 64 bits, integers and floating-point numbers. They are rare, so they are mapped
//! to 8 bits immediately, in the arithmetic that NumPy uses for their type.

use super::super::RenderError;
use super::super::source::{reserve, zeros};
use super::header::Header;
use super::samples::Samples;

/// Maps all values of `bytes`, which contains nothing else, to 8 bits.
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
            // Shifts unsigned numbers down by half their range, to two's complement.
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
        // A flat image gives NaN, which becomes 0.
        (x * 255.0) as u8
    }));
    let has_high_bits = header.high_bit.is_some_and(|bit| {
        let is_moved = header.bits_allocated == 64 && !header.signed;
        let real = |value: i64| i128::from(value) + if is_moved { 1 << 63 } else { 0 };
        super::overlay::is_above(real(low), real(high), bit)
    });
    Ok((mapped, has_high_bits))
}

/// Maps floating-point numbers in the arithmetic of their own type.
macro_rules! floats {
    ($name:ident, $float:ty, $bits:ty) => {
        fn $name(
            bytes: &[u8],
            read: impl Fn([u8; size_of::<$float>()]) -> $bits,
            inverted: bool,
        ) -> Result<Vec<u8>, RenderError> {
            let (chunks, _) = bytes.as_chunks();
            let values = || chunks.iter().map(|bytes| <$float>::from_bits(read(*bytes)));
            let (mut low, mut high) = (<$float>::INFINITY, <$float>::NEG_INFINITY);
            let mut has_nan = false;
            for value in values() {
                (low, high) = (low.min(value), high.max(value));
                has_nan |= value.is_nan();
            }
            let mut mapped: Vec<u8> = zeros(chunks.len())?;
            // A single NaN makes the range NaN, and so the whole image.
            if !has_nan {
                for (out, value) in mapped.iter_mut().zip(values()) {
                    let x = (value - low) / (high - low);
                    let x = if inverted { 1.0 - x } else { x };
                    *out = (x * 255.0) as u8;
                }
            }
            Ok(mapped)
        }
    };
}

floats!(singles, f32, u32);
floats!(doubles, f64, u64);

#[cfg(test)]
mod tests {
    use super::super::header::Coding;
    use super::*;

    fn mapped(bits: u16, signed: bool, is_float: bool, bytes: &[u8]) -> (Vec<u8>, bool) {
        let header = Header {
            coding: Coding::Native,
            rows: 1,
            columns: bytes.len() * 8 / usize::from(bits),
            samples_per_pixel: 1,
            bits_allocated: bits,
            high_bit: Some(11),
            signed,
            is_float,
            big_endian: false,
            inverted: false,
            photometric: "MONOCHROME2".to_owned(),
            planar: false,
        };
        match samples(&header, bytes, false).unwrap() {
            Samples::Mapped {
                values,
                has_high_bits,
            } => (values, has_high_bits),
            _ => panic!("not mapped"),
        }
    }

    #[test]
    fn integers_of_all_widths_are_stretched() {
        let bytes = [-10i32, 0, 10].map(i32::to_le_bytes).concat();
        assert_eq!(mapped(32, true, false, &bytes), (vec![0, 127, 255], false));
        let bytes = [0u64, u64::MAX / 2, u64::MAX]
            .map(u64::to_le_bytes)
            .concat();
        assert_eq!(mapped(64, false, false, &bytes), (vec![0, 127, 255], true));
        let bytes = [i64::MIN, 0, i64::MAX].map(i64::to_le_bytes).concat();
        assert_eq!(mapped(64, true, false, &bytes).0, [0, 127, 255]);
        let flat = [7u32, 7].map(u32::to_le_bytes).concat();
        assert_eq!(mapped(32, false, false, &flat), (vec![0, 0], false));
    }

    #[test]
    fn a_value_that_is_no_number_makes_all_black() {
        let single =
            |values: [f32; 3]| mapped(32, true, true, &values.map(f32::to_le_bytes).concat()).0;
        assert_eq!(single([-1.0, 0.0, 1.0]), [0, 127, 255]);
        assert_eq!(single([-1.0, f32::NAN, 1.0]), [0; 3]);
        assert_eq!(single([0.0, 5.0, f32::INFINITY]), [0; 3]);
        let double =
            |values: [f64; 3]| mapped(64, true, true, &values.map(f64::to_le_bytes).concat()).0;
        assert_eq!(double([-1.0, 0.0, 1.0]), [0, 127, 255]);
        assert_eq!(double([f64::NAN, 0.0, 1.0]), [0; 3]);
    }
}
