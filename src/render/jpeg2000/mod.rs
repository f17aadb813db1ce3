//! JPEG 2000 (ITU-T T.800), by OpenJPEG: what DICOM files and pictures have in common.

mod codestream;
mod openjpeg;

pub(super) use codestream::{CodeStream, JP2, SOC_SIZ};
pub(super) use openjpeg::{Component, Decoder, Tile};

use super::{RenderError, error};

/// A decoder of a code stream that has the size and depth that `code` says. The inner `Err` is what
/// OpenJPEG said of a stream that it refuses.
///
/// # Errors
/// Where OpenJPEG reads another header than the one that was looked at.
pub(super) fn open<'a>(
    stream: &'a [u8],
    code: &CodeStream,
) -> Result<Result<Decoder<'a>, String>, RenderError> {
    let decoder = match Decoder::open(stream, stream.starts_with(&JP2)) {
        Ok(decoder) => decoder,
        Err(said) => return Ok(Err(said)),
    };
    let components = decoder.components();
    let is_same = decoder.size() == (code.width, code.height)
        && components.len() == code.components
        && components
            .iter()
            .all(|one| one.is_full && one.precision <= code.precision);
    if !is_same {
        return Err(malformed("components of different sizes"));
    }
    Ok(Ok(decoder))
}

/// What is said of an image of which OpenJPEG has something to say.
pub(super) fn damage(said: &str) -> String {
    format!("parts of the JPEG 2000 data are missing or damaged (OpenJPEG: {said})")
}

/// Whether what OpenJPEG said is that it found no memory, which is no fault of the image.
pub(super) fn is_no_memory(said: &str) -> bool {
    let lower = said.to_lowercase();
    lower.contains("memory") || lower.contains("alloc")
}

pub(super) fn malformed(problem: &str) -> RenderError {
    error::malformed("JPEG 2000", problem)
}
