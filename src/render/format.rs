//! Chooses the decoder of a file by its first bytes. The file name is ignored.

use super::contents::Contents;
use super::other::{self, Other};
use super::{MAX_PIXELS, RenderError};

pub(super) enum Format {
    Png,
    Jpeg,
    Dicom,
    Other(Other),
    /// Has no signature.
    Targa,
}

impl Format {
    /// Detects the format from the start of a file; `contents::LOOKED_AT` bytes are enough.
    pub(super) fn of(source: &[u8]) -> Result<Self, RenderError> {
        /// Bytes before DICOM's magic (PS3.10, section 7.1).
        const PREAMBLE: usize = 128;
        match source {
            [] => Err(RenderError::Empty),
            [0x89, b'P', b'N', b'G', ..] => Ok(Format::Png),
            [0xff, 0xd8, 0xff, ..] => Ok(Format::Jpeg),
            _ if source
                .get(PREAMBLE..)
                .is_some_and(|rest| rest.starts_with(b"DICM")) =>
            {
                Ok(Format::Dicom)
            }
            _ => match (Other::of(source), Contents::of(source)) {
                (Some(format), _) => Ok(Format::Other(format)),
                (None, Some(contents)) => Err(RenderError::NoPicture(contents)),
                (None, None) if other::is_targa(source) => Ok(Format::Targa),
                (None, None) => Err(RenderError::UnknownFormat),
            },
        }
    }
}

/// Allowance for everything except the pixels: comments, profiles, thumbnails, further frames.
const BESIDE_PIXELS: u64 = 64 << 20;

/// Twice the size of a pixel in the largest format, in bytes.
const PER_PIXEL: u64 = 16;

/// Longest file accepted if its first bytes do not give its size in pixels: ten times the size of
/// the largest radiographs.
const MAX_UNTOLD: u64 = 512 << 20;

/// Refuses a file that begins with `start` and has `len` bytes if reading the rest is pointless: it
/// is not a picture, or it is much larger than a picture of its dimensions can be.
///
/// # Errors
/// The error that the renderer would return.
pub fn refuse(start: &[u8], len: u64) -> Result<(), RenderError> {
    let pixels = match Format::of(start)? {
        Format::Png => png_pixels(start),
        Format::Jpeg => jpeg_pixels(start),
        Format::Other(other) => other.pixels(start),
        Format::Dicom | Format::Targa => None,
    };
    let limit = pixels.map_or(MAX_UNTOLD, |pixels| {
        pixels.min(MAX_PIXELS) * PER_PIXEL + BESIDE_PIXELS
    });
    match pixels {
        Some(pixels) if len > limit => Err(RenderError::TooLong { len, pixels }),
        None if len > limit => Err(RenderError::TooLongUntold { len, limit }),
        _ => Ok(()),
    }
}

/// Reads the pixel count from the header, which should be the first chunk.
fn png_pixels(start: &[u8]) -> Option<u64> {
    /// After the signature and the length.
    const NAME: usize = 12;
    let size = start.get(NAME..)?.strip_prefix(b"IHDR")?;
    let side = |at: usize| Some(u32::from_be_bytes(*size.get(at..)?.first_chunk::<4>()?).into());
    let (width, height): (u64, u64) = (side(0)?, side(4)?);
    width.checked_mul(height)
}

fn jpeg_pixels(start: &[u8]) -> Option<u64> {
    let (width, height) = super::jpeg::size(start)?;
    Some(width as u64 * height as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Coding, Shade, picture};

    #[test]
    fn a_file_is_refused_by_its_start() {
        let dicom = [&[0; 128][..], b"DICM", &[0; 1000]].concat();
        let sample = |coding| picture(coding, 90, 70, 1).unwrap();
        let shade = Shade::Gray;
        for good in [
            sample(Coding::Jpeg { shade }),
            sample(Coding::Png { bits: 16, shade }),
        ] {
            let start = &good[..good.len().min(1000)];
            assert_eq!(refuse(start, 1 << 20), Ok(()));
            let error = refuse(start, 3 << 30).unwrap_err();
            assert!(error.to_string().contains("6300 pixels"), "{error}");
        }
        assert!(matches!(
            refuse(&[0; 1000], 3 << 30),
            Err(RenderError::NoPicture(_))
        ));
        assert_eq!(refuse(b"", 0), Err(RenderError::Empty));
        let gif = b"GIF89a\x10\0\x10\0";
        assert_eq!(refuse(gif, 1 << 20), Ok(()));
        assert!(refuse(gif, 100 << 20).is_err());
        for start in [&b"\x89PNG\r\n\x1a\n\0\0"[..], b"II*\0", &dicom[..1000]] {
            assert_eq!(refuse(start, 100 << 20), Ok(()));
            let error = refuse(start, 3 << 30).unwrap_err();
            assert!(error.to_string().contains("first bytes"), "{error}");
        }
        assert!(refuse(b"BM", 1 << 20).is_ok());
        assert!(refuse(b"BM", 1 << 40).is_err());
    }
}
