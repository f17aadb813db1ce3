//! Where everything stands on a contact sheet. Arithmetic only; nothing is drawn.

use std::ops::RangeInclusive;

use super::text::FontError;
use crate::survey::Survey;

/// Sides that a tile can have, in pixels.
pub const TILE_SIDES: RangeInclusive<u32> = 64..=1024;

/// A sheet gets wider by more tiles in a row only up to here.
const USUAL_WIDTH: u32 = 2400;

/// Headings need some room, however few and small the tiles are.
const LEAST_WIDTH: u32 = 560;

/// Most pixels of a sheet: 300 MB in memory, and what viewers still open.
const MAX_PIXELS: u64 = 100 << 20;

/// Longest side of a sheet that viewers open.
const MAX_HEIGHT: u64 = 65_000;

/// Why there is no sheet.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    #[error(
        "the sheet would have {width}x{height} pixels; take fewer images, smaller tiles, or one dataset at a time"
    )]
    TooLarge { width: u32, height: u64 },
    #[error(transparent)]
    Font(#[from] FontError),
}

/// Sizes in pixels that follow from that of a tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    pub tile: u32,
    /// Around the sheet.
    pub margin: u32,
    /// Between tiles.
    pub gap: u32,
    /// The line at the top, with what is below it.
    pub title: u32,
    /// Between two datasets.
    pub between: u32,
    /// The heading of a dataset, with what is below it.
    pub heading: u32,
    /// A line of a caption.
    pub line: u32,
    /// How large text is, compared with that of the usual tile.
    pub scale: f32,
}

impl Metrics {
    fn of(tile: u32) -> Self {
        let scale = (tile as f32 / 224.0).clamp(0.8, 2.0);
        let scaled = |pixels: f32| (pixels * scale).round() as u32;
        Self {
            tile,
            margin: scaled(40.0),
            gap: scaled(18.0),
            title: scaled(46.0),
            between: scaled(30.0),
            heading: scaled(48.0),
            line: scaled(19.0),
            scale,
        }
    }
}

/// Where the parts of one dataset stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub top: u32,
    /// Top left corners of its tiles.
    pub tiles: Vec<(u32, u32)>,
    /// Top of the line that is there instead of tiles.
    pub note: u32,
}

/// The places on a sheet.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    pub width: u32,
    pub height: u32,
    pub metrics: Metrics,
    pub blocks: Vec<Block>,
}

/// How many tiles a dataset has, and lines under each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    tiles: u32,
    lines: u32,
}

impl Sheet {
    /// The sheet for a survey.
    pub fn of(survey: &Survey, tile: u32) -> Result<Self, SheetError> {
        let shapes: Vec<Shape> = survey
            .datasets
            .iter()
            .map(|dataset| Shape {
                tiles: u32::try_from(dataset.picks.len()).unwrap_or(u32::MAX),
                // Id and key, and findings where there are labels.
                lines: 2 + u32::from(dataset.picks.iter().any(|pick| pick.label.is_some())),
            })
            .collect();
        Self::of_shapes(&shapes, tile)
    }

    fn of_shapes(shapes: &[Shape], tile: u32) -> Result<Self, SheetError> {
        let metrics = Metrics::of(tile);
        let step = tile + metrics.gap;
        let most = shapes.iter().map(|shape| shape.tiles).max().unwrap_or(0);
        let usual = (USUAL_WIDTH - 2 * metrics.margin + metrics.gap) / step;
        let columns = most.clamp(1, usual.max(1));
        let width = (2 * metrics.margin + columns * step - metrics.gap).max(LEAST_WIDTH);

        let mut y = u64::from(metrics.margin + metrics.title);
        let mut blocks = Vec::new();
        // No more rows than fit are ever laid out.
        let too_large = |height: u64| SheetError::TooLarge { width, height };
        for (at, shape) in shapes.iter().enumerate() {
            y += u64::from(if at > 0 { metrics.between } else { 0 });
            let row = u64::from(tile + metrics.gap / 2 + shape.lines * metrics.line);
            let rows = u64::from(shape.tiles.div_ceil(columns));
            let (top, first) = (y, y + u64::from(metrics.heading));
            y = first
                + match rows {
                    0 => u64::from(metrics.line),
                    _ => rows * row + (rows - 1) * u64::from(metrics.gap),
                };
            if y > MAX_HEIGHT {
                return Err(too_large(y));
            }
            let place = |tile: u32| {
                let (column, line) = (tile % columns, u64::from(tile / columns));
                let y = first + line * (row + u64::from(metrics.gap));
                (metrics.margin + column * step, y as u32)
            };
            blocks.push(Block {
                top: top as u32,
                tiles: (0..shape.tiles).map(place).collect(),
                note: first as u32,
            });
        }
        let height = y + u64::from(metrics.margin);
        if u64::from(width) * height > MAX_PIXELS || height > MAX_HEIGHT {
            return Err(too_large(height));
        }
        Ok(Self {
            width,
            height: height as u32,
            metrics,
            blocks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shapes() -> impl Strategy<Value = Vec<Shape>> {
        prop::collection::vec((0u32..60, 2u32..4), 0..14).prop_map(|shapes| {
            let shape = |(tiles, lines)| Shape { tiles, lines };
            shapes.into_iter().map(shape).collect()
        })
    }

    proptest! {
        #[test]
        fn nothing_overlaps_or_sticks_out(shapes in shapes(), tile in TILE_SIDES) {
            let Ok(sheet) = Sheet::of_shapes(&shapes, tile) else {
                return Ok(());
            };
            let metrics = sheet.metrics;
            prop_assert!(u64::from(sheet.width) * u64::from(sheet.height) <= MAX_PIXELS);
            prop_assert_eq!(sheet.blocks.len(), shapes.len());
            let mut end = metrics.margin + metrics.title;
            for (block, shape) in sheet.blocks.iter().zip(&shapes) {
                prop_assert!(block.top >= end);
                prop_assert_eq!(block.tiles.len() as u32, shape.tiles);
                end = block.note + metrics.line;
                let caption = shape.lines * metrics.line;
                let mut last: Option<(u32, u32)> = None;
                for &(x, y) in &block.tiles {
                    prop_assert!(x >= metrics.margin && x + tile + metrics.margin <= sheet.width);
                    prop_assert!(y >= block.top + metrics.heading);
                    if let Some((before_x, before_y)) = last {
                        let is_right = y == before_y && x >= before_x + tile + metrics.gap;
                        prop_assert!(is_right || y >= before_y + tile + caption);
                    }
                    last = Some((x, y));
                    end = end.max(y + tile + caption);
                }
            }
            prop_assert!(end + metrics.margin <= sheet.height);
        }
    }

    #[test]
    fn a_sheet_is_as_wide_as_its_longest_row() {
        let shape = |tiles| Shape { tiles, lines: 2 };
        let narrow = Sheet::of_shapes(&[shape(2), shape(6)], 224).unwrap();
        assert_eq!(narrow.width, 2 * 40 + 6 * 224 + 5 * 18);
        let wide = Sheet::of_shapes(&[shape(60)], 224).unwrap();
        assert!(wide.width <= USUAL_WIDTH);
        assert!(Sheet::of_shapes(&[], 64).unwrap().height > 0);
    }

    #[test]
    fn a_sheet_that_no_viewer_opens_is_refused() {
        let many = |tiles| Shape { tiles, lines: 2 };
        for (shapes, tile) in [
            (vec![many(100); 10], 1024),
            (vec![many(u32::MAX)], 64),
            (vec![many(0); 10_000], 64),
        ] {
            let error = Sheet::of_shapes(&shapes, tile).unwrap_err();
            assert!(matches!(error, SheetError::TooLarge { .. }), "{error}");
        }
    }
}
