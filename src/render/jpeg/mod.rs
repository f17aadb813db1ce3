//! JPEG sources.
//!
//! A gray source is decoded to one channel, and only where the crop needs it: libjpeg-turbo can
//! skip rows and columns of blocks exactly. Two kinds are decoded whole. Colour becomes RGB, and
//! its chroma upsampling reads beyond the edge of a crop. In progressive files, libjpeg smooths
//! blocks with missing scans with the help of their neighbours.

mod arithmetic;
mod cmyk;
pub(super) mod compressor;
pub(super) mod decoder;
pub(super) mod markers;
mod outline;
mod raw;
pub(super) mod types;

use std::borrow::Cow;

use super::source::{Channels, SourceImage, Window, check_size, grow, reserve};
use super::{Damage, Notes, RenderError};
use crate::shown::Show;
pub(super) use cmyk::pixel_to_rgb as cmyk_to_rgb;
use decoder::{Decoder, is_harmless};
use outline::Outline;
use types::{Color, Crop, Decoded, Pixels};

/// Width of a block. The left edge of a crop must be a multiple of it.
const BLOCK: usize = 8;

/// The value of no ink: inks are stored inverted.
const NO_INK: u8 = 255;

/// A JPEG whose header has been read.
pub(super) struct JpegImage<'a> {
    outline: Outline,
    /// The decoder, or the reason why libjpeg refuses the whole file.
    decoder: Result<Decoder<'a>, String>,
}

impl<'a> JpegImage<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, RenderError> {
        let outline = Outline::read(bytes)?;
        check_size(outline.width as u64, outline.height as u64)?;
        let decoder = match Decoder::open(joined(bytes)?) {
            Ok(decoder) => Ok(decoder),
            Err(RenderError::Malformed { problem, .. }) => Err(problem),
            Err(error) => return Err(error),
        };
        if let Ok(decoder) = &decoder {
            let header = decoder.header();
            let size = (header.width, header.height, header.color.components());
            if size != (outline.width, outline.height, outline.layers.into()) {
                return Err(raw::malformed("its headers contradict each other"));
            }
        }
        Ok(Self { outline, decoder })
    }

    fn pixels(&self) -> Pixels {
        match self.outline.layers {
            1 => Pixels::Gray,
            4 => Pixels::Cmyk,
            _ => Pixels::Rgb,
        }
    }

    /// Decodes at least `window` to the beginning of `out`. Returns the decoded part and libjpeg's
    /// complaint.
    fn decode(
        &mut self,
        window: Window,
        out: &mut Vec<u8>,
    ) -> Result<(Crop, Option<String>), RenderError> {
        let (outline, pixels) = (self.outline, self.pixels());
        let problem = match &mut self.decoder {
            Ok(decoder) => match decode(decoder, outline, window, out) {
                Ok(complaint) => return Ok((decoder.part(), complaint)),
                // libjpeg cannot decode any of it.
                Err(RenderError::Malformed { problem, .. }) => problem,
                Err(error) => return Err(error),
            },
            Err(problem) => problem.clone(),
        };
        let part = Crop {
            left: 0,
            top: window.top,
            width: outline.width,
            height: window.height,
        };
        grow(out, part.width * part.height * pixels.samples())?.fill(blank(pixels));
        Ok((part, Some(problem)))
    }
}

/// Width and height of a JPEG that begins with `start`, if `start` contains them.
pub(super) fn size(start: &[u8]) -> Option<(usize, usize)> {
    let outline = Outline::read(start).ok()?;
    Some((outline.width, outline.height))
}

/// The file, with tables from a separate stream merged into the stream that uses them.
fn joined(bytes: &[u8]) -> Result<Cow<'_, [u8]>, RenderError> {
    let Some(seam) = markers::seam(bytes) else {
        return Ok(bytes.into());
    };
    let mut joined = Vec::new();
    reserve(&mut joined, bytes.len())?;
    joined.extend_from_slice(&bytes[..seam.start]);
    joined.extend_from_slice(&bytes[seam.end..]);
    Ok(joined.into())
}

/// The initial value of Pillow's pixels.
fn blank(pixels: Pixels) -> u8 {
    if pixels == Pixels::Cmyk { NO_INK } else { 0 }
}

fn decode(
    decoder: &mut Decoder<'_>,
    outline: Outline,
    window: Window,
    out: &mut Vec<u8>,
) -> Result<Option<String>, RenderError> {
    let header = *decoder.header();
    let pixels = match header.color {
        Color::Gray => Pixels::Gray,
        Color::Rgb | Color::YCbCr => Pixels::Rgb,
        Color::Cmyk | Color::Ycck => Pixels::Cmyk,
    };
    if header.arithmetic
        && let Some(complaint) = arithmetic::decode(decoder, outline, pixels, out)?
    {
        return Ok(complaint);
    }
    let is_cut = pixels == Pixels::Gray && !header.progressive && decoder.crop(around(window));
    let mut decoded = decoder.decode8(pixels, None, out);
    if decoded.is_err() && is_cut {
        // Gray JPEGs with unusual sampling factors have wider blocks and cannot be cropped here.
        decoder.reopen()?;
        decoded = decoder.decode8(pixels, None, out);
    }
    if decoded? == Decoded::Partly {
        // Pillow keeps the rows before the error and leaves the others at their initial value.
        decoder.reopen()?;
        decoder.decode8(pixels, Some(blank(pixels)), out)?;
        return Ok(decoder.complaint().map(str::to_owned));
    }
    let Some(complaint) = decoder.complaint() else {
        return Ok(None);
    };
    // Only the first warning is known. After one of these there may be another, or none: the data
    // of a single scan can be complete without an end marker.
    let is_one_scan = outline.is_interleaved && !header.progressive;
    if is_harmless(complaint) || decoder.only_ended() && is_one_scan {
        return complaint_of_data(decoder.bytes(), pixels);
    }
    Ok(Some(complaint.to_owned()))
}

/// Finds the complaint about the image data alone, ignoring oddities of the header and the file
/// end.
fn complaint_of_data(jpeg: &[u8], pixels: Pixels) -> Result<Option<String>, RenderError> {
    let mut decoder = Decoder::open(markers::bare(jpeg)?)?;
    if !decoder.shrink() {
        return Ok(None);
    }
    decoder.decode8(pixels, None, &mut Vec::new())?;
    let complaint = decoder.complaint().filter(|text| !is_harmless(text));
    Ok(complaint.map(str::to_owned))
}

impl SourceImage for JpegImage<'_> {
    fn width(&self) -> usize {
        self.outline.width
    }

    fn height(&self) -> usize {
        self.outline.height
    }

    fn channels(&self) -> Channels {
        match self.pixels() {
            Pixels::Gray => Channels::Gray,
            _ => Channels::Rgb,
        }
    }

    fn decode_rows(
        &mut self,
        window: Window,
        scratch: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Notes, RenderError> {
        let pixels = self.pixels();
        let (part, complaint) = self.decode(window, scratch)?;
        let samples = pixels.samples();
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
        Ok(Notes {
            damage: complaint.map(|text| {
                let text = text.trim_end_matches('.').shown().to_string();
                Damage::new(format!(
                    "parts of the JPEG data are missing or damaged ({text})"
                ))
            }),
            ..Notes::default()
        })
    }
}

/// The smallest part around `window` that libjpeg can crop to.
fn around(window: Window) -> Crop {
    let left = window.left / BLOCK * BLOCK;
    Crop {
        left,
        top: window.top,
        width: window.left + window.width - left,
        height: window.height,
    }
}

/// Returns a copy that declares itself to be RGB with an Adobe marker (Supporting the DCT Filters
/// in PostScript Level 2, Adobe 1992, section 18). Decoding it yields the components of a colour
/// JPEG as stored, without conversion to RGB, for DICOM's YBR photometric interpretations.
pub(super) fn declare_rgb(jpeg: &[u8]) -> Result<Vec<u8>, RenderError> {
    const ADOBE_TRANSFORM_0: [u8; 16] = [
        0xff, 0xee, 0, 14, b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0, 0,
    ];
    // libjpeg prefers JFIF to Adobe, and the last Adobe marker to the first, so remove both kinds.
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
        // A marker that no JPEG contains, in the middle of the scan.
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
