//! JPEG sources.
//!
//! A gray source is decoded to one channel, and only where the crop needs it: libjpeg-turbo can
//! skip rows and columns of blocks exactly. Colour goes to RGB and is decoded whole, since its
//! chroma upsampling looks beyond the edge of a cut; so are progressive files, since libjpeg smoothes
//! blocks of which scans are missing with the help of their neighbours.

mod cmyk;
pub(super) mod compressor;
pub(super) mod decoder;
pub(super) mod markers;
mod raw;
pub(super) mod types;

use super::source::{Channels, SourceImage, Window, check_size, reserve};
use super::{Notes, RenderError};
use decoder::Decoder;
use types::{Color, Crop, Decoded, Header, Pixels};

/// Width of a block: what a cut at the left must be a multiple of.
const BLOCK: usize = 8;

/// Inks are stored inverted.
const NO_INK: u8 = 255;

/// A JPEG whose header has been read.
pub(super) struct JpegImage<'a> {
    decoder: Decoder<'a>,
}

impl<'a> JpegImage<'a> {
    /// Reads the header.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, RenderError> {
        let decoder = Decoder::open(bytes)?;
        let header = decoder.header();
        check_size(header.width as u64, header.height as u64)?;
        if header.precision != 8 {
            let feature = format!("{}-bit samples outside DICOM", header.precision);
            return Err(RenderError::Unsupported {
                format: "JPEG",
                feature,
            });
        }
        Ok(Self { decoder })
    }

    pub(super) fn header(&self) -> &Header {
        self.decoder.header()
    }
}

impl SourceImage for JpegImage<'_> {
    fn width(&self) -> usize {
        self.header().width
    }

    fn height(&self) -> usize {
        self.header().height
    }

    fn channels(&self) -> Channels {
        match self.header().color {
            Color::Gray => Channels::Gray,
            _ => Channels::Rgb,
        }
    }

    fn decode_rows(
        &mut self,
        window: Window,
        scratch: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Notes, RenderError> {
        let pixels = match self.header().color {
            Color::Gray => Pixels::Gray,
            Color::Rgb | Color::YCbCr => Pixels::Rgb,
            Color::Cmyk | Color::Ycck => Pixels::Cmyk,
        };
        let is_cut = pixels == Pixels::Gray
            && !self.header().progressive
            && self.decoder.crop(around(window));
        let mut decoded = self.decoder.decode8(pixels, None, scratch);
        if decoded.is_err() && is_cut {
            // Gray JPEGs with odd sampling factors have wider blocks, and cannot be cut here.
            self.decoder = Decoder::open(self.decoder.bytes())?;
            decoded = self.decoder.decode8(pixels, None, scratch);
        }
        if decoded? == Decoded::Partly {
            // Pillow keeps the rows before the error, and leaves the rest as an image starts out.
            self.decoder = Decoder::open(self.decoder.bytes())?;
            let start = if pixels == Pixels::Cmyk { NO_INK } else { 0 };
            self.decoder.decode8(pixels, Some(start), scratch)?;
        }

        let (part, samples) = (self.decoder.part(), pixels.samples());
        let (row_len, left) = (part.width * samples, (window.left - part.left) * samples);
        let rows = scratch
            .chunks_exact(row_len)
            .skip(window.top - part.top)
            .take(window.height);
        let mut rgb = Vec::new();
        if pixels == Pixels::Cmyk {
            reserve(&mut rgb, window.width * Channels::Rgb.count())?;
        }
        for row in rows {
            let row = &row[left..][..window.width * samples];
            if pixels == Pixels::Cmyk {
                cmyk::to_rgb(row, &mut rgb);
                sink(&rgb);
            } else {
                sink(row);
            }
        }
        Ok(Notes::default())
    }
}

/// The smallest part around `window` that libjpeg can cut out.
fn around(window: Window) -> Crop {
    let left = window.left / BLOCK * BLOCK;
    Crop {
        left,
        top: window.top,
        width: window.left + window.width - left,
        height: window.height,
    }
}

/// The components of a colour JPEG as they are stored, without conversion to RGB (for DICOM's YBR
/// photometric interpretations): decodes a copy that declares itself to be RGB, by Adobe's marker
/// (Supporting the DCT Filters in PostScript Level 2, Adobe 1992, section 18).
pub(super) fn declare_rgb(jpeg: &[u8]) -> Result<Vec<u8>, RenderError> {
    const ADOBE_TRANSFORM_0: [u8; 16] = [
        0xff, 0xee, 0, 14, b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0, 0,
    ];
    // libjpeg prefers JFIF over Adobe, and the last Adobe marker over the first: both kinds go.
    const JFIF: u8 = 0xe0;
    const ADOBE: u8 = 0xee;
    let mut copy = Vec::new();
    reserve(&mut copy, jpeg.len() + 2 + ADOBE_TRANSFORM_0.len())?;
    copy.extend([0xff, 0xd8]);
    copy.extend(ADOBE_TRANSFORM_0);
    let mut end = 2.min(jpeg.len());
    for segment in markers::segments(jpeg) {
        end = segment.range.end;
        if !matches!(segment.marker, JFIF | ADOBE) {
            copy.extend(&jpeg[segment.range]);
        }
    }
    copy.extend(&jpeg[end..]);
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(width: usize, height: usize, subsampling: turbojpeg::Subsamp) -> Vec<u8> {
        let pixels: Vec<u8> = (0..width * height * 3)
            .map(|at| (((at / 3 % width) * 7) ^ ((at / 3 / width) * 5) ^ ((at % 3) * 90)) as u8)
            .collect();
        let image = turbojpeg::Image {
            pixels: pixels.as_slice(),
            width,
            height,
            pitch: width * 3,
            format: turbojpeg::PixelFormat::RGB,
        };
        turbojpeg::compress(image, 90, subsampling)
            .unwrap()
            .to_vec()
    }

    fn rows(jpeg: &[u8], window: Window) -> Vec<u8> {
        let mut image = JpegImage::open(jpeg).unwrap();
        let (mut rows, mut scratch) = (Vec::new(), Vec::new());
        image
            .decode_rows(window, &mut scratch, &mut |row| rows.extend_from_slice(row))
            .unwrap();
        rows
    }

    #[test]
    fn a_part_is_the_same_as_that_part_of_the_whole() {
        for (width, height) in [(200, 301), (333, 97), (17, 64)] {
            for subsampling in [turbojpeg::Subsamp::Gray, turbojpeg::Subsamp::Sub2x2] {
                let jpeg = encode(width, height, subsampling);
                let samples = if subsampling == turbojpeg::Subsamp::Gray {
                    1
                } else {
                    3
                };
                let whole = rows(
                    &jpeg,
                    Window {
                        left: 0,
                        top: 0,
                        width,
                        height,
                    },
                );
                for (left, top, right, bottom) in [(3, 5, 2, 7), (9, 33, 0, 0), (0, 0, 5, 30)] {
                    let (width_in, height_in) = (width - left - right, height - top - bottom);
                    let window = Window {
                        left,
                        top,
                        width: width_in,
                        height: height_in,
                    };
                    let expected: Vec<u8> = whole
                        .chunks_exact(width * samples)
                        .skip(top)
                        .take(height_in)
                        .flat_map(|row| row[left * samples..][..width_in * samples].to_vec())
                        .collect();
                    assert_eq!(rows(&jpeg, window), expected);
                }
            }
        }
    }

    #[test]
    fn a_truncated_file_still_has_all_its_rows() {
        let jpeg = encode(64, 64, turbojpeg::Subsamp::Gray);
        let window = Window {
            left: 0,
            top: 0,
            width: 64,
            height: 64,
        };
        assert_eq!(rows(&jpeg[..jpeg.len() * 3 / 4], window).len(), 64 * 64);
    }

    #[test]
    fn an_error_in_the_data_keeps_the_rows_before_it() {
        let mut jpeg = encode(64, 64, turbojpeg::Subsamp::Gray);
        let window = Window {
            left: 0,
            top: 0,
            width: 64,
            height: 64,
        };
        let good = rows(&jpeg, window);
        // A marker that no JPEG has, in the middle of the scan.
        let middle = jpeg.len() / 2;
        jpeg[middle..middle + 2].copy_from_slice(&[0xff, 0x61]);
        let bad = rows(&jpeg, window);
        assert_eq!(bad.len(), good.len());
        assert_eq!(bad[..8 * 64], good[..8 * 64]);
        assert_ne!(bad, good);
    }

    #[test]
    fn a_copy_that_declares_rgb_keeps_the_components() {
        let jpeg = encode(16, 16, turbojpeg::Subsamp::None);
        let color = |jpeg: &[u8]| Decoder::open(jpeg).unwrap().header().color;
        assert_eq!(color(&jpeg), Color::YCbCr);
        assert_eq!(color(&declare_rgb(&jpeg).unwrap()), Color::Rgb);
    }
}
