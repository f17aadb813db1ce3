//! The elements of a data set, found in place (PS3.5, chapter 7).
//!
//! Real files break the standard in ways that pydicom, and so the reference, reads all the same:
//! another value representation than the transfer syntax says, sequences as UN, lengths that lie.
//! What an element is and where it ends is decided here as pydicom does it. Nothing recurses, and
//! work and depth have limits: hostile files nest sequences a million deep.

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

/// Sequences and their items, one in the other. pydicom gives up before 400.
const MAX_DEPTH: usize = 1000;

/// Value representations whose length has four bytes (PS3.5, section 7.1.2).
const LONG: [&[u8; 2]; 13] = [
    b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV",
];

/// An element that is not a sequence of undefined length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub tag: Tag,
    /// As it stands in the file; `None` where it is implicit.
    pub vr: Option<[u8; 2]>,
    /// Where the value is; shorter than the element says where the file ends.
    pub value: Range<usize>,
}

/// Walks from element to element.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    implicit: bool,
    big_endian: bool,
    /// The file ended within an element.
    is_cut: bool,
    /// Items of undefined values that may still be looked at: values can share their items, so that
    /// their number is not that of the file's bytes.
    budget: usize,
    /// From here on there is no end of a sequence.
    no_end_from: usize,
}

/// What stands before a value.
struct Head {
    tag: Tag,
    vr: Option<[u8; 2]>,
    len: u32,
    /// Where the value begins.
    start: usize,
}

/// What an element within an element is part of.
enum Level {
    Sequence { implicit: bool },
    Item { implicit: bool, end: usize },
}

impl<'a> Walk<'a> {
    /// From `start` on; `implicit` is what the transfer syntax says of the value representations,
    /// which the first element can prove wrong.
    pub(super) fn new(bytes: &'a [u8], start: usize, implicit: bool, big_endian: bool) -> Self {
        let mut walk = Self {
            bytes,
            at: start,
            implicit,
            big_endian,
            is_cut: false,
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

    /// Whether the file ended within an element.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The group of the next element.
    pub(super) fn group(&self) -> Option<u16> {
        Some(self.tag(self.at)?.group())
    }

    /// The next element; `None` at the end of the data set or of the file.
    pub(super) fn next(&mut self) -> Result<Option<Element>, RenderError> {
        loop {
            let Some(head) = self.head(self.at, self.implicit) else {
                self.is_cut |= self.at < self.bytes.len();
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
                self.is_cut = true;
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

    /// Where a sequence of undefined length ends whose items begin at `start`.
    fn skip_sequence(&mut self, start: usize) -> Result<usize, RenderError> {
        let mut at = start;
        let mut levels = vec![Level::Sequence {
            implicit: self.implicit,
        }];
        while let Some(level) = levels.last() {
            match *level {
                Level::Sequence { implicit } => {
                    let (Some(tag), Some(len)) = (self.tag(at), self.word(at + 4)) else {
                        self.is_cut = true;
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
                    // Items may be implicit in an explicit data set, not the other way round.
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

    /// Whether a value of undefined length is a sequence. UN always is (PS3.5, section 6.2.2);
    /// where nothing is said, the dictionary knows, or the first item shows it.
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
        self.is_cut |= end > self.bytes.len();
        head.start..end.min(self.bytes.len())
    }

    /// A value that a sequence's end ends, without that; `None` where there is no such end.
    fn undefined(&mut self, start: usize) -> Result<Option<Range<usize>>, RenderError> {
        let mut at = start;
        // Item by item: the bytes of an end may stand within an item.
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
        // Else whatever stands before the first end.
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
        // What is no value representation is a length, as in data sets that change over.
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

/// The items of encapsulated pixel data without the first, which is the offset table (PS3.5,
/// section A.4).
pub(super) fn fragments(
    bytes: &[u8],
    value: Range<usize>,
) -> Result<Vec<Range<usize>>, RenderError> {
    let within = &bytes[..value.end];
    // Encapsulated data are little endian.
    let walk = Walk::new(within, value.start, true, false);
    let mut fragments = Vec::new();
    let mut at = value.start;
    while let Some(tag) = walk.tag(at) {
        match (tag, walk.word(at + 4)) {
            (SEQUENCE_END, _) => break,
            (ITEM, Some(len)) if len != UNDEFINED => {
                let start = at + 8;
                at = start.saturating_add(len as usize);
                if fragments.len() == fragments.capacity() {
                    let more = fragments.len().max(16);
                    reserve(&mut fragments, more)?;
                }
                fragments.push(start..at.min(within.len()));
            }
            _ => {
                let at = at - value.start;
                let problem = format!("no fragment begins at byte {at} of the pixel data");
                return Err(malformed(&problem));
            }
        }
    }
    if !fragments.is_empty() {
        fragments.remove(0);
    }
    Ok(fragments)
}
