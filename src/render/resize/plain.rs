//! The kernels without SIMD: the definition that the other paths are tested against.

use super::coefficients::{Coefficients, PRECISION_BITS, ROUND};

/// Resamples one row: `out[i]` from the source pixels of output `i`.
pub(super) fn horizontal(coefficients: &Coefficients, row: &[u8], out: &mut [u8]) {
    for (output, out) in out.iter_mut().enumerate().take(coefficients.len()) {
        let pixels = &row[coefficients.starts[output]..];
        let sum: i32 = pixels
            .iter()
            .zip(coefficients.of(output))
            .map(|(pixel, weight)| i32::from(*pixel) * weight)
            .sum();
        *out = clip(sum + ROUND);
    }
}

/// Weighs whole rows into one: `out[x]` is the sum over `rows[k][x] * weights[k]`.
pub(super) fn vertical(rows: &[&[u8]], weights: &[i32], out: &mut [u8]) {
    columns(rows, weights, out, 0);
}

/// [`vertical`] from column `first` on, for the end of a row in the SIMD paths.
pub(super) fn columns(rows: &[&[u8]], weights: &[i32], out: &mut [u8], first: usize) {
    for (column, out) in out.iter_mut().enumerate().skip(first) {
        let products = rows
            .iter()
            .zip(weights)
            .map(|(row, weight)| i32::from(row[column]) * weight);
        *out = clip(products.sum::<i32>() + ROUND);
    }
}

/// To 8 bits, as Pillow's `clip8`.
fn clip(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
