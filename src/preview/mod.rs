//! A contact sheet: some images of each dataset on one PNG, to be looked at.
//!
//! ```text
//! survey ─► sheet (where everything stands) ─┐
//!        └► galleries ───────────────────────┴► draw ─► canvas (pixels, text) ─► PNG
//! ```

mod canvas;
mod draw;
mod fit;
mod sheet;
mod text;

use std::io::Write;

pub use sheet::{SheetError, TILE_SIDES};

use canvas::Canvas;
use sheet::Sheet;

use crate::survey::{Gallery, Survey, galleries};

/// A contact sheet, drawn.
pub struct Preview<'a> {
    canvas: Canvas,
    galleries: Vec<Gallery<'a>>,
}

impl<'a> Preview<'a> {
    /// Draws the picks of a survey, each `tile` pixels wide. Images that cannot be read have a tile
    /// that says so.
    ///
    /// # Errors
    /// Before any image is read, if the sheet would be too large.
    pub fn draw(survey: &'a Survey, tile: u32) -> Result<Self, SheetError> {
        let sheet = Sheet::of(survey, tile)?;
        let galleries = galleries(survey, tile);
        Ok(Self {
            canvas: draw::draw(survey, &galleries, &sheet)?,
            galleries,
        })
    }

    /// What was drawn.
    pub fn galleries(&self) -> &[Gallery<'a>] {
        &self.galleries
    }

    /// Writes the sheet as a PNG.
    pub fn write(&self, out: &mut dyn Write) -> Result<(), png::EncodingError> {
        self.canvas.write_png(out)
    }
}
