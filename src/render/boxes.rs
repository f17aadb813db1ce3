//! Boxes, the building blocks of JP2 and JPEG XL files (ITU-T T.800, annex I.4).

/// A box, and the bytes that follow it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IsoBox<'a> {
    pub kind: &'a [u8; 4],
    pub body: &'a [u8],
    /// From the body to the end of the file.
    pub onward: &'a [u8],
    /// From the next box to the end of the file.
    pub rest: &'a [u8],
}

/// The box at the start of `bytes`, or `None` if there is none or its length is impossible. If the
/// box is cut off, its body ends with the file.
pub(super) fn first_box(bytes: &[u8]) -> Option<IsoBox<'_>> {
    let (len, after) = bytes.split_first_chunk::<4>()?;
    let (kind, body) = after.split_first_chunk::<4>()?;
    let (len, onward) = match u32::from_be_bytes(*len) {
        // It is the last box.
        0 => (body.len(), body),
        // A length of eight bytes follows.
        1 => {
            let (len, body) = body.split_first_chunk::<8>()?;
            let len = u64::from_be_bytes(*len).checked_sub(16)?;
            (usize::try_from(len).ok()?, body)
        }
        len => (usize::try_from(len.checked_sub(8)?).ok()?, body),
    };
    let (body, rest) = onward.split_at(len.min(onward.len()));
    Some(IsoBox {
        kind,
        body,
        onward,
        rest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_have_lengths_of_three_kinds() {
        let file = b"\0\0\0\x09abcd1\0\0\0\x01efgh\0\0\0\0\0\0\0\x112\0\0\0\0ijkl3";
        let bodies = std::iter::successors(first_box(file), |one| first_box(one.rest));
        let bodies: Vec<(&[u8; 4], &[u8])> = bodies.map(|one| (one.kind, one.body)).collect();
        assert_eq!(
            bodies,
            [(b"abcd", &b"1"[..]), (b"efgh", b"2"), (b"ijkl", b"3")]
        );
    }

    #[test]
    fn a_box_that_is_cut_off_has_what_there_is_of_it() {
        assert_eq!(first_box(b"\0\0\0\x63abcd1").unwrap().body, b"1");
        for none in [
            &b"\0\0\0\x09abc"[..],
            b"\0\0\0\x07abcd1",
            b"\0\0\0\x01abcd\0\0\0\0\0\0\0\x0f",
        ] {
            assert_eq!(first_box(none), None);
        }
    }
}
