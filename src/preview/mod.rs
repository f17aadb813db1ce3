//! A contact sheet: some images of each dataset on one PNG, to be looked at.
//!
//! ```text
//! survey ─► sheet (where everything stands) ─┐
//!        └► thumbnails ──────────────────────┴► draw ─► canvas (pixels, text) ─► PNG
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

use crate::survey::{Survey, Thumbnail, thumbnails};

/// A contact sheet, drawn.
pub struct Preview {
    canvas: Canvas,
    thumbnails: Vec<Vec<Result<Thumbnail, String>>>,
}

impl Preview {
    /// Draws the picks of a survey, each `tile` pixels wide. Images that cannot be read have a tile
    /// that says so.
    ///
    /// # Errors
    /// Before any image is read, if the sheet would be too large.
    pub fn draw(survey: &Survey, tile: u32) -> Result<Self, SheetError> {
        let sheet = Sheet::of(survey, tile)?;
        let thumbnails = thumbnails(survey, tile);
        Ok(Self {
            canvas: draw::draw(survey, &thumbnails, &sheet)?,
            thumbnails,
        })
    }

    /// The thumbnails of each dataset, or why there is none.
    pub fn thumbnails(&self) -> &[Vec<Result<Thumbnail, String>>] {
        &self.thumbnails
    }

    /// Writes the sheet as a PNG.
    pub fn write(&self, out: &mut dyn Write) -> Result<(), png::EncodingError> {
        self.canvas.write_png(out)
    }
}
