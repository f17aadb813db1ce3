//! JPEG sources.
//!
//! A gray source is decoded to one channel, and only where the crop needs it: libjpeg-turbo can
//! skip rows and columns of blocks exactly. Colour goes to RGB and is decoded whole, since its
//! chroma upsampling looks beyond the edge of a cut; so are progressive files, since libjpeg smoothes
//! blocks of which scans are missing with the help of their neighbours.

mod cmyk;
pub(super) mod markers;
pub(super) mod raw;

use super::RenderError;
use super::source::{Channels, SourceImage, Window, check_size, grow};
use raw::{Color, Crop, Decoded, Handle, Header, Pixels};

/// Width of a block: what a cut at the left must be a multiple of.
const BLOCK: usize = 8;

/// Inks are stored inverted.
const NO_INK: u8 = 255;

/// A JPEG whose header has been read.
pub(super) struct JpegImage<'a> {
    bytes: &'a [u8],
    header: Header,
    handle: &'a mut Handle,
}

impl<'a> JpegImage<'a> {
    /// Reads the header with `handle`, which is kept for the pixels.
    pub(super) fn open(bytes: &'a [u8], handle: &'a mut Handle) -> Result<Self, RenderError> {
        let header = handle.header(bytes)?;
        check_size(header.width as u64, header.height as u64)?;
        if header.precision != 8 {
            let feature = format!("{}-bit samples outside DICOM", header.precision);
            return Err(RenderError::Unsupported {
                format: "JPEG",
                feature,
            });
        }
        Ok(Self {
            bytes,
            header,
            handle,
        })
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }
}

impl SourceImage for JpegImage<'_> {
    fn width(&self) -> usize {
        self.header.width
    }

    fn height(&self) -> usize {
        self.header.height
    }

    fn channels(&self) -> Channels {
        match self.header.color {
            Color::Gray => Channels::Gray,
            _ => Channels::Rgb,
        }
    }

    fn decode_rows(
        &mut self,
        window: Window,
        scratch: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), RenderError> {
        let (pixels, samples) = match self.header.color {
            Color::Gray => (Pixels::Gray, 1),
            Color::Rgb | Color::YCbCr => (Pixels::Rgb, 3),
            Color::Cmyk | Color::Ycck => (Pixels::Cmyk, 4),
        };
        let whole = Crop {
            left: 0,
            top: 0,
            width: self.header.width,
            height: self.header.height,
        };
        let mut part = whole;
        if pixels == Pixels::Gray && !self.header.progressive {
            let left = window.left / BLOCK * BLOCK;
            let width = window.left + window.width - left;
            part = Crop {
                left,
                top: window.top,
                width,
                height: window.height,
            };
        }
        let decode = |handle: &mut Handle, part: Crop, scratch: &mut Vec<u8>| {
            let row_len = part.width * samples;
            let out = grow(scratch, row_len * part.height)?;
            handle.decode8(self.bytes, pixels, row_len, part.height, out)
        };
        if part == whole || !self.handle.crop(Some(part)) {
            part = whole;
            self.handle.crop(None);
        }
        let mut decoded = decode(self.handle, part, scratch);
        if decoded.is_err() && part != whole {
            // Gray JPEGs with odd sampling factors have wider blocks, and cannot be cut here.
            part = whole;
            self.handle.crop(None);
            self.handle.header(self.bytes)?;
            decoded = decode(self.handle, part, scratch);
        }
        self.handle.crop(None);
        if decoded? == Decoded::Partly {
            // Pillow keeps the rows before the error, and leaves the rest as an image starts out.
            part = whole;
            self.handle.header(self.bytes)?;
            let start = if pixels == Pixels::Cmyk { NO_INK } else { 0 };
            grow(scratch, whole.width * samples * whole.height)?.fill(start);
            decode(self.handle, part, scratch)?;
        }

        let (row_len, left) = (part.width * samples, (window.left - part.left) * samples);
        let rows = scratch
            .chunks_exact(row_len)
            .skip(window.top - part.top)
            .take(window.height);
        let mut rgb = Vec::new();
        for row in rows {
            let row = &row[left..][..window.width * samples];
            if pixels == Pixels::Cmyk {
                cmyk::to_rgb(row, &mut rgb);
                sink(&rgb);
            } else {
                sink(row);
            }
        }
        Ok(())
    }
}

/// The components of a colour JPEG as they are stored, without conversion to RGB (for DICOM's YBR
/// photometric interpretations): decodes a copy that declares itself to be RGB, by Adobe's marker
/// (Supporting the DCT Filters in PostScript Level 2, Adobe 1992, section 18).
pub(super) fn declare_rgb(jpeg: &[u8]) -> Vec<u8> {
    const ADOBE_TRANSFORM_0: [u8; 16] = [
        0xff, 0xee, 0, 14, b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0, 0,
    ];
    // libjpeg prefers JFIF over Adobe, and the last Adobe marker over the first: both kinds go.
    const JFIF: u8 = 0xe0;
    const ADOBE: u8 = 0xee;
    let mut copy = vec![0xff, 0xd8];
    copy.extend(ADOBE_TRANSFORM_0);
    let mut end = 2.min(jpeg.len());
    for segment in markers::segments(jpeg) {
        end = segment.range.end;
        if !matches!(segment.marker, JFIF | ADOBE) {
            copy.extend(&jpeg[segment.range]);
        }
    }
    copy.extend(&jpeg[end..]);
    copy
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
        let mut handle = Handle::decoder().unwrap();
        let mut image = JpegImage::open(jpeg, &mut handle).unwrap();
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
        let mut handle = Handle::decoder().unwrap();
        assert_eq!(handle.header(&jpeg).unwrap().color, Color::YCbCr);
        let copy = declare_rgb(&jpeg);
        assert_eq!(handle.header(&copy).unwrap().color, Color::Rgb);
    }
}
