//! Windows icons: shows the largest of their pictures, which are PNGs or bitmaps.

use std::io::Cursor;

use image::codecs::ico::IcoDecoder;

use super::super::source::{SourceImage, reserve};
use super::super::{RenderError, error, png};
use super::decoders::{fault, picture};

const FORMAT: &str = "ICO";

/// Lengths of the header and of a directory entry.
const HEADER: usize = 6;
const ENTRY: usize = 16;

pub(super) fn open<'a>(source: &'a [u8]) -> Result<Box<dyn SourceImage + 'a>, RenderError> {
    let malformed = || error::malformed(FORMAT, "its directory is damaged");
    let count = source.get(4..HEADER).ok_or_else(malformed)?;
    let count = usize::from(u16::from_le_bytes([count[0], count[1]]));
    let entries = source
        .get(HEADER..HEADER + count * ENTRY)
        .ok_or_else(malformed)?;
    // Among equal sizes, take the first with the most colours.
    let side = |side: u8| if side == 0 { 256 } else { u32::from(side) };
    let entry = entries
        .as_chunks::<ENTRY>()
        .0
        .iter()
        .rev()
        .max_by_key(|entry| {
            (
                side(entry[0]) * side(entry[1]),
                u16::from_le_bytes([entry[6], entry[7]]),
            )
        })
        .ok_or_else(malformed)?;
    let number = |at: usize| {
        u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]) as usize
    };
    let (len, start) = (number(8), number(12));
    let rest = source.get(start..).ok_or_else(malformed)?;
    let data = &rest[..len.min(rest.len())];
    if data.starts_with(b"\x89PNG") {
        return png::open(rest);
    }
    // Build an icon of only this picture for the decoder.
    let mut icon = Vec::new();
    reserve(&mut icon, HEADER + ENTRY + data.len())?;
    icon.extend([0, 0, 1, 0, 1, 0]);
    icon.extend_from_slice(&entry[..12]);
    icon.extend(((HEADER + ENTRY) as u32).to_le_bytes());
    icon.extend_from_slice(data);
    let decoder = IcoDecoder::new(Cursor::new(icon)).map_err(|error| fault(FORMAT, &error))?;
    Ok(Box::new(picture(FORMAT, decoder, false)?))
}
