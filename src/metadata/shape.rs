//! Boxes and masks in pixels of the source.

use std::sync::Arc;

use super::runs::Runs;

/// Where a reader saw a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingBox {
    /// Number of the finding in the vocabulary, if one means the same as the term.
    pub finding: Option<usize>,
    /// The dataset's own term.
    pub term: Arc<str>,
    /// The reader, if the release tells readers apart.
    pub reader: Option<Arc<str>>,
    pub outline: Outline,
    /// Left edge, top edge, width and height in source pixels.
    pub area: Area,
    /// The corners of a polygon in source pixels: x, y, x, y and so on.
    pub points: Vec<f64>,
}

/// The form within a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outline {
    Rectangle,
    Ellipse,
    Polygon,
}

impl Outline {
    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Outline::Rectangle => "rectangle",
            Outline::Ellipse => "ellipse",
            Outline::Polygon => "polygon",
        }
    }
}

/// A rectangle whose coordinates are edges between pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// The pixels of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingMask {
    /// As in [`FindingBox`].
    pub finding: Option<usize>,
    pub term: Arc<str>,
    pub runs: Runs,
}
