//! Pictures in other formats than those of the datasets, for example files that were converted but
//! not renamed. As in Pillow, their contents decide, and the output follows Pillow's
//! `convert("RGB")`.
//!
//! Each is decoded whole, by a Rust crate if there is one, after its size has been checked and
//! memory for it has been found.

mod bmp;
mod decoders;
mod gif;
mod ico;
mod jpeg2000;
mod pcx;
mod pnm;
mod sgi;
mod tiff;

pub(super) use decoders::is_targa;

use super::source::{Channels, SourceImage, Window, check_size};
use super::{Damage, Description, Notes, RenderError};

/// A format, recognised by the first bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    Bmp,
    Dib,
    Gif,
    Ico,
    Jpeg2000,
    Pcx,
    Pnm,
    Sgi,
    Tiff,
    WebP,
}

impl Other {
    /// The format of a file that begins with `start`.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        match start {
            [b'B', b'M', ..] => Some(Other::Bmp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Other::Gif),
            [b'P', b'1'..=b'6', b' ' | b'\t'..=b'\r' | b'#', ..] => Some(Other::Pnm),
            [0, 0, 1, 0, _, _, ..] => Some(Other::Ico),
            [0xff, 0x4f, 0xff, 0x51, ..] => Some(Other::Jpeg2000),
            [
                0,
                0,
                0,
                12,
                b'j',
                b'P',
                b' ',
                b' ',
                b'\r',
                b'\n',
                0x87,
                b'\n',
                ..,
            ] => Some(Other::Jpeg2000),
            [10, 0 | 2 | 3 | 5, 1, 1 | 8, ..] => Some(Other::Pcx),
            [1, 0xda, 0 | 1, 1 | 2, ..] => Some(Other::Sgi),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Other::Tiff),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Other::WebP),
            [40 | 64 | 108 | 124, 0, 0, 0, ..] | [12, 0, 0, 0, ..] => Some(Other::Dib),
            _ => None,
        }
    }
}

impl Other {
    /// The number of pixels, if it is at a fixed position at the start of the file.
    pub(super) fn pixels(self, start: &[u8]) -> Option<u64> {
        let two = |at: usize| {
            let bytes = *start.get(at..)?.first_chunk::<2>()?;
            Some(u64::from(u16::from_le_bytes(bytes)))
        };
        let four = |at: usize| {
            let bytes = *start.get(at..)?.first_chunk::<4>()?;
            // Heights in BMP are negative if rows go from top to bottom.
            Some(u64::from(i32::from_le_bytes(bytes).unsigned_abs()))
        };
        match self {
            Other::Gif => Some(two(6)? * two(8)?),
            // The oldest headers have 12 bytes, with two-byte sides.
            Other::Bmp if four(14)? > 12 => Some(four(18)? * four(22)?),
            Other::Dib if four(0)? > 12 => Some(four(4)? * four(8)?),
            _ => None,
        }
    }
}

/// Reads the header of a picture.
pub(super) fn open<'a>(
    format: Other,
    source: &'a [u8],
) -> Result<Box<dyn SourceImage + 'a>, RenderError> {
    Ok(match format {
        // Icons contain whole files of other formats.
        Other::Ico => ico::open(source)?,
        _ => Box::new(picture(format, source)?),
    })
}

/// Size of a picture.
pub(super) fn describe(image: &dyn SourceImage) -> Description {
    Description {
        format: "a picture of another format".to_owned(),
        width: image.width(),
        height: image.height(),
        bits: 8,
    }
}

/// A picture in Targa, which has no signature. Like Pillow, machex accepts any file with a valid
/// Targa header that is in no other format.
pub(super) fn open_targa<'a>(source: &'a [u8]) -> Result<Box<dyn SourceImage + 'a>, RenderError> {
    Ok(Box::new(decoders::targa(source)?))
}

fn picture(format: Other, source: &[u8]) -> Result<Picture<'_>, RenderError> {
    match format {
        Other::Bmp => bmp::file(source),
        Other::Dib => bmp::bitmap(source),
        Other::Gif => gif::open(source),
        Other::Jpeg2000 => jpeg2000::open(source),
        Other::Pcx => pcx::open(source),
        Other::Pnm => pnm::open(source),
        Other::Sgi => sgi::open(source),
        Other::Tiff => tiff::open(source),
        Other::WebP => decoders::webp(source),
        Other::Ico => Err(RenderError::UnknownFormat),
    }
}

/// A whole picture with 8 bits per sample, row after row without gaps.
struct Pixels {
    bytes: Vec<u8>,
    damage: Option<Damage>,
}

type Decode<'a> = Box<dyn FnOnce() -> Result<Pixels, RenderError> + 'a>;

/// A picture whose header has been read.
struct Picture<'a> {
    width: usize,
    height: usize,
    channels: Channels,
    /// `None` once the picture has been decoded.
    decode: Option<Decode<'a>>,
}

impl<'a> Picture<'a> {
    fn new(
        width: usize,
        height: usize,
        channels: Channels,
        decode: impl FnOnce() -> Result<Pixels, RenderError> + 'a,
    ) -> Result<Self, RenderError> {
        check_size(width as u64, height as u64)?;
        Ok(Self {
            width,
            height,
            channels,
            decode: Some(Box::new(decode)),
        })
    }
}

impl SourceImage for Picture<'_> {
    fn width(&self) -> usize {
        self.width
    }

    fn height(&self) -> usize {
        self.height
    }

    fn channels(&self) -> Channels {
        self.channels
    }

    fn decode_rows(
        &mut self,
        window: Window,
        _: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Notes, RenderError> {
        let Some(decode) = self.decode.take() else {
            return Err(RenderError::Crashed("decoded twice".to_owned()));
        };
        let Pixels { bytes, damage } = decode()?;
        let channels = self.channels.count();
        let (left, len) = (window.left * channels, window.width * channels);
        let rows = bytes.chunks_exact(self.width * channels);
        for row in rows.skip(window.top).take(window.height) {
            sink(&row[left..left + len]);
        }
        Ok(Notes {
            damage,
            ..Notes::default()
        })
    }
}

/// The note about data that end early or cannot be decoded.
fn cut_off() -> Damage {
    Damage::new("parts of the image data are missing or damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_the_first_bytes() {
        for (start, format) in [
            (b"BM".as_slice(), Some(Other::Bmp)),
            (b"GIF89a", Some(Other::Gif)),
            (b"P5\n", Some(Other::Pnm)),
            (b"P5", None),
            (b"PDF", None),
            (b"II*\0", Some(Other::Tiff)),
            (b"MM\0*", Some(Other::Tiff)),
            (b"RIFF\x01\x02\x03\x04WEBP", Some(Other::WebP)),
            (b"RIFF\x01\x02\x03\x04WAVE", None),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(Other::of(start), format, "{start:?}");
        }
    }
}
