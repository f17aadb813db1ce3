//! JPEG baseline, extended and lossless inside DICOM, by libjpeg-turbo.

use std::borrow::Cow;

use memchr::memmem;

use super::super::RenderError;
use super::super::jpeg::declare_rgb;
use super::super::jpeg::decoder::Decoder;
use super::super::jpeg::markers::segments;
use super::super::jpeg::types::{Color, Decoded, Pixels};
use super::header::{Coding, Header};
use super::samples::{Frame, Samples, flip8, flip16};
use super::{malformed, unsupported};

/// End of image.
const END: [u8; 2] = [0xff, 0xd9];

/// A frame, and what is to be said of it.
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
    if keeps_components(header, stream) && jpeg.color != Color::Gray {
        drop(decoder);
        return decode(header, Decoder::open(&declare_rgb(stream)?)?);
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
    let has_end = memmem::find(decoder.bytes(), &END).is_some();
    let mut problem = (!has_end).then(|| "the JPEG data end before their end marker".to_owned());
    let samples = if jpeg.precision <= 8 {
        let mut values = Vec::new();
        let decoded = decoder.decode8(pixels, None, &mut values)?;
        // The reference uses what there is of a lossy image, and refuses half a lossless one.
        if decoded == Decoded::Partly {
            if header.coding == Coding::JpegLossless {
                return Err(malformed("the JPEG data are damaged"));
            }
            problem.get_or_insert_with(|| "the JPEG data are damaged".to_owned());
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
    Ok((frame, problem))
}

/// Whether colour goes on as the JPEG stores it. pydicom's rules: YBR is never converted, nor is
/// what the header calls RGB, unless an Adobe marker says how it is stored.
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
