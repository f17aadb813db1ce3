//! RLE lossless (PS3.5, annex G): planes of bytes, each compressed with PackBits.

use std::borrow::Cow;

use super::super::source::{reserve, zeros};
use super::super::{RenderError, error};
use super::header::Header;
use super::samples::{Frame, Samples, flip8, flip16};
use super::wide;

/// The number of segments and 15 offsets.
const HEADER_LEN: usize = 64;

pub(super) fn frame(header: &Header, stream: &[u8]) -> Result<Frame<'static>, RenderError> {
    let plane = header.rows * header.columns;
    let channels = header.samples_per_pixel;
    let bytes_a_sample = usize::from(header.bits_allocated / 8);
    let segments = segments(stream, channels * bytes_a_sample)?;
    let samples = match bytes_a_sample {
        1 => {
            let mut values = Vec::new();
            for segment in segments {
                unpack(segment, plane, &mut values)?;
            }
            Samples::Bytes {
                values: Cow::Owned(values),
                flip: flip8(header.signed),
            }
        }
        2 => {
            let mut values = Vec::new();
            let (mut high, mut low) = (Vec::new(), Vec::new());
            for pair in segments.chunks_exact(2) {
                // The more significant byte comes first.
                high.clear();
                low.clear();
                unpack(pair[0], plane, &mut high)?;
                unpack(pair[1], plane, &mut low)?;
                reserve(&mut values, plane)?;
                values.extend(
                    high.iter()
                        .zip(&low)
                        .map(|(high, low)| u16::from_be_bytes([*high, *low])),
                );
            }
            Samples::Words {
                values,
                flip: flip16(header.signed),
            }
        }
        _ => {
            let mut values = zeros(header.samples() * bytes_a_sample)?;
            let mut unpacked = Vec::new();
            for (at, segment) in segments.into_iter().enumerate() {
                unpacked.clear();
                unpack(segment, plane, &mut unpacked)?;
                let (channel, byte) = (at / bytes_a_sample, at % bytes_a_sample);
                let values = &mut values[channel * plane * bytes_a_sample..];
                for (value, byte_of_it) in values.chunks_mut(bytes_a_sample).zip(&unpacked) {
                    value[byte] = *byte_of_it;
                }
            }
            wide::samples(header, &values, true)?
        }
    };
    Ok(Frame {
        samples,
        planar: channels > 1,
    })
}

/// The compressed bytes of each segment.
fn segments(stream: &[u8], expected: usize) -> Result<Vec<&[u8]>, RenderError> {
    let Some(header) = stream.get(..HEADER_LEN) else {
        return Err(malformed("the header is cut off"));
    };
    let numbers: Vec<usize> = header
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| u32::from_le_bytes(*bytes) as usize)
        .collect();
    if numbers[0] != expected {
        let problem = format!("{} segments where {expected} are expected", numbers[0]);
        return Err(malformed(&problem));
    }
    // The header has room for 15 offsets.
    let Some(bounds) = numbers.get(1..=expected) else {
        return Err(malformed(&format!("an image of {expected} segments")));
    };
    let mut bounds = bounds.to_vec();
    bounds.push(stream.len());
    bounds
        .windows(2)
        .map(|bounds| {
            stream
                .get(bounds[0]..bounds[1])
                .ok_or_else(|| malformed("a segment lies outside"))
        })
        .collect()
}

/// Appends `len` unpacked bytes and ignores the rest.
fn unpack(mut packed: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), RenderError> {
    reserve(out, len)?;
    let end = out.len() + len;
    while let [control, rest @ ..] = packed {
        let room = end - out.len();
        if room == 0 {
            break;
        }
        packed = match *control {
            0..=127 => {
                let (literal, rest) = rest.split_at(rest.len().min(usize::from(*control) + 1));
                out.extend_from_slice(&literal[..literal.len().min(room)]);
                rest
            }
            128 => rest,
            129..=255 => {
                let Some((byte, rest)) = rest.split_first() else {
                    break;
                };
                out.resize(out.len() + room.min(257 - usize::from(*control)), *byte);
                rest
            }
        };
    }
    if out.len() < end {
        let found = len - (end - out.len());
        return Err(malformed(&format!("a segment has {found} of {len} bytes")));
    }
    Ok(())
}

fn malformed(problem: &str) -> RenderError {
    error::malformed("DICOM RLE", problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpacked(packed: &[u8], len: usize) -> Result<Vec<u8>, RenderError> {
        let mut out = vec![99];
        unpack(packed, len, &mut out)?;
        assert_eq!(out.remove(0), 99);
        Ok(out)
    }

    #[test]
    fn a_header_has_no_more_than_fifteen_segments() {
        let mut stream = [0; HEADER_LEN];
        for expected in [15u8, 16, 32, 255] {
            stream[0] = expected;
            assert_eq!(segments(&stream, expected.into()).is_ok(), expected == 15);
        }
    }

    #[test]
    fn literals_repeats_and_no_ops() {
        assert_eq!(
            unpacked(&[2, 7, 8, 9, 128, 254, 5], 6).unwrap(),
            [7, 8, 9, 5, 5, 5]
        );
        assert_eq!(
            unpacked(&[129, 5], 3).unwrap(),
            [5, 5, 5],
            "more than asked for"
        );
        assert!(unpacked(&[0, 7], 2).is_err());
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), len in 0usize..300) {
            let _ = unpacked(&bytes, len);
            let _ = segments(&bytes, 2);
        }
    }
}
