//! DICOM sources: the stored values, stretched over 0 to 255.
//!
//! What the reference does with pydicom: no rescale, window, lookup table, padding or masking of
//! unused bits, and no conversion from YBR to RGB. Values are normalised over all samples of the
//! image, so all of it has to be decoded; only the rows that the crop keeps are converted.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod dataset;
mod header;
mod jpeg;
mod jpeg2000;
mod jpegls;
mod native;
mod normalise;
mod rle;
mod samples;

use std::borrow::Cow;

use super::source::{Channels, SourceImage, Window, check_size, reserve, zeros};
use super::{Description, Notes, RenderError, error};
use dataset::PixelBytes;
use header::{Coding, Header};
use normalise::Normaliser;
use samples::Frame;

const FORMAT: &str = "DICOM";

/// Rows that are mapped to 8 bits in one go: enough for the processor to fetch ahead, and few
/// enough that they are still in its second cache when they are resized.
const ROWS_AT_ONCE: usize = 48;

/// Reads the header of a DICOM file.
pub(super) fn open(source: &[u8]) -> Result<Box<dyn SourceImage + '_>, RenderError> {
    Ok(Box::new(DicomImage::open(source)?))
}

/// Size, depth and coding of a DICOM image.
pub(super) fn describe(source: &[u8]) -> Result<Description, RenderError> {
    let image = DicomImage::open(source)?;
    Ok(Description {
        format: format!("{FORMAT}, {}", image.header.coding),
        width: image.header.columns,
        height: image.header.rows,
        bits: image.header.bits_allocated.into(),
    })
}

struct DicomImage<'a> {
    /// The file, inflated where it is deflated.
    bytes: Cow<'a, [u8]>,
    pixels: PixelBytes,
    header: Header,
}

impl<'a> DicomImage<'a> {
    fn open(source: &'a [u8]) -> Result<Self, RenderError> {
        let (bytes, elements) = dataset::read(source)?;
        let header = Header::new(&elements)?;
        check_size(header.columns as u64, header.rows as u64)?;
        let pixels = elements
            .pixels
            .ok_or_else(|| malformed("there is no pixel data"))?;
        Ok(Self {
            bytes,
            pixels,
            header,
        })
    }

    fn decode(&self) -> Result<Frame<'_>, RenderError> {
        let header = &self.header;
        let fragments = match &self.pixels {
            PixelBytes::Native { range, swapped } => {
                if header.coding != Coding::Native {
                    let problem = format!("{} pixel data without fragments", header.coding);
                    return Err(malformed(&problem));
                }
                return native::frame(header, &self.bytes[range.clone()], *swapped);
            }
            PixelBytes::Fragments(fragments) => fragments,
        };
        // A frame may be cut in several fragments; with one frame, all belong to it.
        let stream = match fragments.as_slice() {
            [] => return Err(malformed("the pixel data are empty")),
            [whole] => Cow::Borrowed(&self.bytes[whole.clone()]),
            parts => {
                let parts: Vec<&[u8]> =
                    parts.iter().map(|part| &self.bytes[part.clone()]).collect();
                Cow::Owned(joined(&parts)?)
            }
        };
        match header.coding {
            Coding::Native => Err(malformed("uncompressed pixel data in fragments")),
            Coding::Rle => rle::frame(header, &stream),
            Coding::JpegLossy | Coding::JpegLossless => jpeg::frame(header, &stream),
            Coding::JpegLs => jpegls::frame(header, &stream),
            Coding::Jpeg2000 => jpeg2000::frame(header, &stream),
        }
    }
}

impl SourceImage for DicomImage<'_> {
    fn width(&self) -> usize {
        self.header.columns
    }

    fn height(&self) -> usize {
        self.header.rows
    }

    fn channels(&self) -> Channels {
        self.header.channels
    }

    fn decode_rows(
        &mut self,
        window: Window,
        _: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Notes, RenderError> {
        let Header {
            rows,
            columns: width,
            inverted,
            ..
        } = self.header;
        let channels = self.header.channels.count();
        let frame = self.decode()?;
        if frame.samples.len() < width * rows * channels {
            return Err(malformed(
                "there are fewer pixels than rows and columns ask for",
            ));
        }
        let normaliser = Normaliser::new(&frame.samples, inverted);
        let row_len = window.width * channels;
        if frame.planar {
            let (mut line, mut plane) = (zeros(row_len)?, zeros(window.width)?);
            for row in window.top..window.top + window.height {
                for channel in 0..channels {
                    let start = (channel * rows + row) * width + window.left;
                    normaliser.apply(&frame.samples, start, &mut plane);
                    for (pixel, sample) in line.chunks_exact_mut(channels).zip(&plane) {
                        pixel[channel] = *sample;
                    }
                }
                sink(&line);
            }
            return Ok(Notes::default());
        }
        // Rows that follow one another without a gap are mapped many at a time.
        let at_once = if window.width == width {
            ROWS_AT_ONCE
        } else {
            1
        };
        let mut lines = zeros(at_once * row_len)?;
        for top in (0..window.height).step_by(at_once) {
            let lines = &mut lines[..at_once.min(window.height - top) * row_len];
            let start = ((window.top + top) * width + window.left) * channels;
            normaliser.apply(&frame.samples, start, lines);
            lines.chunks_exact(row_len).for_each(&mut *sink);
        }
        Ok(Notes::default())
    }
}

/// One after the other.
fn joined(parts: &[&[u8]]) -> Result<Vec<u8>, RenderError> {
    let mut all = Vec::new();
    reserve(&mut all, parts.iter().map(|part| part.len()).sum())?;
    parts.iter().for_each(|part| all.extend_from_slice(part));
    Ok(all)
}

fn malformed(problem: &str) -> RenderError {
    error::malformed(FORMAT, problem)
}

fn unsupported(feature: impl Into<String>) -> RenderError {
    RenderError::Unsupported {
        format: FORMAT,
        feature: feature.into(),
    }
}
