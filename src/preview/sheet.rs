//! The layout of a contact sheet. Only arithmetic; nothing is drawn.

use std::ops::RangeInclusive;

use ab_glyph::InvalidFont;

use crate::survey::Survey;

/// Possible side lengths of a tile, in pixels.
pub const TILE_SIDES: RangeInclusive<u32> = 64..=1024;

/// Tiles are added to a row only up to this width.
const USUAL_WIDTH: u32 = 2400;

/// Minimum width, since headings need space even with few and small tiles.
const LEAST_WIDTH: u32 = 560;

/// Maximum height: a sheet of this height and of the usual width takes 300 MB of memory, and
/// viewers can still open it.
const MAX_HEIGHT: u32 = 43_000;

/// Why there is no sheet.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    #[error(
        "the sheet would have {width}x{height} pixels; take fewer images, smaller tiles, or one dataset at a time"
    )]
    TooLarge { width: u32, height: u32 },
    #[error("a built-in font cannot be read")]
    Font(#[from] InvalidFont),
}

/// The positions and sizes on a sheet, in pixels.
#[derive(Debug)]
pub struct Sheet {
    pub width: u32,
    pub height: u32,
    pub tile: u32,
    pub margin: u32,
    /// Space between tiles.
    pub gap: u32,
    /// Height of a dataset's heading, including the space below it.
    pub heading: u32,
    /// Height of a line of a caption.
    pub line: u32,
    /// Text size relative to that for the usual tile.
    pub scale: f32,
    /// One block per dataset.
    pub blocks: Vec<Block>,
}

/// Positions of the parts of one dataset.
#[derive(Debug)]
pub struct Block {
    pub top: u32,
    /// Top left corners of its tiles.
    pub tiles: Vec<(u32, u32)>,
}

impl Sheet {
    /// The sheet for a survey.
    pub fn of(survey: &Survey, tile: u32) -> Result<Self, SheetError> {
        let counts = survey.datasets.iter().map(|dataset| {
            let tiles = u32::try_from(dataset.picks.len()).unwrap_or(u32::MAX);
            // Id and key, and findings if there are labels.
            let has_labels = dataset.picks.iter().any(|pick| pick.label.is_some());
            (tiles, 2 + u32::from(has_labels))
        });
        Self::of_counts(&counts.collect::<Vec<_>>(), tile)
    }

    /// The sheet for datasets, given the number of tiles and of lines under a tile of each.
    fn of_counts(counts: &[(u32, u32)], tile: u32) -> Result<Self, SheetError> {
        let scale = (tile as f32 / 224.0).clamp(0.8, 2.0);
        let [margin, gap, title, between, heading, line] =
            [40.0, 18.0, 46.0, 30.0, 48.0, 19.0].map(|size| (size * scale).round() as u32);
        let step = tile + gap;
        let most = counts.iter().map(|(tiles, _)| *tiles).max().unwrap_or(0);
        let columns = most.clamp(1, (USUAL_WIDTH - 2 * margin + gap) / step);
        let width = (2 * margin + columns * step - gap).max(LEAST_WIDTH);

        let mut end = margin + title - between;
        let mut blocks = Vec::new();
        for &(tiles, lines) in counts {
            let top = end + between;
            let first = top + heading;
            let row = tile + gap / 2 + lines * line + gap;
            let rows = tiles.div_ceil(columns).saturating_mul(row);
            // Without tiles, there is a line that says why.
            end = first.saturating_add(rows.saturating_sub(gap).max(line));
            // If the sheet is too high, its positions are not needed.
            if end > MAX_HEIGHT {
                break;
            }
            let place = |at| (margin + at % columns * step, first + at / columns * row);
            let tiles = (0..tiles).map(place).collect();
            blocks.push(Block { top, tiles });
        }
        let height = end.saturating_add(margin);
        if height > MAX_HEIGHT {
            return Err(SheetError::TooLarge { width, height });
        }
        Ok(Self {
            width,
            height,
            tile,
            margin,
            gap,
            heading,
            line,
            scale,
            blocks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_overlaps_or_sticks_out(
            counts in prop::collection::vec((0u32..20, 2u32..4), 0..6),
            tile in TILE_SIDES,
        ) {
            let sheet = Sheet::of_counts(&counts, tile);
            prop_assume!(sheet.is_ok());
            let sheet = sheet.unwrap();
            prop_assert_eq!(sheet.blocks.len(), counts.len());
            let mut end = sheet.margin;
            for (block, (tiles, lines)) in sheet.blocks.iter().zip(counts) {
                prop_assert!(block.top >= end);
                prop_assert_eq!(block.tiles.len() as u32, tiles);
                end = block.top + sheet.heading;
                let (mut right, mut bottom) = (0, end + sheet.line);
                for &(x, y) in &block.tiles {
                    prop_assert!(x >= sheet.margin && x + tile + sheet.margin <= sheet.width);
                    prop_assert!(y >= end && (x >= right || y >= bottom));
                    right = x + tile + sheet.gap;
                    bottom = y + tile + lines * sheet.line;
                }
                end = bottom;
            }
            prop_assert!(end + sheet.margin <= sheet.height && sheet.height <= MAX_HEIGHT);
            prop_assert!((LEAST_WIDTH..=USUAL_WIDTH).contains(&sheet.width));
        }
    }

    #[test]
    fn a_sheet_that_no_viewer_opens_is_refused() {
        for counts in [vec![(u32::MAX, 3); 2], vec![(0, 2); 10_000]] {
            assert!(Sheet::of_counts(&counts, 64).is_err());
        }
    }
}
