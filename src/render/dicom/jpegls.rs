//! JPEG-LS (ITU-T T.87) inside DICOM, decoded by CharLS.

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
        let said = error.to_string();
        let problem = format!("the data are damaged or cut off (CharLS: {})", said.shown());
        error::malformed("DICOM JPEG-LS", problem)
    };
    let stream = &*ended(stream)?;
    let mut codec = CharLS::default();
    let info = codec.get_frame_info(stream).map_err(problem)?;
    let components = usize::try_from(info.component_count).unwrap_or(0);
    header.expect(info.width as usize, info.height as usize, components)?;
    // The codec aborts the process if memory for the pixels runs out, and so do the copies made
    // here.
    probe(header.samples().saturating_mul(2))?;
    // This needs a new codec: one that has read the header cannot read it again.
    let bytes = CharLS::default().decode(stream).map_err(problem)?;
    let planar = components > 1 && !is_interleaved(stream);
    let is_rgb = header.photometric == "RGB" && components == 3;
    let samples = if info.bits_per_sample <= 8 {
        let mut bytes = bytes;
        if is_rgb {
            to_rgb(&mut bytes, planar, info.bits_per_sample);
        }
        let flip = flip8(header.signed && header.bits_allocated == 8);
        Samples::Bytes {
            values: Cow::Owned(bytes),
            flip,
        }
    } else {
        // CharLS writes words in native byte order.
        let pairs = bytes.as_chunks::<2>().0;
        let mut values = Vec::new();
        reserve(&mut values, pairs.len())?;
        values.extend(pairs.iter().map(|pair| u16::from_ne_bytes(*pair)));
        if is_rgb {
            to_rgb(&mut values, planar, info.bits_per_sample);
        }
        Samples::Words {
            values,
            flip: flip16(header.signed),
        }
    };
    Ok(Frame { samples, planar })
}

/// The stream with an end marker. If data end within a run of zeros and no marker follows, CharLS
/// counts to two billion.
fn ended(stream: &[u8]) -> Result<Cow<'_, [u8]>, RenderError> {
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    let padding = stream.iter().rev().take_while(|byte| **byte == 0).count();
    if stream[..stream.len() - padding].ends_with(&END_OF_IMAGE) {
        return Ok(stream.into());
    }
    let mut ended = Vec::new();
    reserve(&mut ended, stream.len() + END_OF_IMAGE.len())?;
    ended.extend(stream);
    ended.extend(END_OF_IMAGE);
    Ok(ended.into())
}

/// Converts an image that the header calls RGB from YCbCr to RGB, as pylibjpeg does: ITU-R BT.601
/// with 13 fractional bits.
fn to_rgb<T>(values: &mut [T], planar: bool, bits: i32)
where
    T: Copy + Into<i64> + TryFrom<i64>,
{
    let highest = (1 << bits) - 1;
    let middle = 1 << (bits - 1);
    let convert = |luma: T, blue: T, red: T| {
        let (luma, blue, red) = (luma.into() << 13, blue.into() - middle, red.into() - middle);
        let colors = [
            luma + 11_485 * red,
            luma - 2_819 * blue - 5_850 * red,
            luma + 14_516 * blue,
        ];
        colors.map(|color| ((color + (1 << 12)) >> 13).clamp(0, highest))
    };
    let put = |value: &mut T, color: i64| *value = color.try_into().unwrap_or(*value);
    if planar {
        let (first, rest) = values.split_at_mut(values.len() / 3);
        let (second, third) = rest.split_at_mut(rest.len() / 2);
        for ((first, second), third) in first.iter_mut().zip(second).zip(third) {
            let [red, green, blue] = convert(*first, *second, *third);
            put(first, red);
            put(second, green);
            put(third, blue);
        }
    } else {
        for pixel in values.as_chunks_mut::<3>().0 {
            let [first, second, third] = pixel;
            let [red, green, blue] = convert(*first, *second, *third);
            put(first, red);
            put(second, green);
            put(third, blue);
        }
    }
}

/// Whether the scan interleaves its components: the second-to-last byte of its header is not 0
/// (T.87, section C.2.3).
fn is_interleaved(stream: &[u8]) -> bool {
    let scan = segments(stream).find(|segment| segment.marker == SOS);
    scan.and_then(|scan| scan.body.iter().rev().nth(1).copied())
        .is_some_and(|mode| mode != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_rgb_is_taken_for_ycbcr() {
        let mut planar = vec![10u8, 255, 141, 128, 77, 128];
        to_rgb(&mut planar, true, 8);
        assert_eq!(planar, [0, 255, 42, 255, 33, 255]);
        let mut interleaved = vec![10u16, 141, 77];
        to_rgb(&mut interleaved, false, 8);
        assert_eq!(interleaved, [0, 42, 33]);
    }

    #[test]
    fn a_stream_has_a_marker_at_its_end() {
        assert!(matches!(ended(b"\xff\xd9\0\0"), Ok(Cow::Borrowed(_))));
        assert_eq!(&*ended(b"ab").unwrap(), b"ab\xff\xd9");
        assert_eq!(&*ended(b"").unwrap(), b"\xff\xd9");
    }
}
