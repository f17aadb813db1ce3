//! Inflates deflated data sets (PS3.5, section A.5) and deflated image frames.

use std::io::{ErrorKind, Read};

use dicom_dictionary_std::tags;

use super::super::RenderError;
use super::super::source::{check_size, reserve};
use super::dataset::Values;
use super::malformed;
use crate::shown::Show;

/// Enough for the header of all but the strangest images.
const HEADER: usize = 1 << 20;

/// Allowance for everything in a data set except its pixels.
const REST: usize = 64 << 20;

/// Inflates a data set. Since a few bytes can inflate to gigabytes, this reads the size of the
/// image first and limits the output accordingly.
pub(super) fn data_set(deflated: &[u8]) -> Result<Vec<u8>, RenderError> {
    let mut decoder = flate2::read::DeflateDecoder::new(deflated);
    let mut inflated = Vec::new();
    append(&mut decoder, HEADER, &mut inflated)?;
    if inflated.len() == HEADER {
        let more = pixel_bytes(&inflated)?.saturating_add(REST);
        append(&mut decoder, more, &mut inflated)?;
    }
    Ok(inflated)
}

/// Inflates a frame of `len` bytes and ignores the rest.
pub(super) fn frame(deflated: &[u8], len: usize) -> Result<Vec<u8>, RenderError> {
    let mut inflated = Vec::new();
    append(
        &mut flate2::read::DeflateDecoder::new(deflated),
        len,
        &mut inflated,
    )?;
    Ok(inflated)
}

/// Size of the pixel data in bytes, from the beginning of the data set.
fn pixel_bytes(beginning: &[u8]) -> Result<usize, RenderError> {
    let values = Values::of_beginning(beginning)?;
    let number = |tag, default| values.number(beginning, tag).unwrap_or(default);
    let (rows, columns) = (number(tags::ROWS, 0), number(tags::COLUMNS, 0));
    if rows == 0 || columns == 0 {
        // The header follows the pixels.
        return Ok(HEADER);
    }
    check_size(columns, rows)?;
    let samples = number(tags::SAMPLES_PER_PIXEL, 1).clamp(1, 4);
    let bits = number(tags::BITS_ALLOCATED, 16).clamp(8, 64);
    Ok((rows * columns * samples * bits / 8) as usize)
}

/// Inflates `len` more bytes, or fewer if the data end.
fn append(decoder: &mut impl Read, len: usize, inflated: &mut Vec<u8>) -> Result<(), RenderError> {
    let end = inflated.len() + len;
    // In steps, so that reserved memory is at most twice the size of the data.
    while inflated.len() < end {
        let step = inflated.len().max(HEADER).min(end - inflated.len());
        reserve(inflated, step)?;
        let read = decoder.by_ref().take(step as u64).read_to_end(inflated);
        match read {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                return Err(match error.kind() {
                    ErrorKind::OutOfMemory => RenderError::NoMemory {
                        bytes: inflated.len() + step,
                    },
                    ErrorKind::UnexpectedEof => {
                        malformed("the deflated data end too early: download the file again")
                    }
                    _ => {
                        let problem = format!("the data do not inflate: {error}");
                        malformed(&problem.shown().to_string())
                    }
                });
            }
        }
    }
    Ok(())
}
