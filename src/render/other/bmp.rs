//! Windows bitmaps.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;

use super::decoders::{fault, picture};
use super::{Picture, RenderError};

const FORMAT: &str = "BMP";

pub(super) fn file(source: &[u8]) -> Result<Picture<'_>, RenderError> {
    let decoder = BmpDecoder::new(Cursor::new(source)).map_err(|error| fault(FORMAT, &error))?;
    picture(FORMAT, decoder, true)
}

/// Reads a bitmap without the header of a file.
pub(super) fn bitmap(source: &[u8]) -> Result<Picture<'_>, RenderError> {
    let decoder = BmpDecoder::new_without_file_header(Cursor::new(source))
        .map_err(|error| fault(FORMAT, &error))?;
    picture(FORMAT, decoder, true)
}
