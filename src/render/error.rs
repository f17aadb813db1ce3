//! The reasons why an image cannot be rendered.

use super::contents::Contents;

/// A fault of one source image. It says what is wrong with the bytes; the caller adds the path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error("the file is empty")]
    Empty,
    #[error("neither a PNG, a JPEG nor a DICOM file")]
    UnknownFormat,
    #[error("neither a PNG, a JPEG nor a DICOM file but {}: {}", .0.what, .0.advice)]
    NoPicture(Contents),
    #[error(
        "{width}x{height} pixels are more than machex takes (512 megapixels, 1,048,576 a side)"
    )]
    TooLarge { width: u64, height: u64 },
    #[error(
        "{len} bytes are more than a picture of {pixels} pixels takes: the file is damaged, or is none"
    )]
    TooLong { len: u64, pixels: u64 },
    #[error(
        "{len} bytes are more than machex reads ({limit}) of a file whose first bytes tell no size in \
         pixels: the file is damaged, or is none of a radiograph"
    )]
    TooLongUntold { len: u64, limit: u64 },
    #[error("the image has no pixels ({width}x{height})")]
    NoPixels { width: u64, height: u64 },
    #[error("{format}: {problem}")]
    Malformed {
        format: &'static str,
        problem: String,
    },
    #[error("{format}: {feature} is not supported")]
    Unsupported {
        format: &'static str,
        feature: String,
    },
    #[error("no memory for {bytes} bytes")]
    NoMemory { bytes: usize },
    #[error("encoding the JPEG: {0}")]
    Encode(String),
    #[error("the decoder crashed on this file: {0}")]
    Crashed(String),
}

/// Creates a [`RenderError::Malformed`].
pub(super) fn malformed(format: &'static str, problem: impl Into<String>) -> RenderError {
    RenderError::Malformed {
        format,
        problem: problem.into(),
    }
}
