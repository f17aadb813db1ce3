//! JPEG-LS (ITU-T T.87), by CharLS.

use std::borrow::Cow;

use charls::CharLS;

use super::super::jpeg::markers::{SOS, segments};
use super::super::source::{probe, reserve};
use super::super::{RenderError, error};
use super::header::Header;
use super::samples::{Frame, Samples, flip8, flip16};
use crate::shown::Show;

pub(super) fn frame(header: &Header, stream: &[u8]) -> Result<Frame<'static>, RenderError> {
    let problem = |error: charls::Error| {
        error::malformed("DICOM JPEG-LS", error.to_string().shown().to_string())
    };
    let mut codec = CharLS::default();
    let info = codec.get_frame_info(stream).map_err(problem)?;
    let components = usize::try_from(info.component_count).unwrap_or(0);
    header.expect(info.width as usize, info.height as usize, components)?;
    // The codec ends the process where it finds no memory for the pixels, and so do its copies.
    probe(header.samples().saturating_mul(2))?;
    // A new codec: one that has read the header does not read it again.
    let bytes = CharLS::default().decode(stream).map_err(problem)?;
    let samples = if info.bits_per_sample <= 8 {
        let flip = flip8(header.signed && header.bits_allocated == 8);
        Samples::Bytes {
            values: Cow::Owned(bytes),
            flip,
        }
    } else {
        // CharLS writes words in the machine's own order.
        let pairs = bytes.as_chunks::<2>().0;
        let mut values = Vec::new();
        reserve(&mut values, pairs.len())?;
        values.extend(pairs.iter().map(|pair| u16::from_ne_bytes(*pair)));
        Samples::Words {
            values,
            flip: flip16(header.signed),
        }
    };
    Ok(Frame {
        samples,
        planar: components > 1 && !is_interleaved(stream),
    })
}

/// Whether the scan interleaves its components: the last but one byte of its header is not 0
/// (T.87, section C.2.3).
fn is_interleaved(stream: &[u8]) -> bool {
    let scan = segments(stream).find(|segment| segment.marker == SOS);
    scan.and_then(|scan| scan.body.iter().rev().nth(1).copied())
        .is_some_and(|mode| mode != 0)
}
