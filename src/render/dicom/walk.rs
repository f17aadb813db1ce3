//! Finds the elements of a data set in place (PS3.5, chapter 7).
//!
//! Real files break the standard in ways that pydicom, and so the reference, accepts: a value
//! representation other than the transfer syntax says, sequences as UN, wrong lengths. This module
//! decides as pydicom does what an element is and where it ends. Nothing recurses, and work and
//! depth are limited: hostile files nest sequences a million deep.

use std::ops::Range;

use dicom_core::dictionary::DataDictionary as _;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::StandardDataDictionary;
use memchr::memmem;

use super::super::RenderError;
use super::super::source::reserve;
use super::malformed;

const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);

/// "Undefined": a delimiter ends the value.
const UNDEFINED: u32 = u32::MAX;

/// Maximum nesting of sequences and items. pydicom gives up before 400.
const MAX_DEPTH: usize = 1000;

/// Value representations with a four-byte length (PS3.5, section 7.1.2).
const LONG: [&[u8; 2]; 13] = [
    b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV",
];

/// An element that is not a sequence of undefined length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub tag: Tag,
    /// As written in the file; `None` if it is implicit.
    pub vr: Option<[u8; 2]>,
    /// Position of the value. It is shorter than the element says if the file ends within it.
    pub value: Range<usize>,
}

/// The place where a cut-off file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Between the elements, or among those of a sequence.
    Header,
    /// Within the value of an element.
    Value(Tag),
}

/// Walks from element to element.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    implicit: bool,
    big_endian: bool,
    /// Where the file ends, if that is within an element.
    cut: Option<Cut>,
    /// How many items of undefined-length values may still be visited. Values can share items, so
    /// their number is not limited by the size of the file.
    budget: usize,
    /// No end of a sequence exists from this position on.
    no_end_from: usize,
}

/// The tag, value representation and length of an element.
struct Head {
    tag: Tag,
    vr: Option<[u8; 2]>,
    len: u32,
    /// Where the value begins.
    start: usize,
}

/// The enclosing structure of a nested element.
enum Level {
    Sequence { implicit: bool },
    Item { implicit: bool, end: usize },
}

impl<'a> Walk<'a> {
    /// Starts at `start`. `implicit` is the transfer syntax's statement about value
    /// representations; the first element can disprove it.
    pub(super) fn new(bytes: &'a [u8], start: usize, implicit: bool, big_endian: bool) -> Self {
        let mut walk = Self {
            bytes,
            at: start,
            implicit,
            big_endian,
            cut: None,
            budget: bytes.len(),
            no_end_from: bytes.len(),
        };
        walk.implicit = walk.looks_implicit(start).unwrap_or(implicit);
        walk
    }

    /// Where the next element begins.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Where the file ends, if that is within an element.
    pub(super) fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// The group of the next element.
    pub(super) fn group(&self) -> Option<u16> {
        Some(self.tag(self.at)?.group())
    }

    /// The next element; `None` at the end of the data set or of the file.
    pub(super) fn next(&mut self) -> Result<Option<Element>, RenderError> {
        loop {
            let Some(head) = self.head(self.at, self.implicit) else {
                if self.at < self.bytes.len() {
                    self.cut = Some(Cut::Header);
                }
                self.at = self.bytes.len();
                return Ok(None);
            };
            if head.tag == ITEM_END {
                return Ok(None);
            }
            if head.len != UNDEFINED {
                let value = self.defined(&head);
                self.at = value.end;
                return Ok(Some(Element {
                    tag: head.tag,
                    vr: head.vr,
                    value,
                }));
            }
            if self.is_sequence(&head) {
                self.at = self.skip_sequence(head.start)?;
                continue;
            }
            let Some(value) = self.undefined(head.start)? else {
                self.cut = Some(Cut::Value(head.tag));
                self.at = self.bytes.len();
                return Ok(None);
            };
            self.at = (value.end + 8).min(self.bytes.len());
            return Ok(Some(Element {
                tag: head.tag,
                vr: head.vr,
                value,
            }));
        }
    }

    /// Finds the end of a sequence of undefined length whose items begin at `start`.
    fn skip_sequence(&mut self, start: usize) -> Result<usize, RenderError> {
        let mut at = start;
        let mut levels = vec![Level::Sequence {
            implicit: self.implicit,
        }];
        while let Some(level) = levels.last() {
            match *level {
                Level::Sequence { implicit } => {
                    let (Some(tag), Some(len)) = (self.tag(at), self.word(at + 4)) else {
                        self.cut = Some(Cut::Header);
                        self.at = self.bytes.len();
                        return Err(malformed("the file ends within a sequence"));
                    };
                    at += 8;
                    if tag == SEQUENCE_END {
                        levels.pop();
                        continue;
                    }
                    let end = if len == UNDEFINED {
                        usize::MAX
                    } else {
                        at.saturating_add(len as usize)
                    };
                    // Items may be implicit in an explicit data set, but not the other way round.
                    let implicit = implicit || self.looks_implicit(at).unwrap_or(implicit);
                    levels.push(Level::Item { implicit, end });
                }
                Level::Item { end, .. } if at >= end => {
                    levels.pop();
                }
                Level::Item { implicit, .. } => {
                    let Some(head) = self.head(at, implicit) else {
                        at = self.bytes.len();
                        levels.pop();
                        continue;
                    };
                    if head.tag == ITEM_END {
                        at = head.start;
                        levels.pop();
                    } else if head.len != UNDEFINED {
                        at = self.defined(&head).end;
                    } else if self.is_sequence(&head) {
                        at = head.start;
                        levels.push(Level::Sequence { implicit });
                    } else if let Some(value) = self.undefined(head.start)? {
                        at = (value.end + 8).min(self.bytes.len());
                    } else {
                        at = head.start;
                        levels.pop();
                    }
                }
            }
            if levels.len() > MAX_DEPTH {
                let problem = format!("sequences are nested more than {MAX_DEPTH} deep");
                return Err(malformed(&problem));
            }
        }
        Ok(at)
    }

    /// Whether a value of undefined length is a sequence. UN always is (PS3.5, section 6.2.2).
    /// Without a value representation, the dictionary decides, or else the first item.
    fn is_sequence(&self, head: &Head) -> bool {
        let Some(vr) = head.vr else {
            let is_private = head.tag.group() % 2 == 1;
            let known = (!is_private)
                .then(|| StandardDataDictionary.by_tag(head.tag))
                .flatten();
            return match known {
                Some(entry) => entry.vr.exact() == Some(VR::SQ),
                None => self.tag(head.start) == Some(ITEM),
            };
        };
        matches!(&vr, b"SQ" | b"UN")
    }

    fn defined(&mut self, head: &Head) -> Range<usize> {
        let end = head.start.saturating_add(head.len as usize);
        if end > self.bytes.len() {
            self.cut = Some(Cut::Value(head.tag));
        }
        head.start..end.min(self.bytes.len())
    }

    /// A value that ends with a sequence delimiter, without that delimiter. `None` if there is
    /// none.
    fn undefined(&mut self, start: usize) -> Result<Option<Range<usize>>, RenderError> {
        let mut at = start;
        // Item by item, since an item can contain the bytes of a delimiter.
        while let Some(tag) = self.tag(at) {
            let Some(budget) = self.budget.checked_sub(1) else {
                return Err(malformed("there are more items than the file has bytes"));
            };
            self.budget = budget;
            match (tag, self.word(at + 4)) {
                (SEQUENCE_END, _) => return Ok(Some(start..at)),
                (ITEM, Some(len)) => at = at.saturating_add(8 + len as usize),
                _ => break,
            }
        }
        // Otherwise the value is everything before the first delimiter.
        if start >= self.no_end_from {
            return Ok(None);
        }
        let pattern: [u8; 4] = if self.big_endian {
            [0xff, 0xfe, 0xe0, 0xdd]
        } else {
            [0xfe, 0xff, 0xdd, 0xe0]
        };
        let found = memmem::find(&self.bytes[start..], &pattern);
        if found.is_none() {
            self.no_end_from = start;
        }
        Ok(found.map(|len| start..start + len))
    }

    fn head(&self, at: usize, implicit: bool) -> Option<Head> {
        let tag = self.tag(at)?;
        let start = at + 8;
        let len = self.word(at + 4)?;
        let vr = [self.bytes[at + 4], self.bytes[at + 5]];
        // Other bytes are a length, as in data sets that switch to implicit.
        if implicit || !(*b"AA"..=*b"ZZ").contains(&vr) {
            return Some(Head {
                tag,
                vr: None,
                len,
                start,
            });
        }
        let vr = Some(vr);
        if vr.is_some_and(|vr| LONG.contains(&&vr)) {
            let len = self.word(start)?;
            let start = start + 4;
            return Some(Head {
                tag,
                vr,
                len,
                start,
            });
        }
        let len = self.half(at + 6)?.into();
        Some(Head {
            tag,
            vr,
            len,
            start,
        })
    }

    /// Whether the element at `at` has no value representation; `None` at the end of the file.
    fn looks_implicit(&self, at: usize) -> Option<bool> {
        let vr = self.bytes.get(at..)?.get(4..6)?;
        Some(!vr.iter().all(u8::is_ascii_uppercase))
    }

    fn tag(&self, at: usize) -> Option<Tag> {
        Some(Tag(self.half(at)?, self.half(at.saturating_add(2))?))
    }

    fn half(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn word(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }
}

/// The items of encapsulated pixel data, except the first, which is the offset table (PS3.5,
/// section A.4). As in pydicom, any element in place of an item counts as an item, and an empty
/// item ends the list, unless it comes first.
pub(super) fn fragments(
    bytes: &[u8],
    value: Range<usize>,
) -> Result<Vec<Range<usize>>, RenderError> {
    let within = &bytes[..value.end];
    // Encapsulated data are little endian.
    let walk = Walk::new(within, value.start, true, false);
    let (Some(ITEM), Some(table)) = (walk.tag(value.start), walk.word(value.start + 4)) else {
        let problem = "the pixel data are not encapsulated, as their transfer syntax has it";
        return Err(malformed(problem));
    };
    let mut fragments = Vec::new();
    let mut at = (value.start + 8).saturating_add(table as usize);
    while let (Some(tag), Some(len)) = (walk.tag(at), walk.word(at + 4)) {
        if tag == SEQUENCE_END || len == 0 && !fragments.is_empty() {
            break;
        }
        if len == UNDEFINED {
            let at = at - value.start;
            let problem = format!("the fragment at byte {at} of the pixel data has no length");
            return Err(malformed(&problem));
        }
        if fragments.len() == fragments.capacity() {
            let more = fragments.len().max(16);
            reserve(&mut fragments, more)?;
        }
        let start = at + 8;
        at = start.saturating_add(len as usize);
        if len > 0 {
            fragments.push(start..at.min(within.len()));
        }
    }
    Ok(fragments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ITEM_START: [u8; 4] = [0xfe, 0xff, 0, 0xe0];
    const NO_LENGTH: [u8; 4] = [0xff; 4];
    const ITEM_STOP: [u8; 8] = [0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0];
    const SEQUENCE_STOP: [u8; 8] = [0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0];
    /// (0028,0010) US 5
    const ROWS: [u8; 10] = [0x28, 0, 0x10, 0, b'U', b'S', 2, 0, 5, 0];

    fn tags(bytes: &[u8], implicit: bool) -> Vec<Tag> {
        let mut walk = Walk::new(bytes, 0, implicit, false);
        std::iter::from_fn(|| walk.next().unwrap())
            .map(|element| element.tag)
            .collect()
    }

    /// Elements of undefined length in group 0019, nested `depth` deep, with or without delimiters.
    fn nested(depth: usize, has_ends: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..depth {
            bytes.extend([0x19, 0, 0x10, 0x10, b'U', b'N', 0, 0]);
            bytes.extend(NO_LENGTH);
            bytes.extend(ITEM_START);
            bytes.extend(NO_LENGTH);
        }
        for _ in 0..if has_ends { depth } else { 0 } {
            bytes.extend(ITEM_STOP);
            bytes.extend(SEQUENCE_STOP);
        }
        bytes
    }

    #[test]
    fn a_sequence_as_un_is_passed_over() {
        let implicit_item = [
            &[0x19, 0, 0x10, 0x10, b'U', b'N', 0, 0][..],
            &NO_LENGTH,
            &ITEM_START,
            &[8, 0, 0, 0],
            // (0008,0060), empty, with implicit value representation.
            &[8, 0, 0x60, 0, 0, 0, 0, 0],
            &SEQUENCE_STOP,
            &ROWS,
        ];
        assert_eq!(tags(&implicit_item.concat(), false), [Tag(0x28, 0x10)]);
        let deep = [&nested(300, true)[..], &ROWS].concat();
        assert_eq!(tags(&deep, false), [Tag(0x28, 0x10)]);
    }

    #[test]
    fn a_million_nested_sequences_are_an_error() {
        for has_ends in [false, true] {
            let bytes = nested(1_000_000, has_ends);
            let error = Walk::new(&bytes, 0, false, false).next().unwrap_err();
            assert!(error.to_string().contains("nested"), "{error}");
        }
    }

    #[test]
    fn what_is_there_decides_on_the_value_representation() {
        let implicit = [0x28, 0, 0x10, 0, 2, 0, 0, 0, 5, 0];
        let expected = |vr, start| Element {
            tag: Tag(0x28, 0x10),
            vr,
            value: start..10,
        };
        for said in [false, true] {
            let first = |bytes| Walk::new(bytes, 0, said, false).next().unwrap();
            assert_eq!(first(&ROWS), Some(expected(Some(*b"US"), 8)));
            assert_eq!(first(&implicit), Some(expected(None, 8)));
        }
    }

    #[test]
    fn values_without_end_that_share_their_items_do_not_take_for_ever() {
        // Each element is an item of the one before, and all share a long row of empty items.
        let mut bytes = Vec::new();
        for _ in 0..2_000 {
            bytes.extend([0x19, 0, 0x10, 0x10, b'O', b'B', 0, 0]);
            bytes.extend(NO_LENGTH);
            bytes.extend(ITEM_START);
            bytes.extend([4, 0, 0, 0]);
            bytes.extend(SEQUENCE_STOP);
        }
        let first = bytes.len();
        bytes.extend([&ITEM_START[..], &[0; 4]].concat().repeat(100_000));
        for at in (0..first).step_by(28) {
            let len = (first - at - 20) as u32;
            bytes[at + 16..at + 20].copy_from_slice(&len.to_le_bytes());
        }
        let mut walk = Walk::new(&bytes, 0, false, false);
        let error = std::iter::from_fn(|| walk.next().transpose()).find_map(Result::err);
        assert!(error.unwrap().to_string().contains("more items"));
    }

    #[test]
    fn what_stands_in_an_items_place_is_a_fragment() {
        let item = |tag: [u8; 4], value: &[u8]| {
            [&tag[..], &(value.len() as u32).to_le_bytes(), value].concat()
        };
        let table = item(ITEM_START, &[0; 4]);
        let junk = item([1, 2, 3, 4], b"cd");
        let bytes = [table.clone(), item(ITEM_START, b"ab"), junk].concat();
        assert_eq!(fragments(&bytes, 0..bytes.len()), Ok(vec![20..22, 30..32]));
        let empty = [table, item(ITEM_START, b""), item(ITEM_START, b"ab")].concat();
        let only = std::iter::once(28..30).collect();
        assert_eq!(fragments(&empty, 0..empty.len()), Ok(only));
        assert!(fragments(b"no items", 0..8).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_a_walk_ends(
            bytes in proptest::collection::vec(
                prop_oneof![
                    any::<[u8; 4]>(),
                    Just(ITEM_START),
                    Just(NO_LENGTH),
                    Just([0xfe, 0xff, 0x0d, 0xe0]),
                    Just([0xfe, 0xff, 0xdd, 0xe0]),
                    Just([0, 0, 0, 0]),
                    Just([b'U', b'N', 0, 0]),
                    Just([0x19, 0, 0x10, 0x10]),
                ],
                0..60,
            ),
            implicit: bool,
            big_endian: bool,
        ) {
            let bytes = bytes.concat();
            let mut walk = Walk::new(&bytes, 0, implicit, big_endian);
            let mut at = 0;
            while let Ok(Some(element)) = walk.next() {
                prop_assert!(element.value.end <= bytes.len());
                prop_assert!(walk.position() > at);
                at = walk.position();
            }
            let _ = fragments(&bytes, 0..bytes.len());
        }
    }
}
