//! How a source is scaled and cropped: torchvision's `Resize(size)` followed by `CenterCrop(size)`.

use super::RenderError;

/// One dimension, from source to output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Side {
    /// Source pixels.
    pub source: usize,
    /// Pixels after scaling, before the crop.
    pub scaled: usize,
    /// First scaled pixel that the crop keeps.
    pub offset: usize,
    /// Pixels that the crop keeps.
    pub kept: usize,
}

impl Side {
    /// Whether this dimension is not resampled at all.
    pub(super) fn is_identity(&self) -> bool {
        self.source == self.scaled
    }
}

/// Both dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Geometry {
    pub horizontal: Side,
    pub vertical: Side,
}

impl Geometry {
    /// The geometry of a source of `width` x `height` pixels and a square output of `size` pixels.
    pub(super) fn new(width: usize, height: usize, size: usize) -> Result<Self, RenderError> {
        let short = width.min(height);
        if short == 0 {
            return Err(RenderError::NoPixels {
                width: width as u64,
                height: height as u64,
            });
        }
        // Python computes int(size * long / short). For operands far below 2^53 that is the integer
        // quotient.
        let scaled = |side: usize| {
            if side == short {
                size
            } else {
                size * side / short
            }
        };
        let side = |source: usize| {
            let scaled = scaled(source);
            Side {
                source,
                scaled,
                offset: half_to_even(scaled - size),
                kept: size,
            }
        };
        Ok(Self {
            horizontal: side(width),
            vertical: side(height),
        })
    }
}

/// Python's `round(excess / 2.0)`: halves are rounded to the even neighbour.
fn half_to_even(excess: usize) -> usize {
    let half = excess / 2;
    half + (excess % 2) * (half % 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(width: usize, height: usize) -> Geometry {
        Geometry::new(width, height, 1024).unwrap()
    }

    #[test]
    fn halves_are_rounded_to_even() {
        let offset = |scaled: usize| half_to_even(scaled - 1024);
        assert_eq!(
            [1025, 1026, 1027, 1028, 1029, 1031].map(offset),
            [0, 1, 2, 2, 2, 4]
        );
    }

    #[test]
    fn the_longer_side_is_truncated() {
        assert_eq!(side(2320, 2828).vertical.scaled, 1248);
        assert_eq!(side(1777, 1201).horizontal.scaled, 1515);
        assert_eq!(side(1777, 1201).vertical.scaled, 1024);
    }

    #[test]
    fn a_side_of_the_right_size_is_left_alone() {
        let geometry = side(1024, 1201);
        assert!(geometry.horizontal.is_identity() && geometry.vertical.is_identity());
        assert_eq!(geometry.vertical.offset, 88);
    }

    #[test]
    fn no_pixels_are_an_error() {
        assert!(Geometry::new(0, 10, 1024).is_err());
    }
}
