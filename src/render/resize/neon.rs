//! The kernels for 64-bit ARM. NEON is part of its baseline, so every processor has it.
//!
//! A sample times a weight fits in 31 bits. NEON multiplies and adds 32-bit lanes directly, so the
//! weights need not be split.

use std::arch::aarch64::*;

use super::coefficients::{Coefficients, PRECISION_BITS, ROUND};
use super::plain;

/// Resamples one row, eight pixels per step.
pub(super) fn horizontal(coefficients: &Coefficients, row: &[u8], out: &mut [u8]) {
    for (output, out) in out.iter_mut().enumerate().take(coefficients.len()) {
        let weights = coefficients.of(output);
        let pixels = &row[coefficients.starts[output]..][..weights.len()];
        let (steps, rest) = (pixels.chunks_exact(8), pixels.len() / 8 * 8);
        // SAFETY: every load is from a chunk of 8 elements.
        let mut sum = unsafe {
            let mut sum = vdupq_n_s32(0);
            for (pixels, weights) in steps.zip(weights.chunks_exact(8)) {
                let wide = vmovl_u8(vld1_u8(pixels.as_ptr()));
                let low = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide)));
                let high = vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(wide)));
                sum = vmlaq_s32(sum, low, vld1q_s32(weights.as_ptr()));
                sum = vmlaq_s32(sum, high, vld1q_s32(weights.as_ptr().add(4)));
            }
            vaddvq_s32(sum)
        };
        for (pixel, weight) in pixels[rest..].iter().zip(&weights[rest..]) {
            sum += i32::from(*pixel) * weight;
        }
        *out = ((sum + ROUND) >> PRECISION_BITS).clamp(0, 255) as u8;
    }
}

/// Combines whole rows into one by `weights`, eight columns per step. Every row must be at least as
/// long as `out`.
pub(super) fn vertical(rows: &[&[u8]], weights: &[i32], out: &mut [u8]) {
    assert!(rows.len() == weights.len() && rows.iter().all(|row| row.len() >= out.len()));
    let whole = out.len() / 8 * 8;
    for (step, out) in out[..whole].chunks_exact_mut(8).enumerate() {
        // SAFETY: the assertion keeps loads of 8 bytes at columns below `whole` inside every row,
        // and `out` is a chunk of 8 bytes.
        unsafe {
            let mut low = vdupq_n_s32(ROUND);
            let mut high = vdupq_n_s32(ROUND);
            for (row, weight) in rows.iter().zip(weights) {
                let wide = vmovl_u8(vld1_u8(row.as_ptr().add(step * 8)));
                let pixels = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide)));
                low = vmlaq_n_s32(low, pixels, *weight);
                let pixels = vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(wide)));
                high = vmlaq_n_s32(high, pixels, *weight);
            }
            // Saturating narrowing from signed to unsigned does the clipping.
            let low = vqmovun_s32(vshrq_n_s32::<{ PRECISION_BITS as i32 }>(low));
            let high = vqmovun_s32(vshrq_n_s32::<{ PRECISION_BITS as i32 }>(high));
            vst1_u8(out.as_mut_ptr(), vqmovn_u16(vcombine_u16(low, high)));
        }
    }
    plain::columns(rows, weights, out, whole);
}
