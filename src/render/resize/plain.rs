//! The kernels without SIMD. They are the definition that the other kernels are tested against.

use super::coefficients::{Coefficients, PRECISION_BITS, ROUND};

/// Resamples one row: `out[i]` is computed from the source pixels of output `i`.
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

/// Combines whole rows into one: `out[x]` is the sum over `rows[k][x] * weights[k]`.
pub(super) fn vertical(rows: &[&[u8]], weights: &[i32], out: &mut [u8]) {
    columns(rows, weights, out, 0);
}

/// [`vertical`] from column `first` on, for the end of a row in the SIMD kernels.
pub(super) fn columns(rows: &[&[u8]], weights: &[i32], out: &mut [u8], first: usize) {
    for (column, out) in out.iter_mut().enumerate().skip(first) {
        let products = rows
            .iter()
            .zip(weights)
            .map(|(row, weight)| i32::from(row[column]) * weight);
        *out = clip(products.sum::<i32>() + ROUND);
    }
}

/// Splits interleaved RGB into planes. It fills all three in one pass, with their number known to
/// the compiler: a loop per channel takes twice the time. It is always inlined, so that
/// [`super::avx2`] compiles it for AVX2.
#[inline(always)]
pub(super) fn take_apart(row: &[u8], planes: &mut [u8]) {
    let (pixels, _) = row.as_chunks::<3>();
    let (red, others) = planes.split_at_mut(pixels.len());
    let (green, blue) = others.split_at_mut(pixels.len());
    for (((pixel, red), green), blue) in pixels.iter().zip(red).zip(green).zip(blue) {
        [*red, *green, *blue] = *pixel;
    }
}

/// Interleaves the planes of RGB.
#[inline(always)]
pub(super) fn interleave(planes: &[u8], row: &mut [u8]) {
    let (pixels, _) = row.as_chunks_mut::<3>();
    let (red, others) = planes.split_at(pixels.len());
    let (green, blue) = others.split_at(pixels.len());
    for (((pixel, red), green), blue) in pixels.iter_mut().zip(red).zip(green).zip(blue) {
        *pixel = [*red, *green, *blue];
    }
}

/// Shifts and clips a sum to 8 bits, like Pillow's `clip8`.
fn clip(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
