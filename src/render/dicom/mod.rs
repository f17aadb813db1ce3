//! DICOM sources: the stored values, stretched over 0 to 255.
//!
//! This follows the reference, which uses pydicom: no rescale, window, lookup table, padding or
//! masking of unused bits, and no conversion from YBR to RGB. Values are normalised over all
//! samples of the image, so the whole image must be decoded, but only the rows that the crop keeps
//! are converted.

mod attributes;
#[cfg(target_arch = "x86_64")]
mod avx2;
mod dataset;
mod formula;
mod header;
mod inflate;
mod jpeg;
mod jpeg2000;
mod jpegls;
mod jpegxl;
mod native;
mod normalise;
mod overlay;
mod rle;
mod samples;
mod walk;
mod wide;

use std::borrow::Cow;
use std::ops::Range;

use super::jpeg::markers::segments;
use super::jpeg2000::{JP2, SOC_SIZ};
use super::source::{Channels, SourceImage, Window, check_size, reserve, zeros};
use super::{Damage, Description, Notes, RenderError, error};
pub use attributes::Attributes;
use dataset::Elements;
use header::{Coding, Header};
use normalise::Normaliser;
use samples::Frame;

const FORMAT: &str = "DICOM";

/// Rows mapped to 8 bits at once: enough for the processor to prefetch, and few enough to remain in
/// its second-level cache until they are resized.
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
    elements: Elements<'a>,
    header: Header,
}

impl<'a> DicomImage<'a> {
    fn open(source: &'a [u8]) -> Result<Self, RenderError> {
        let elements = dataset::read(source)?;
        let header = Header::new(&elements)?;
        check_size(header.columns as u64, header.rows as u64)?;
        Ok(Self { elements, header })
    }

    /// Decodes the frame; the text is a note about damage. `joined` holds samples that are not in
    /// one piece in the file.
    fn decode<'b>(
        &'b self,
        joined: &'b mut Vec<u8>,
    ) -> Result<(Frame<'b>, Option<String>), RenderError> {
        let (header, bytes) = (&self.header, &self.elements.bytes);
        let pixels = &self.elements.pixels;
        if header.coding == Coding::Native {
            // If uncompressed data are in fragments, they are used as they are, including the item
            // headers.
            let frame = native::frame(header, &bytes[pixels.range.clone()], pixels)?;
            return Ok((frame, None));
        }
        // A frame may consist of several fragments. With only one frame, all belong to it.
        let stream = match walk::fragments(bytes, pixels.range.clone())?.as_slice() {
            [] => return Err(malformed("the pixel data are empty")),
            [whole] => Cow::Borrowed(&bytes[whole.clone()]),
            parts => Cow::Owned(join(bytes, parts)?),
        };
        if header.coding.is_native() {
            let stream = if header.coding == Coding::DeflatedFrame {
                inflate::frame(&stream, native::frame_len(header))?.into()
            } else {
                stream
            };
            let frame = match stream {
                Cow::Borrowed(stream) => native::frame(header, stream, pixels)?,
                Cow::Owned(stream) => {
                    *joined = stream;
                    native::frame(header, joined, pixels)?
                }
            };
            return Ok((frame, None));
        }
        let coding = coding_of(&stream, header.coding)?;
        match coding {
            Coding::JpegLossy | Coding::JpegLossless => jpeg::frame(header, &stream),
            Coding::JpegLs => Ok((jpegls::frame(header, &stream)?, None)),
            Coding::Jpeg2000 | Coding::Htj2k => jpeg2000::frame(header, &stream),
            Coding::JpegXl => Ok((jpegxl::frame(header, &stream)?, None)),
            Coding::Rle | Coding::Native | Coding::Encapsulated | Coding::DeflatedFrame => {
                Ok((rle::frame(header, &stream)?, None))
            }
        }
    }
}

/// Detects the coding of a stream, which can differ from the transfer syntax.
fn coding_of(stream: &[u8], said: Coding) -> Result<Coding, RenderError> {
    /// Start of frame of JPEG-LS (T.87, annex C).
    const SOF55: u8 = 0xf7;
    let is_jpeg_xl = said == Coding::JpegXl && jpegxl::is_jpeg_xl(stream);
    if said == Coding::Rle || is_jpeg_xl {
        return Ok(said);
    }
    if stream.starts_with(&SOC_SIZ) || stream.starts_with(&JP2) {
        return Ok(Coding::Jpeg2000);
    }
    if !stream.starts_with(&[0xff, 0xd8, 0xff]) {
        let start: Vec<String> = stream
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        return Err(malformed(&format!(
            "the pixel data should be {said}, but begin with the bytes {}",
            start.join(" ")
        )));
    }
    Ok(if segments(stream).any(|one| one.marker == SOF55) {
        Coding::JpegLs
    } else if said == Coding::JpegLossless {
        said
    } else {
        Coding::JpegLossy
    })
}

impl SourceImage for DicomImage<'_> {
    fn width(&self) -> usize {
        self.header.columns
    }

    fn height(&self) -> usize {
        self.header.rows
    }

    fn channels(&self) -> Channels {
        self.header.channels()
    }

    fn decode_rows(
        &mut self,
        window: Window,
        _: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Notes, RenderError> {
        let header = &self.header;
        let mut joined = Vec::new();
        let (frame, problem) = self.decode(&mut joined)?;
        if frame.samples.len() < header.samples() {
            return Err(malformed(
                "there are fewer pixels than rows and columns ask for",
            ));
        }
        let range = frame.samples.range();
        let notes = Notes {
            damage: problem.map(Damage::new),
            has_overlay_bits: overlay::has_bits(header, &frame.samples, range),
        };
        let normaliser = Normaliser::new(&frame.samples, range, header.inverted);
        let map = |start: usize, out: &mut [u8]| normaliser.apply(&frame.samples, start, out);
        let stored = header.samples_per_pixel;
        let channels = header.channels().count();
        let row_len = window.width * channels;
        if frame.planar || stored != channels {
            let (mut line, mut plane) = (zeros(row_len)?, zeros(window.width * stored)?);
            for row in window.top..window.top + window.height {
                let start = row * header.columns + window.left;
                if frame.planar {
                    let plane = &mut plane[..window.width];
                    for channel in 0..channels {
                        map(channel * header.rows * header.columns + start, plane);
                        for (pixel, sample) in line.chunks_exact_mut(channels).zip(&*plane) {
                            pixel[channel] = *sample;
                        }
                    }
                } else {
                    // The last sample of a pixel is not shown.
                    map(start * stored, &mut plane);
                    let pixels = plane.chunks_exact(stored);
                    for (pixel, samples) in line.chunks_exact_mut(channels).zip(pixels) {
                        pixel.copy_from_slice(&samples[..channels]);
                    }
                }
                sink(&line);
            }
            return Ok(notes);
        }
        // Rows without gaps between them are mapped many at a time.
        let at_once = if window.width == header.columns {
            ROWS_AT_ONCE
        } else {
            1
        };
        let mut lines = zeros(at_once * row_len)?;
        for top in (0..window.height).step_by(at_once) {
            let lines = &mut lines[..at_once.min(window.height - top) * row_len];
            let start = ((window.top + top) * header.columns + window.left) * channels;
            map(start, lines);
            lines.chunks_exact(row_len).for_each(&mut *sink);
        }
        Ok(notes)
    }
}

/// Concatenates parts of `bytes`.
fn join(bytes: &[u8], parts: &[Range<usize>]) -> Result<Vec<u8>, RenderError> {
    let mut all = Vec::new();
    reserve(&mut all, parts.iter().map(|part| part.len()).sum())?;
    for part in parts {
        all.extend_from_slice(&bytes[part.clone()]);
    }
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
