//! The segments of a JPEG or JPEG-LS stream before its first scan (ITU-T T.81, annex B).

use std::ops::Range;

use super::super::RenderError;
use super::super::source::reserve;

/// Start of scan: the last segment that is examined.
pub(in crate::render) const SOS: u8 = 0xda;

/// End and start of image.
const EOI: u8 = 0xd9;
const SOI: u8 = 0xd8;

/// One marker segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::render) struct Segment<'a> {
    pub marker: u8,
    /// The bytes after the two bytes of length.
    pub body: &'a [u8],
    /// Position of the segment in the stream, including marker and length.
    pub range: Range<usize>,
}

/// The segments after the start of image, up to and including the first start of scan. Ends early
/// if the stream or the image ends, or if a segment is cut off. Junk before a marker is skipped, as
/// libjpeg and Pillow do.
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
            // As in libjpeg and Pillow, a length too small to count itself means an empty segment.
            let body_len = usize::from(u16::from_be_bytes([high, low])).saturating_sub(2);
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

/// The seam after a stream that contains only tables for the next stream (T.81, section B.5): the
/// range of its end marker and the start marker of the next. libjpeg reads one after the other.
pub(super) fn seam(stream: &[u8]) -> Option<Range<usize>> {
    let last = segments(stream)
        .take_while(|segment| segment.marker != SOS)
        .last()?;
    let seam = last.range.end..last.range.end + 4;
    (stream.get(seam.clone())? == [0xff, EOI, 0xff, SOI]).then_some(seam)
}

/// A copy with only those segments before the first scan that decoding needs, and with an end
/// marker.
pub(super) fn bare(stream: &[u8]) -> Result<Vec<u8>, RenderError> {
    let mut copy = Vec::new();
    reserve(&mut copy, stream.len() + 2)?;
    copy.extend([0xff, SOI]);
    let mut end = stream.len();
    for segment in segments(stream) {
        end = segment.range.end;
        // Skip application segments and comments.
        if !matches!(segment.marker, 0xe0..=0xef | 0xfe) {
            copy.extend(&stream[segment.range]);
        }
    }
    copy.extend(&stream[end..]);
    copy.extend([0xff, EOI]);
    Ok(copy)
}

/// Where the scan data that begin at `at` end: at a marker other than a restart, or at the end of
/// the stream.
pub(super) fn end_of_scan(stream: &[u8], at: usize) -> usize {
    let ends = |bytes: &[u8]| is_marker(bytes) && !matches!(bytes[1], 0xd0..=0xd7);
    let rest = stream.get(at..).unwrap_or_default();
    rest.windows(2)
        .position(ends)
        .map_or(stream.len(), |found| at + found)
}

/// Where the data of the next scan begin, searching from the marker at `at`.
pub(super) fn next_scan(stream: &[u8], at: usize) -> Option<usize> {
    // Treat that marker as if it followed the start of the image.
    let start = at.checked_sub(2)?;
    let scan = segments(stream.get(start..)?).find(|segment| segment.marker == SOS)?;
    Some(start + scan.range.end)
}

/// 0xff followed by neither 0 (an escaped 0xff) nor another fill byte.
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

    #[test]
    fn tables_and_the_image_that_uses_them_have_a_seam() {
        let tables = b"\xff\xd8\xff\xdb\0\x03x\xff\xd9";
        let image = b"\xff\xd8\xff\xda\0\x02";
        assert_eq!(seam(&[tables.as_slice(), image].concat()), Some(7..11));
        assert_eq!(seam(tables), None);
        assert_eq!(seam(image), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = segments(&bytes).count();
        }
    }
}
