//! JPEG baseline, extended and lossless inside DICOM, decoded by libjpeg-turbo.

use std::borrow::Cow;

use super::super::RenderError;
use super::super::jpeg::declare_rgb;
use super::super::jpeg::decoder::Decoder;
use super::super::jpeg::markers::segments;
use super::super::jpeg::types::{Color, Decoded, Pixels};
use super::header::{Coding, Header};
use super::samples::{Frame, Samples, flip8, flip16};
use super::{malformed, unsupported};
use crate::shown::Show;

/// Decodes a frame; the text is a note about damage.
pub(super) fn frame(
    header: &Header,
    stream: &[u8],
) -> Result<(Frame<'static>, Option<String>), RenderError> {
    if header.samples_per_pixel == 4 {
        return Err(unsupported("JPEG of four components"));
    }
    let decoder = Decoder::open(stream)?;
    let jpeg = decoder.header();
    header.expect(jpeg.width, jpeg.height, jpeg.color.components())?;
    if !takes_lossless(header) && jpeg.precision == 8 && is_lossless(stream) {
        let problem = "lossless JPEG, under the transfer syntax of another coding";
        return Ok((Frame::black(header)?, Some(problem.to_owned())));
    }
    if keeps_components(header, stream) && jpeg.color != Color::Gray {
        drop(decoder);
        return decode(header, Decoder::open(declare_rgb(stream)?)?);
    }
    decode(header, decoder)
}

fn decode(
    header: &Header,
    mut decoder: Decoder<'_>,
) -> Result<(Frame<'static>, Option<String>), RenderError> {
    let jpeg = *decoder.header();
    let pixels = if jpeg.color == Color::Gray {
        Pixels::Gray
    } else {
        Pixels::Rgb
    };
    let samples = if jpeg.precision <= 8 {
        let mut values = Vec::new();
        let decoded = decoder.decode8(pixels, None, &mut values)?;
        // The reference shows a damaged lossy image as far as it goes, but refuses a damaged
        // lossless one.
        if decoded == Decoded::Partly && header.coding == Coding::JpegLossless {
            return Err(malformed(&damage(decoder.complaint())));
        }
        let flip = flip8(header.signed && header.bits_allocated == 8);
        Samples::Bytes {
            values: Cow::Owned(values),
            flip,
        }
    } else {
        let mut values = Vec::new();
        decoder.decode16(pixels, &mut values)?;
        Samples::Words {
            values,
            flip: flip16(header.signed),
        }
    };
    let frame = Frame {
        samples,
        planar: false,
    };
    let problem = decoder.complaint().map(|said| damage(Some(said)));
    Ok((frame, problem))
}

fn damage(said: Option<&str>) -> String {
    let said = said.unwrap_or("no reason given").shown();
    format!("parts of the JPEG data are missing or damaged (libjpeg: {said})")
}

/// Whether lossless JPEG is decoded under a transfer syntax. If the reference tries Pillow first,
/// Pillow opens such data if they have 8 bits, but decodes nothing.
fn takes_lossless(header: &Header) -> bool {
    header.bits_allocated != 8 || !matches!(header.coding, Coding::JpegLossy | Coding::Jpeg2000)
}

fn is_lossless(stream: &[u8]) -> bool {
    /// Start of frame of lossless JPEG, with Huffman and with arithmetic coding (T.81, table B.1).
    const LOSSLESS: [u8; 2] = [0xc3, 0xcb];
    segments(stream).any(|segment| LOSSLESS.contains(&segment.marker))
}

/// Whether colour components are used as stored. pydicom's rules: YBR is never converted. Neither
/// is a colour that the header calls RGB, unless an Adobe marker says how it is stored.
fn keeps_components(header: &Header, stream: &[u8]) -> bool {
    matches!(header.coding, Coding::JpegLossless | Coding::JpegLs)
        || header.photometric.contains("YBR")
        || header.coding == Coding::JpegLossy
            && header.photometric == "RGB"
            && !has_adobe_marker(stream)
}

fn has_adobe_marker(stream: &[u8]) -> bool {
    segments(stream).any(|segment| segment.marker == 0xee && segment.body.starts_with(b"Adobe"))
}
