//! The segments of a JPEG or JPEG-LS stream before its first scan (ITU-T T.81, annex B).

use std::ops::Range;

/// Start of scan: the last segment that is looked at.
pub(in crate::render) const SOS: u8 = 0xda;

/// End of image.
const EOI: u8 = 0xd9;

/// One marker segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::render) struct Segment<'a> {
    pub marker: u8,
    /// What follows the two bytes of length.
    pub body: &'a [u8],
    /// Where the segment is in the stream, with marker and length.
    pub range: Range<usize>,
}

/// The segments that follow the start of image, up to and with the first start of scan. Ends early
/// where the stream or the image does, and where a segment is cut off. Junk before a marker is
/// passed over, as by libjpeg and Pillow.
pub(in crate::render) fn segments(stream: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut at = 2;
    std::iter::from_fn(move || {
        loop {
            at += stream.get(at..)?.windows(2).position(is_marker)?;
            let marker = stream[at + 1];
            if is_alone(marker) {
                at += 2;
                continue;
            }
            if marker == EOI {
                return None;
            }
            let [high, low] = *stream.get(at + 2..)?.first_chunk::<2>()?;
            let body_len = usize::from(u16::from_be_bytes([high, low])).checked_sub(2)?;
            let range = at..at + 4 + body_len;
            let body = stream.get(at + 4..range.end)?;
            at = if marker == SOS {
                stream.len()
            } else {
                range.end
            };
            return Some(Segment {
                marker,
                body,
                range,
            });
        }
    })
}

/// 0xff and what is neither an escaped 0xff nor another fill byte.
fn is_marker(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, marker] if !matches!(marker, 0 | 0xff))
}

/// Markers without a segment: TEM, RST0 to RST7, SOI.
fn is_alone(marker: u8) -> bool {
    matches!(marker, 0x01 | 0xd0..=0xd8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn segments_end_with_the_scan_or_the_stream() {
        let stream = b"\xff\xd8\xff\xfe\0\x03x\xff\xff\xda\0\x02\xff\xc4\0\x02";
        let found: Vec<_> = segments(stream)
            .map(|segment| (segment.marker, segment.body))
            .collect();
        assert_eq!(found, [(0xfe, b"x".as_slice()), (SOS, b"")]);
        assert_eq!(segments(&stream[..8]).count(), 1);
        assert_eq!(
            segments(&stream[..6]).count(),
            0,
            "a segment that is cut off"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = segments(&bytes).count();
        }
    }
}
