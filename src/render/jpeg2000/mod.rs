//! JPEG 2000 (ITU-T T.800), decoded by OpenJPEG, for DICOM files and other pictures.

mod codestream;
mod openjpeg;

pub(super) use codestream::{CodeStream, JP2, SOC_SIZ};
pub(super) use openjpeg::{Component, Decoder, Tile};

use super::{RenderError, error};

/// Opens a code stream whose size and depth are those of `code`. The inner `Err` is OpenJPEG's
/// message about a stream that it refuses.
///
/// # Errors
/// If OpenJPEG reads a different header than `code`.
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

/// The note about a damaged image, with OpenJPEG's message.
pub(super) fn damage(said: &str) -> String {
    format!("parts of the JPEG 2000 data are missing or damaged (OpenJPEG: {said})")
}

/// Whether OpenJPEG's message reports that memory ran out, which is not the image's fault.
pub(super) fn is_no_memory(said: &str) -> bool {
    let lower = said.to_lowercase();
    lower.contains("memory") || lower.contains("alloc")
}

pub(super) fn malformed(problem: &str) -> RenderError {
    error::malformed("JPEG 2000", problem)
}
