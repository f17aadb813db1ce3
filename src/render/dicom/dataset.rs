//! Reads the elements of a DICOM file that concern pixels (PS3.10, section 7; PS3.3, section
//! C.7.6.3).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use super::super::RenderError;
use super::inflate;
use super::walk::{Cut, Element, Walk};
use super::{malformed, unsupported};
use crate::shown::Show;

/// Length of the preamble and the magic number (PS3.10, section 7.1).
const META_START: usize = 132;

/// Group of the file meta information.
const META_GROUP: u16 = 0x0002;

/// Group of command elements, which have no meaning in a file and are always implicit (PS3.7,
/// section 6.3.1).
const COMMAND_GROUP: u16 = 0x0000;

/// Group of rows, columns, bits and similar elements.
const IMAGE_GROUP: u16 = 0x0028;

/// Retired from the standard, but still found in old files.
pub(super) const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

const PIXEL_TAGS: [Tag; 3] = [
    tags::PIXEL_DATA,
    tags::FLOAT_PIXEL_DATA,
    tags::DOUBLE_FLOAT_PIXEL_DATA,
];

/// What the metadata table takes from a header; see [`super::Attributes`].
const ATTRIBUTES: [Tag; 5] = [
    tags::STUDY_DATE,
    tags::PATIENT_SEX,
    tags::PATIENT_AGE,
    tags::VIEW_POSITION,
    tags::STUDY_INSTANCE_UID,
];

/// Only this many bytes of a text are read: the texts that the renderer needs are short.
const LONGEST_TEXT: usize = 1024;

/// The type of the pixel values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PixelKind {
    Integers,
    Floats,
}

/// Position of the pixel data in the file (inflated if it is deflated).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PixelBytes {
    pub kind: PixelKind,
    pub range: Range<usize>,
    /// Whether the bytes of each pair are swapped: OW in big endian.
    pub swapped: bool,
    /// Whether the file ends before the pixel data do.
    pub is_cut: bool,
}

/// The elements of an image.
pub(super) struct Elements<'a> {
    pub transfer_syntax: String,
    /// The file; if the data set is deflated, the inflated data set.
    pub bytes: Cow<'a, [u8]>,
    pub pixels: PixelBytes,
    pub values: Values,
}

impl Elements<'_> {
    /// See [`Values::text`].
    pub(super) fn text(&self, tag: Tag) -> Option<String> {
        self.values.text(&self.bytes, tag)
    }

    /// See [`Values::number`].
    pub(super) fn number(&self, tag: Tag) -> Option<u64> {
        self.values.number(&self.bytes, tag)
    }
}

/// Positions of the values of group 0028, and of [`ATTRIBUTES`].
pub(super) struct Values {
    elements: BTreeMap<Tag, Element>,
    pub big_endian: bool,
}

impl Values {
    /// Reads a data set in explicit little endian that may be cut off.
    pub(super) fn of_beginning(bytes: &[u8]) -> Result<Self, RenderError> {
        Ok(Self {
            elements: Found::new(bytes, 0, false, false)?.values,
            big_endian: false,
        })
    }

    /// The text of an element without its padding, or `None` if there is no such element. A text
    /// can be empty.
    pub(super) fn text(&self, bytes: &[u8], tag: Tag) -> Option<String> {
        let value = &bytes[self.elements.get(&tag)?.value.clone()];
        // Decoded as Latin-1. Known values are ASCII, and others are not recognised anyway.
        let text = value
            .iter()
            .take(LONGEST_TEXT)
            .map(|byte| char::from(*byte));
        let text: String = text.collect();
        Some(text.trim_end_matches([' ', '\0']).to_owned())
    }

    /// The first number of an element. Its VR should be US, but others are accepted.
    pub(super) fn number(&self, bytes: &[u8], tag: Tag) -> Option<u64> {
        let element = self.elements.get(&tag)?;
        let len = match element.vr.as_ref() {
            Some(b"US" | b"SS" | b"UN" | b"OW" | b"OB") | None => 2,
            Some(b"UL" | b"SL") => 4,
            Some(b"UV" | b"SV") => 8,
            Some(_) => return self.text(bytes, tag)?.trim().parse().ok(),
        };
        let value = bytes[element.value.clone()].get(..len)?;
        let number = (0..len).fold(0, |number, at| {
            let at = if self.big_endian { at } else { len - 1 - at };
            number << 8 | u64::from(value[at])
        });
        Some(number)
    }
}

/// Walks a file to its end, because the last of several equal elements wins and header elements can
/// follow the pixel data.
pub(super) fn read(file: &[u8]) -> Result<Elements<'_>, RenderError> {
    let (uid, data_start) = read_meta(file)?;
    let (bytes, start) = if uid == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN {
        (Cow::Owned(inflate::data_set(&file[data_start..])?), 0)
    } else {
        (Cow::Borrowed(file), data_start)
    };
    let implicit = uid == uids::IMPLICIT_VR_LITTLE_ENDIAN;
    let big_endian = uid == EXPLICIT_VR_BIG_ENDIAN;
    let found = Found::new(&bytes, start, implicit, big_endian)?;
    let pixels = found.pixels(bytes.len(), big_endian)?;
    Ok(Elements {
        transfer_syntax: uid,
        values: Values {
            elements: found.values,
            big_endian,
        },
        bytes,
        pixels,
    })
}

/// The result of a walk.
pub(super) struct Found {
    values: BTreeMap<Tag, Element>,
    pixels: BTreeMap<Tag, Element>,
    cut: Option<Cut>,
    end: usize,
}

impl Found {
    fn new(
        bytes: &[u8],
        start: usize,
        implicit: bool,
        big_endian: bool,
    ) -> Result<Self, RenderError> {
        let (mut values, mut pixels) = (BTreeMap::new(), BTreeMap::new());
        let mut walk = Walk::new(bytes, start, implicit, big_endian);
        loop {
            match walk.next() {
                Ok(Some(element)) => {
                    let tag = element.tag;
                    if PIXEL_TAGS.contains(&tag) {
                        pixels.insert(tag, element);
                    } else if tag.group() == IMAGE_GROUP || ATTRIBUTES.contains(&tag) {
                        values.insert(tag, element);
                    }
                }
                Ok(None) => break,
                // Junk after the pixel data does no harm.
                Err(_) if !pixels.is_empty() => break,
                Err(_) if walk.cut().is_some() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            values,
            pixels,
            cut: walk.cut(),
            end: walk.position(),
        })
    }

    fn pixels(&self, len: usize, big_endian: bool) -> Result<PixelBytes, RenderError> {
        let mut pixels = self.pixels.values();
        match (pixels.next(), pixels.next()) {
            (Some(pixels), None) => Ok(PixelBytes {
                kind: if pixels.tag == tags::PIXEL_DATA {
                    PixelKind::Integers
                } else {
                    PixelKind::Floats
                },
                range: pixels.value.clone(),
                swapped: big_endian && pixels.vr.is_none_or(|vr| vr == *b"OW"),
                is_cut: self.cut.is_some() && pixels.value.end == len,
            }),
            (Some(_), Some(_)) => {
                let problem = "there are pixel data both as integers and as floats";
                Err(malformed(problem))
            }
            (None, _) => Err(no_pixels(self.cut, self.end, len)),
        }
    }
}

/// The error for a file of `len` bytes without pixel data.
fn no_pixels(cut: Option<Cut>, end: usize, len: usize) -> RenderError {
    malformed(&match cut {
        Some(Cut::Value(tag)) if PIXEL_TAGS.contains(&tag) => {
            format!("the file ends in its pixel data, after {len} bytes: download it again")
        }
        Some(_) => format!("the file ends in its header, after {len} bytes: download it again"),
        None if end >= len => format!(
            "there are no pixel data: the file ends after its header, with {len} bytes; if it is \
             cut off, download it again"
        ),
        None => format!("there are no pixel data: the data set ends after {end} of {len} bytes"),
    })
}

/// Reads the transfer syntax and finds the start of the data set.
fn read_meta(file: &[u8]) -> Result<(String, usize), RenderError> {
    let mut uid = None;
    let mut walk = Walk::new(file, META_START, false, false);
    while walk.group() == Some(META_GROUP) {
        let Some(element) = walk.next()? else { break };
        if element.tag == tags::TRANSFER_SYNTAX_UID && element.value.len() <= LONGEST_TEXT {
            uid = std::str::from_utf8(&file[element.value]).ok();
        }
    }
    let uid = uid.map(|uid| uid.trim_matches([' ', '\0']));
    let Some(uid) = uid.filter(|uid| !uid.is_empty()) else {
        if walk.position() >= file.len() {
            return Err(no_pixels(Some(Cut::Header), 0, file.len()));
        }
        return Err(malformed(
            "the file meta information names no transfer syntax (0002,0010)",
        ));
    };
    if !uid
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Err(unsupported(format!("transfer syntax \"{}\"", uid.shown())));
    }
    let mut start = walk.position();
    let mut walk = Walk::new(file, start, true, false);
    while walk.group() == Some(COMMAND_GROUP) && walk.next()?.is_some() {
        start = walk.position();
    }
    Ok((uid.to_owned(), start))
}
