//! JPEG 2000 (ITU-T T.800), by OpenJPEG.

use jpeg2k::{DecodeParameters, Image, ImageComponent};

use super::super::source::{probe, reserve};
use super::super::{RenderError, error};
use super::header::Header;
use super::samples::{Frame, Samples, flip16};

/// Marker of image and tile size, the first after the start of a code stream.
const SIZ: [u8; 4] = [0xff, 0x4f, 0xff, 0x51];

pub(super) fn frame(header: &Header, stream: &[u8]) -> Result<Frame<'static>, RenderError> {
    // OpenJPEG allocates what the code stream says: that is looked at first.
    let (width, height, components) = size(stream)?;
    header.expect(width, height, components)?;
    // OpenJPEG holds four bytes a sample; what it says where it finds no memory is no clear error.
    probe(header.samples().saturating_mul(size_of::<i32>()))?;
    let image = Image::from_bytes_with(stream, DecodeParameters::default())
        .map_err(|error| malformed(&error.to_string()))?;
    let mut values = Vec::new();
    for component in image.components() {
        let plane = header.rows * header.columns;
        if component.data().len() != plane {
            return Err(malformed("components of different sizes"));
        }
        reserve(&mut values, plane)?;
        push(component, header.signed, &mut values);
    }
    let planar = components > 1;
    Ok(Frame {
        samples: Samples::Words {
            values,
            flip: flip16(true),
        },
        planar,
    })
}

/// Appends the values as 16-bit two's complement, moved so that they fit in. As in pydicom, what a
/// code stream calls unsigned and the header calls signed is two's complement of the code
/// stream's precision.
fn push(component: &ImageComponent, signed: bool, values: &mut Vec<u16>) {
    let bits = component.precision().clamp(1, 16);
    let shift = 32 - bits;
    let offset = if component.is_signed() || signed {
        0
    } else {
        1 << 15
    };
    let data = component.data().iter();
    if signed && !component.is_signed() {
        values.extend(data.map(|value| (value << shift >> shift) as u16));
    } else {
        values.extend(data.map(|value| (value - offset) as u16));
    }
}

/// Width, height and number of components by the SIZ marker (T.800, section A.5.1).
fn size(stream: &[u8]) -> Result<(usize, usize, usize), RenderError> {
    let start = stream.windows(4).position(|bytes| bytes == SIZ);
    let siz = start.and_then(|start| stream.get(start + 8..start + 42));
    let Some(siz) = siz else {
        return Err(malformed("there is no image size"));
    };
    let number = |at: usize| {
        let bytes = siz[at..].first_chunk::<4>().copied().unwrap_or_default();
        u32::from_be_bytes(bytes) as usize
    };
    let (right, bottom, left, top) = (number(0), number(4), number(8), number(12));
    let components = usize::from(u16::from_be_bytes([siz[32], siz[33]]));
    Ok((
        right.saturating_sub(left),
        bottom.saturating_sub(top),
        components,
    ))
}

fn malformed(problem: &str) -> RenderError {
    error::malformed("DICOM JPEG 2000", problem)
}
