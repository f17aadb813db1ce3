//! Uncompressed pixel data.

use std::borrow::Cow;

use super::super::RenderError;
use super::super::source::reserve;
use super::dataset::PixelBytes;
use super::header::Header;
use super::samples::{Frame, Samples, flip8, flip16};
use super::{malformed, wide};

/// One chroma pair for two pixels: Y1 Y2 B R (PS3.3, section C.7.6.3.1.2).
const SUBSAMPLED: &str = "YBR_FULL_422";

/// Size of a frame in bytes.
pub(super) fn frame_len(header: &Header) -> usize {
    (stored_samples(header) * usize::from(header.bits_allocated)).div_ceil(8)
}

fn stored_samples(header: &Header) -> usize {
    let samples = header.samples();
    if header.photometric == SUBSAMPLED {
        samples / 3 * 2
    } else {
        samples
    }
}

/// Reads the frame in `bytes`, which may be longer.
pub(super) fn frame<'a>(
    header: &Header,
    bytes: &'a [u8],
    pixels: &PixelBytes,
) -> Result<Frame<'a>, RenderError> {
    let subsampled = header.photometric == SUBSAMPLED;
    let bits = usize::from(header.bits_allocated);
    let len = frame_len(header);
    let whole = bytes;
    let Some(bytes) = whole.get(..len) else {
        let found = whole.len();
        let advice = if pixels.is_cut {
            ": the file is cut off, download it again"
        } else {
            ""
        };
        return Err(malformed(&format!(
            "the pixel data have {found} bytes, but rows and columns ask for {len}{advice}"
        )));
    };
    if subsampled && bits != 8 {
        return Err(malformed(&format!("YBR_FULL_422 with {bits} bits")));
    }
    let samples = match bits {
        1 => Samples::Bytes {
            values: unpack_bits(bytes, stored_samples(header))?.into(),
            flip: 0,
        },
        8 => {
            let mut values = Cow::Borrowed(bytes);
            if pixels.swapped {
                // Include the pad byte of an odd length: it precedes the last sample.
                let pairs = whole.get(..len.next_multiple_of(2)).unwrap_or(bytes);
                let mut swapped = swap_pairs(pairs)?;
                swapped.truncate(len);
                values = swapped.into();
            }
            if subsampled {
                values = expand_422(&values)?.into();
            }
            Samples::Bytes {
                values,
                flip: flip8(header.signed),
            }
        }
        16 => Samples::Stored {
            bytes,
            big_endian: header.big_endian,
            flip: flip16(header.signed),
        },
        _ => wide::samples(header, bytes, header.big_endian)?,
    };
    Ok(Frame {
        samples,
        planar: header.planar,
    })
}

/// Unpacks one sample per bit, lowest bit first.
fn unpack_bits(bytes: &[u8], samples: usize) -> Result<Vec<u8>, RenderError> {
    let mut values = Vec::new();
    reserve(&mut values, samples)?;
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
    values.extend(bits.take(samples));
    Ok(values)
}

/// Swaps 8-bit samples that were written as big-endian 16-bit words.
fn swap_pairs(bytes: &[u8]) -> Result<Vec<u8>, RenderError> {
    let (pairs, last) = bytes.as_chunks::<2>();
    let mut swapped = Vec::new();
    reserve(&mut swapped, bytes.len())?;
    swapped.extend(pairs.iter().flat_map(|[first, second]| [*second, *first]));
    swapped.extend(last);
    Ok(swapped)
}

/// Gives each pixel its own chroma.
fn expand_422(bytes: &[u8]) -> Result<Vec<u8>, RenderError> {
    let (groups, _) = bytes.as_chunks::<4>();
    let mut expanded = Vec::new();
    reserve(&mut expanded, groups.len() * 6)?;
    expanded.extend(
        groups
            .iter()
            .flat_map(|[y1, y2, b, r]| [*y1, *b, *r, *y2, *b, *r]),
    );
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::super::dataset::PixelKind;
    use super::super::header::Coding;
    use super::*;

    #[test]
    fn chroma_is_given_to_both_pixels() {
        assert_eq!(expand_422(&[1, 2, 3, 4]).unwrap(), [1, 3, 4, 2, 3, 4]);
    }

    #[test]
    fn the_pad_byte_of_swapped_samples_is_not_one_of_them() {
        let header = Header {
            coding: Coding::Native,
            rows: 1,
            columns: 3,
            samples_per_pixel: 1,
            bits_allocated: 8,
            high_bit: None,
            signed: false,
            is_float: false,
            big_endian: true,
            inverted: false,
            photometric: "MONOCHROME2".to_owned(),
            planar: false,
        };
        let pixels = PixelBytes {
            kind: PixelKind::Integers,
            range: 0..4,
            swapped: true,
            is_cut: false,
        };
        let frame = frame(&header, &[2, 1, 0, 3], &pixels).unwrap();
        assert!(matches!(&frame.samples, Samples::Bytes { values, .. } if **values == [1, 2, 3]));
        assert!(super::frame(&header, &[2, 1], &pixels).is_err());
    }

    #[test]
    fn an_odd_byte_keeps_its_place() {
        assert_eq!(swap_pairs(&[1, 2, 3]).unwrap(), [2, 1, 3]);
    }

    #[test]
    fn bits_come_lowest_first() {
        assert_eq!(
            unpack_bits(&[0b101, 0xff], 10).unwrap(),
            [1, 0, 1, 0, 0, 0, 0, 0, 1, 1]
        );
    }
}
