//! The elements of a DICOM file that concern pixels, found in place (PS3.5, PS3.10).
//!
//! Elements are walked by `dicom-parser`; values are taken from the file itself, so that pixel
//! data are never copied.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Cursor, ErrorKind, Read};
use std::ops::Range;

use dicom_core::header::Header as _;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::TransferSyntax;
use dicom_encoding::transfer_syntax::{Endianness, TransferSyntaxIndex};
use dicom_parser::dataset::lazy_read::LazyDataSetReader;
use dicom_parser::dataset::{LazyDataToken, lazy_read};
use dicom_parser::stateful::decode::StatefulDecode;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::super::source::reserve;
use super::super::{MAX_PIXELS, RenderError};
use super::{malformed, unsupported};

/// Preamble and magic number (PS3.10, section 7.1).
const META_START: usize = 132;

/// Group of the file meta information.
const META_GROUP: u16 = 0x0002;

/// Group of rows, columns, bits and the like.
const IMAGE_GROUP: u16 = 0x0028;

/// More than this a deflated file is not inflated to: the largest image of 16 bits, and a header.
const MAX_INFLATED: u64 = MAX_PIXELS * 2 + (16 << 20);

/// More of an element's value is not kept: texts and numbers that the renderer asks for are short.
const LONGEST_VALUE: usize = 1024;

/// Where the pixel data are, in the (inflated) file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PixelBytes {
    Native {
        range: Range<usize>,
        /// Whether bytes stand in pairs of which the second comes first: OW in big endian.
        swapped: bool,
    },
    /// Encapsulated; without the offset table.
    Fragments(Vec<Range<usize>>),
}

/// The elements of an image.
pub(super) struct Elements {
    pub transfer_syntax: String,
    values: BTreeMap<Tag, Vec<u8>>,
    big_endian: bool,
    pub pixels: Option<PixelBytes>,
}

impl Elements {
    /// The text of an element, without its padding.
    pub(super) fn text(&self, tag: Tag) -> Option<&str> {
        let text = std::str::from_utf8(self.values.get(&tag)?).ok()?;
        Some(text.trim_matches([' ', '\0'])).filter(|text| !text.is_empty())
    }

    /// The number in an element of VR US.
    pub(super) fn number(&self, tag: Tag) -> Option<u16> {
        let bytes = *self.values.get(&tag)?.first_chunk::<2>()?;
        Some(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    pub(super) fn is_big_endian(&self) -> bool {
        self.big_endian
    }
}

/// Walks a file up to its pixel data. Returns the bytes that [`PixelBytes`] speak of, too.
pub(super) fn read(file: &[u8]) -> Result<(Cow<'_, [u8]>, Elements), RenderError> {
    let meta_syntax = known(uids::EXPLICIT_VR_LITTLE_ENDIAN)?;
    let mut walk = Walk {
        bytes: file,
        syntax: meta_syntax,
        start: META_START,
    };
    let mut uid = None;
    let mut data_start = META_START;
    walk.elements(&mut |tag, _, value, end| {
        if tag.group() != META_GROUP {
            return Next::Stop;
        }
        if tag == tags::TRANSFER_SYNTAX_UID {
            uid = std::str::from_utf8(value)
                .ok()
                .map(|uid| uid.trim_matches([' ', '\0']).to_owned());
        }
        data_start = end;
        Next::Go
    })?;
    let uid = uid.ok_or_else(|| malformed("there is no transfer syntax"))?;
    let syntax = TransferSyntaxRegistry
        .get(&uid)
        .ok_or_else(|| unsupported(format!("transfer syntax {uid}")))?;

    let (bytes, start) = if uid == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN {
        let mut inflated = Vec::new();
        flate2::read::DeflateDecoder::new(&file[data_start..])
            .take(MAX_INFLATED)
            .read_to_end(&mut inflated)
            .map_err(|error| match error.kind() {
                ErrorKind::OutOfMemory => RenderError::NoMemory {
                    bytes: inflated.capacity().saturating_mul(2),
                },
                _ => malformed(&format!("the data do not inflate: {error}")),
            })?;
        (Cow::Owned(inflated), 0)
    } else {
        (Cow::Borrowed(file), data_start)
    };
    let mut values = BTreeMap::new();
    let big_endian = syntax.endianness() == Endianness::Big;
    walk = Walk {
        bytes: &bytes,
        syntax,
        start,
    };
    let mut swapped = false;
    let pixels = walk.elements(&mut |tag, vr, value, _| {
        if tag.group() == IMAGE_GROUP {
            values.insert(tag, value[..value.len().min(LONGEST_VALUE)].to_vec());
        }
        swapped = big_endian && vr == VR::OW;
        Next::Go
    })?;
    let pixels = pixels.map(|pixels| match pixels {
        PixelBytes::Native { range, .. } => PixelBytes::Native { range, swapped },
        fragments => fragments,
    });
    Ok((
        bytes,
        Elements {
            transfer_syntax: uid,
            values,
            big_endian,
            pixels,
        },
    ))
}

fn known(uid: &str) -> Result<&'static TransferSyntax, RenderError> {
    TransferSyntaxRegistry
        .get(uid)
        .ok_or_else(|| unsupported(format!("transfer syntax {uid}")))
}

enum Next {
    Go,
    Stop,
}

/// Takes tag, VR, value and end of an element.
type Visit<'v> = dyn FnMut(Tag, VR, &[u8], usize) -> Next + 'v;

struct Walk<'a> {
    bytes: &'a [u8],
    syntax: &'static TransferSyntax,
    start: usize,
}

impl Walk<'_> {
    /// Calls `visit` for each element that is not part of a sequence, up to and with the native pixel data; returns where the pixel data are.
    fn elements(&self, visit: &mut Visit<'_>) -> Result<Option<PixelBytes>, RenderError> {
        let mut cursor = Cursor::new(self.bytes);
        cursor.set_position(self.start as u64);
        let mut reader = LazyDataSetReader::new_with_ts(cursor, self.syntax).map_err(broken)?;
        let mut depth = 0;
        let mut fragments: Option<Vec<Range<usize>>> = None;
        while let Some(token) = reader.advance() {
            match token.map_err(broken)? {
                LazyDataToken::SequenceStart { .. } => depth += 1,
                LazyDataToken::PixelSequenceStart => {
                    if depth == 0 {
                        fragments = Some(Vec::new());
                    }
                    depth += 1;
                }
                LazyDataToken::SequenceEnd => {
                    depth -= 1;
                    if let (0, Some(mut fragments)) = (depth, fragments.take()) {
                        // The first item is the offset table.
                        if !fragments.is_empty() {
                            fragments.remove(0);
                        }
                        return Ok(Some(PixelBytes::Fragments(fragments)));
                    }
                }
                LazyDataToken::LazyValue { header, decoder } => {
                    let (start, len) = (decoder.position() as usize, header.len.0 as usize);
                    let range = self.range(start, len);
                    let is_pixels = depth == 0 && header.tag() == tags::PIXEL_DATA;
                    if depth == 0 {
                        let value = &self.bytes[range.clone()];
                        if let Next::Stop = visit(header.tag(), header.vr(), value, range.end) {
                            return Ok(None);
                        }
                    }
                    if is_pixels {
                        return Ok(Some(PixelBytes::Native {
                            range,
                            swapped: false,
                        }));
                    }
                    decoder
                        .skip_bytes(header.len.0)
                        .map_err(|error| malformed(&error.to_string()))?;
                }
                LazyDataToken::LazyItemValue { len, decoder } => {
                    let range = self.range(decoder.position() as usize, len as usize);
                    if let (1, Some(fragments)) = (depth, &mut fragments) {
                        push(fragments, range)?;
                    }
                    decoder
                        .skip_bytes(len)
                        .map_err(|error| malformed(&error.to_string()))?;
                }
                LazyDataToken::ItemStart { len } => {
                    // An empty item has no value that would follow.
                    if let (1, Some(fragments), 0) = (depth, &mut fragments, len.0) {
                        push(fragments, 0..0)?;
                    }
                }
                _ => {}
            }
        }
        match fragments {
            Some(_) => Err(malformed("the file ends within the pixel data")),
            None => Ok(None),
        }
    }

    /// A range of the file; shorter where the file ends.
    fn range(&self, start: usize, len: usize) -> Range<usize> {
        let start = start.min(self.bytes.len());
        start..start.saturating_add(len).min(self.bytes.len())
    }
}

/// Adds a fragment, of which a hostile file has a great many.
fn push(fragments: &mut Vec<Range<usize>>, range: Range<usize>) -> Result<(), RenderError> {
    if fragments.len() == fragments.capacity() {
        reserve(fragments, fragments.len().max(16))?;
    }
    fragments.push(range);
    Ok(())
}

fn broken(error: lazy_read::Error) -> RenderError {
    malformed(&error.to_string())
}
