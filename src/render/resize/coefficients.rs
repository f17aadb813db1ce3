//! The weights of Pillow's bilinear filter with antialiasing, for one dimension.
//!
//! Source: Pillow 9.5, `src/libImaging/Resample.c`, `precompute_coeffs` and
//! `normalize_coeffs_8bpc`. This module performs the same operations in the same order on the same
//! types, since every rounding affects the output.

use std::ops::Range;

use super::super::RenderError;
use super::super::geometry::Side;
use super::super::source::{reserve, zeros};

/// Fractional bits of a weight: 32 minus 8 for the sample and 2 for overshoot.
pub(super) const PRECISION_BITS: u32 = 32 - 8 - 2;

/// Added before the shift, to round.
pub(super) const ROUND: i32 = 1 << (PRECISION_BITS - 1);

/// Weights for every output pixel that the crop keeps. Output `i` is the sum over `k` of
/// `source[starts[i] + k] * weights[i * taps + k]`, plus [`ROUND`], shifted by [`PRECISION_BITS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coefficients {
    /// First source pixel of each output, in ascending order (neighbours can be equal).
    pub starts: Vec<usize>,
    /// Number of source pixels of each output, at most `taps`.
    pub counts: Vec<usize>,
    /// Number of weights stored per output; those beyond its count are 0.
    pub taps: usize,
    pub weights: Vec<i32>,
}

impl Coefficients {
    /// Computes the weights of one dimension that is resampled.
    pub(super) fn new(side: Side) -> Result<Self, RenderError> {
        let filter = Filter::new(side);
        let outputs = side.offset..side.offset + side.kept;
        let (mut starts, mut counts) = (Vec::new(), Vec::new());
        reserve(&mut starts, side.kept)?;
        reserve(&mut counts, side.kept)?;
        for output in outputs.clone() {
            let pixels = filter.reach(output);
            starts.push(pixels.start);
            counts.push(pixels.len());
        }
        let taps = counts.iter().copied().max().unwrap_or(0);
        let mut weights = zeros(taps.saturating_mul(side.kept))?;
        let mut exact = Vec::new();
        reserve(&mut exact, taps)?;
        for (row, output) in weights.chunks_exact_mut(taps.max(1)).zip(outputs) {
            filter.weights(output, &mut exact);
            for (fixed, exact) in row.iter_mut().zip(&exact) {
                // Never negative for this filter, so Pillow's other branch is not needed.
                *fixed = (0.5 + exact * f64::from(1u32 << PRECISION_BITS)) as i32;
            }
        }
        Ok(Self {
            starts,
            counts,
            taps,
            weights,
        })
    }

    /// Number of outputs.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The weights of one output, without the trailing zeros.
    pub(super) fn of(&self, output: usize) -> &[i32] {
        let start = output * self.taps;
        &self.weights[start..start + self.counts[output]]
    }

    /// The range of source pixels that the outputs need: the first, and one past the last.
    pub(super) fn reach(&self) -> (usize, usize) {
        let first = self.starts.first().copied().unwrap_or(0);
        let ends = self
            .starts
            .iter()
            .zip(&self.counts)
            .map(|(start, count)| start + count);
        (first, ends.max().unwrap_or(0))
    }

    /// Moves the source to the left: what was pixel `pixels` becomes pixel 0.
    pub(super) fn shifted(mut self, pixels: usize) -> Self {
        self.starts.iter_mut().for_each(|start| *start -= pixels);
        self
    }
}

/// The filter of one dimension, in doubles.
struct Filter {
    scale: f64,
    /// The bilinear filter extends one pixel to each side, times the reduction.
    support: f64,
    inverse: f64,
    source: usize,
}

impl Filter {
    fn new(side: Side) -> Self {
        let scale = side.source as f64 / side.scaled as f64;
        let filter_scale = scale.max(1.0);
        Self {
            scale,
            support: filter_scale,
            inverse: 1.0 / filter_scale,
            source: side.source,
        }
    }

    fn center(&self, output: usize) -> f64 {
        (output as f64 + 0.5) * self.scale
    }

    /// The source pixels that an output depends on.
    fn reach(&self, output: usize) -> Range<usize> {
        let center = self.center(output);
        // Conversions truncate toward zero, as in C. The first value is negative at the left edge.
        let start = (center - self.support + 0.5).max(0.0) as usize;
        let end = ((center + self.support + 0.5) as usize).min(self.source);
        start..end
    }

    /// Replaces `weights` with those of an output.
    fn weights(&self, output: usize, weights: &mut Vec<f64>) {
        let center = self.center(output);
        weights.clear();
        weights.extend(
            self.reach(output)
                .map(|pixel| triangle((pixel as f64 - center + 0.5) * self.inverse)),
        );
        let sum: f64 = weights.iter().sum();
        if sum != 0.0 {
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
    }
}

fn triangle(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 { 1.0 - x } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::super::geometry::Geometry;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn weights_sum_to_one_and_stay_inside(source in 1usize..9000, other in 1usize..9000) {
            let geometry = Geometry::new(source, source + other, 1024).unwrap();
            for side in [geometry.horizontal, geometry.vertical] {
                let coefficients = Coefficients::new(side).unwrap();
                prop_assert_eq!(coefficients.len(), 1024);
                let (first, end) = coefficients.reach();
                prop_assert!(first < end && end <= side.source);
                for output in 0..coefficients.len() {
                    let weights = coefficients.of(output);
                    let sum: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
                    prop_assert!((sum - (1 << PRECISION_BITS)).abs() <= weights.len() as i64);
                    prop_assert!(weights.iter().all(|weight| (0..=1 << PRECISION_BITS).contains(weight)));
                }
                let sorted = coefficients.starts.windows(2).all(|pair| pair[0] <= pair[1]);
                prop_assert!(sorted);
            }
        }
    }

    #[test]
    fn halving_weighs_four_pixels_as_a_triangle() {
        let side = Side {
            source: 8,
            scaled: 4,
            offset: 0,
            kept: 4,
        };
        let coefficients = Coefficients::new(side).unwrap();
        assert_eq!(coefficients.starts, [0, 1, 3, 5]);
        let eighth = 1 << (PRECISION_BITS - 3);
        assert_eq!(coefficients.of(1), [eighth, 3 * eighth, 3 * eighth, eighth]);
    }
}
