//! The segments of a JPEG or JPEG-LS stream before its first scan (ITU-T T.81, annex B).

use std::ops::Range;

/// Start of scan: the last segment that is looked at.
pub(in crate::render) const SOS: u8 = 0xda;

/// One marker segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::render) struct Segment<'a> {
    pub marker: u8,
    /// What follows the two bytes of length.
    pub body: &'a [u8],
    /// Where the segment is in the stream, with marker and length.
    pub range: Range<usize>,
}

/// The segments that follow the start of image, up to and with the first start of scan; ends early
/// where the stream does, or where no marker stands.
pub(in crate::render) fn segments(stream: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut at = 2;
    std::iter::from_fn(move || {
        // Any number of 0xff may stand before a marker.
        while let Some([0xff, 0xff]) = stream.get(at..at + 2) {
            at += 1;
        }
        let [0xff, marker, high, low, rest @ ..] = stream.get(at..)? else {
            return None;
        };
        let body_len = usize::from(u16::from_be_bytes([*high, *low])).checked_sub(2)?;
        let body = rest.get(..body_len)?;
        let range = at..at + 4 + body_len;
        at = if *marker == SOS {
            stream.len()
        } else {
            range.end
        };
        Some(Segment {
            marker: *marker,
            body,
            range,
        })
    })
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
