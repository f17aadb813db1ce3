//! A contact sheet: a few images of each dataset in one picture.
//!
//! ```text
//! survey ─► sheet (where everything stands) ─┐
//!        └► galleries ───────────────────────┴► draw (with text) ─► PNG or JPEG
//! ```

mod draw;
mod sheet;
mod text;

use std::io::{self, Write};

use image::RgbImage;

pub use sheet::{SheetError, TILE_SIDES};

use sheet::Sheet;
use text::Fonts;

use crate::survey::{Gallery, Survey, galleries, to_jpeg};

/// The quality of a sheet that is a JPEG.
const QUALITY: u8 = 90;

/// The file format of a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Png,
    Jpeg,
}

/// A finished contact sheet.
pub struct Preview<'a> {
    pub picture: RgbImage,
    pub galleries: Vec<Gallery<'a>>,
}

impl<'a> Preview<'a> {
    /// Draws the picks of a survey, each `tile` pixels wide. An unreadable image gets a tile that
    /// says so.
    ///
    /// # Errors
    /// If the sheet would be too large; no image is read then.
    pub fn draw(survey: &'a Survey, tile: u32) -> Result<Self, SheetError> {
        let sheet = Sheet::of(survey, tile)?;
        let fonts = Fonts::load()?;
        let galleries = galleries(survey, tile);
        Ok(Self {
            picture: draw::draw(survey, &galleries, &sheet, &fonts),
            galleries,
        })
    }

    /// Writes the sheet.
    pub fn write(&self, out: &mut dyn Write, format: Format) -> io::Result<()> {
        match format {
            // As it is, so that a closed pipe is known as one.
            Format::Png => self.write_png(out).map_err(|error| match error {
                png::EncodingError::IoError(error) => error,
                other => io::Error::other(other),
            }),
            Format::Jpeg => {
                let jpeg = to_jpeg(&self.picture, QUALITY).map_err(io::Error::other)?;
                out.write_all(&jpeg)
            }
        }
    }

    fn write_png(&self, out: &mut dyn Write) -> Result<(), png::EncodingError> {
        let (width, height) = self.picture.dimensions();
        let mut encoder = png::Encoder::new(out, width, height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.picture)?;
        writer.finish()
    }
}
