//! JPEG baseline, extended and lossless inside DICOM, by libjpeg-turbo.

use std::borrow::Cow;

use super::super::RenderError;
use super::super::jpeg::declare_rgb;
use super::super::jpeg::markers::segments;
use super::super::jpeg::raw::{Color, Decoded, Handle, Pixels};
use super::header::{Coding, Header};
use super::malformed;
use super::samples::{Frame, Samples, flip8, flip16};

pub(super) fn frame(
    header: &Header,
    stream: &[u8],
    decoder: &mut Handle,
) -> Result<Frame<'static>, RenderError> {
    let mut stream = Cow::Borrowed(stream);
    let mut jpeg = decoder.header(&stream)?;
    header.expect(jpeg.width, jpeg.height, jpeg.color.components())?;
    if keeps_components(header, &stream) && jpeg.color != Color::Gray {
        stream = declare_rgb(&stream).into();
        jpeg = decoder.header(&stream)?;
    }
    let pixels = if jpeg.color == Color::Gray {
        Pixels::Gray
    } else {
        Pixels::Rgb
    };
    let len = header.samples();
    let no_memory = |_| RenderError::NoMemory { bytes: len * 2 };
    let samples = if jpeg.precision <= 8 {
        let mut values = Vec::new();
        values.try_reserve_exact(len).map_err(no_memory)?;
        values.resize(len, 0);
        let row_len = header.columns * header.channels.count();
        let decoded = decoder.decode8(&stream, pixels, row_len, header.rows, &mut values)?;
        // The reference uses what there is of a lossy image, and refuses half a lossless one.
        if decoded == Decoded::Partly && header.coding == Coding::JpegLossless {
            return Err(malformed("the JPEG data are damaged"));
        }
        let flip = flip8(header.signed && header.bits_allocated == 8);
        Samples::Bytes {
            values: Cow::Owned(values),
            flip,
        }
    } else {
        let mut values = Vec::new();
        values.try_reserve_exact(len).map_err(no_memory)?;
        values.resize(len, 0);
        decoder.decode16(&stream, &jpeg, pixels, &mut values)?;
        Samples::Words {
            values,
            flip: flip16(header.signed),
        }
    };
    Ok(Frame {
        samples,
        planar: false,
    })
}

/// Whether colour goes on as the JPEG stores it. pydicom's rules: YBR is never converted, nor is
/// what the header calls RGB, unless an Adobe marker says how it is stored.
fn keeps_components(header: &Header, stream: &[u8]) -> bool {
    header.coding == Coding::JpegLossless
        || header.photometric.contains("YBR")
        || header.photometric == "RGB" && !has_adobe_marker(stream)
}

fn has_adobe_marker(stream: &[u8]) -> bool {
    segments(stream).any(|segment| segment.marker == 0xee && segment.body.starts_with(b"Adobe"))
}
