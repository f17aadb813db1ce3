//! Where a source image is in the finished one: for boxes and masks.

use super::geometry::{Geometry, Side};

/// How coordinates of the source become those of the finished picture: those of edges between
/// pixels as `x * scale - offset`, those of pixel centres as `(x + 0.5) * scale - 0.5 - offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    pub horizontal: Axis,
    pub vertical: Axis,
    /// Side of the finished picture in pixels.
    pub size: u32,
}

/// One dimension of a [`Placement`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// Finished pixels per source pixel.
    pub scale: f64,
    /// Finished pixels that the crop cuts off at the left or the top.
    pub offset: i32,
}

impl Axis {
    fn of(side: Side) -> Self {
        Self {
            scale: side.scaled as f64 / side.source as f64,
            // At most half the longest accepted side, scaled.
            offset: i32::try_from(side.offset).unwrap_or(i32::MAX),
        }
    }

    /// An edge in finished pixels, which may be outside of the picture.
    pub fn to_finished(self, edge: f64) -> f64 {
        edge * self.scale - f64::from(self.offset)
    }

    /// An edge in source pixels.
    pub fn to_source(self, edge: f64) -> f64 {
        (edge + f64::from(self.offset)) / self.scale
    }
}

impl Placement {
    /// The placement of a source of `width` x `height` pixels; `None` if it has no pixels.
    pub fn new(width: u32, height: u32, size: u32) -> Option<Self> {
        let geometry = Geometry::new(width as usize, height as usize, size as usize).ok()?;
        Some(Self {
            horizontal: Axis::of(geometry.horizontal),
            vertical: Axis::of(geometry.vertical),
            size,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_short_side_fills_the_picture() {
        let placement = Placement::new(2682, 2749, 1024).unwrap();
        // int(1024 * 2749 / 2682) = 1049, round((1049 - 1024) / 2.0) = 12
        assert_eq!(placement.vertical.offset, 12);
        assert_eq!(placement.vertical.scale, 1049.0 / 2749.0);
        assert_eq!(placement.horizontal.offset, 0);
        assert!((placement.horizontal.to_finished(2682.0) - 1024.0).abs() < 1e-9);
    }

    #[test]
    fn a_source_of_the_right_size_stays_as_it_is() {
        let placement = Placement::new(1024, 1024, 1024).unwrap();
        assert_eq!(placement.horizontal.to_finished(17.25), 17.25);
        assert_eq!(Placement::new(0, 5, 1024), None);
    }

    proptest! {
        #[test]
        fn coordinates_return(
            width in 1u32..6000,
            height in 1u32..6000,
            x in 0.0..1.0f64,
            y in 0.0..1.0f64,
        ) {
            let placement = Placement::new(width, height, 1024).unwrap();
            for (axis, edge) in [
                (placement.horizontal, x * f64::from(width)),
                (placement.vertical, y * f64::from(height)),
            ] {
                let back = axis.to_source(axis.to_finished(edge));
                prop_assert!((back - edge).abs() < 1e-6);
            }
        }

        #[test]
        fn the_crop_is_within_the_source(width in 1u32..6000, height in 1u32..6000) {
            let placement = Placement::new(width, height, 1024).unwrap();
            for (axis, side) in [(placement.horizontal, width), (placement.vertical, height)] {
                prop_assert!(axis.to_source(0.0) >= 0.0);
                prop_assert!(axis.to_source(1024.0) <= f64::from(side) * (1.0 + 1e-12));
            }
        }
    }
}
