//! The kernels for x86-64 with AVX2.
//!
//! A sample has 8 bits and a weight 23, too many for `pmaddwd`, which multiplies 16 by 16 bits and
//! adds pairs. So each weight is split, `weight = high * 2^15 + low` with `low` of 15 bits, and the
//! sum over the pixels is taken for both parts: two instructions for 16 products, and exact, since
//! neither sum exceeds 255 * 2^23.

use std::arch::x86_64::*;

use super::coefficients::{Coefficients, PRECISION_BITS, ROUND};
use super::plain;

const LOW_BITS: i32 = 15;
const LOW_MASK: i32 = (1 << LOW_BITS) - 1;

/// Pixels in one step of the horizontal kernel.
const STEP: usize = 8;

/// Outputs in one step of the horizontal kernel.
const GROUP: usize = 8;

/// Horizontal weights in the order in which the kernel takes them.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    /// First source pixel of each output, moved to the left where [`STEP`] pixels from it would
    /// reach beyond the row.
    starts: Vec<usize>,
    /// End of the last pixel that is loaded.
    end: usize,
    /// Steps of [`STEP`] pixels for each output.
    steps: usize,
    /// For each group of 8 outputs, each step, each pair `(j, j + 4)` of outputs: 16 low parts,
    /// then 16 high parts; 8 of each belong to output `j`, 8 to `j + 4`.
    parts: Vec<[i16; 32]>,
}

impl Packed {
    /// `None` where rows are too short for the kernel, or outputs no multiple of its group.
    pub(super) fn new(coefficients: &Coefficients, row_len: usize) -> Option<Self> {
        let steps = coefficients.taps.div_ceil(STEP);
        let reach = steps * STEP;
        if reach > row_len || !coefficients.len().is_multiple_of(GROUP) {
            return None;
        }
        let starts: Vec<usize> = coefficients
            .starts
            .iter()
            .map(|start| *start.min(&(row_len - reach)))
            .collect();
        let mut parts = Vec::with_capacity(coefficients.len() / 2 * steps);
        for group in (0..coefficients.len()).step_by(GROUP) {
            for step in 0..steps {
                for pair in 0..GROUP / 2 {
                    let mut lanes = [0i16; 32];
                    for (half, output) in
                        [group + pair, group + pair + GROUP / 2].iter().enumerate()
                    {
                        let moved = coefficients.starts[*output] - starts[*output];
                        for pixel in 0..STEP {
                            let tap = (step * STEP + pixel).checked_sub(moved);
                            let weight = tap.and_then(|tap| coefficients.of(*output).get(tap));
                            let weight = weight.copied().unwrap_or(0);
                            lanes[half * STEP + pixel] = (weight & LOW_MASK) as i16;
                            lanes[16 + half * STEP + pixel] = (weight >> LOW_BITS) as i16;
                        }
                    }
                    parts.push(lanes);
                }
            }
        }
        let end = starts.iter().copied().max().unwrap_or(0) + reach;
        Some(Self {
            starts,
            end,
            steps,
            parts,
        })
    }
}

/// Resamples one row. `row` must be as long as the `row_len` that `packed` was made for (longer
/// is fine), `out` as long as its outputs.
pub(super) fn horizontal(packed: &Packed, row: &[u8], out: &mut [u8]) {
    assert!(packed.end <= row.len() && packed.starts.len() <= out.len());
    // SAFETY: the caller's dispatch has seen AVX2; every load is of 8 bytes at start + step * 8,
    // which the assertion keeps inside the row; every store is of 8 bytes inside `out`.
    unsafe { horizontal_avx2(packed, row, out) }
}

#[target_feature(enable = "avx2")]
unsafe fn horizontal_avx2(packed: &Packed, row: &[u8], out: &mut [u8]) {
    let groups = packed
        .starts
        .chunks_exact(GROUP)
        .zip(out.chunks_exact_mut(GROUP));
    let mut parts = packed.parts.as_ptr();
    for (starts, out) in groups {
        let mut sums = [_mm256_setzero_si256(); GROUP / 2];
        for step in 0..packed.steps {
            for (pair, sum) in sums.iter_mut().enumerate() {
                // SAFETY: see `horizontal`; `parts` holds one element for each pass of this loop.
                unsafe {
                    let load = |output: usize| {
                        let at = row.as_ptr().add(starts[output] + step * STEP);
                        _mm_loadl_epi64(at.cast())
                    };
                    let bytes = _mm_unpacklo_epi64(load(pair), load(pair + GROUP / 2));
                    let pixels = _mm256_cvtepu8_epi16(bytes);
                    let low = _mm256_loadu_si256(parts.cast());
                    let high = _mm256_loadu_si256(parts.cast::<__m256i>().add(1));
                    parts = parts.add(1);
                    let low = _mm256_madd_epi16(pixels, low);
                    let high = _mm256_madd_epi16(pixels, high);
                    let both = _mm256_add_epi32(low, _mm256_slli_epi32(high, LOW_BITS));
                    *sum = _mm256_add_epi32(*sum, both);
                }
            }
        }
        // Two rounds of horizontal adds leave the sums of outputs 0 to 3 in the low lane and of
        // 4 to 7 in the high one.
        let sums = _mm256_hadd_epi32(
            _mm256_hadd_epi32(sums[0], sums[1]),
            _mm256_hadd_epi32(sums[2], sums[3]),
        );
        let bytes = to_bytes(sums);
        // SAFETY: `out` is a chunk of 8 bytes.
        unsafe { _mm_storel_epi64(out.as_mut_ptr().cast(), bytes) };
    }
}

/// Rounds, shifts and clips eight sums to eight bytes in the low half.
#[inline]
#[target_feature(enable = "avx2")]
fn to_bytes(sums: __m256i) -> __m128i {
    let rounded = _mm256_add_epi32(sums, _mm256_set1_epi32(ROUND));
    let shifted = _mm256_srai_epi32(rounded, PRECISION_BITS as i32);
    let words = _mm_packs_epi32(
        _mm256_castsi256_si128(shifted),
        _mm256_extracti128_si256(shifted, 1),
    );
    _mm_packus_epi16(words, words)
}

/// Weighs whole rows into one. Every row must be at least as long as `out`.
pub(super) fn vertical(rows: &[&[u8]], weights: &[i32], out: &mut [u8]) {
    assert!(rows.len() == weights.len() && rows.iter().all(|row| row.len() >= out.len()));
    let whole = out.len() / 16 * 16;
    // SAFETY: the caller's dispatch has seen AVX2; the assertion keeps loads of 16 bytes at
    // columns below `whole` inside every row.
    unsafe { vertical_avx2(rows, weights, &mut out[..whole]) };
    plain::columns(rows, weights, out, whole);
}

#[target_feature(enable = "avx2")]
unsafe fn vertical_avx2(rows: &[&[u8]], weights: &[i32], out: &mut [u8]) {
    for (column, out) in out.chunks_exact_mut(16).enumerate() {
        let column = column * 16;
        let mut sums = [_mm256_setzero_si256(); 2];
        for (rows, weights) in rows.chunks(2).zip(weights.chunks(2)) {
            // SAFETY: see `vertical`.
            let load = |row: &[u8]| unsafe { _mm_loadu_si128(row.as_ptr().add(column).cast()) };
            let first = load(rows[0]);
            let (second, second_weight) = match (rows.get(1), weights.get(1)) {
                (Some(row), Some(weight)) => (load(row), *weight),
                _ => (_mm_setzero_si128(), 0),
            };
            let pair = |part: fn(i32) -> i32| {
                _mm256_set1_epi32(part(second_weight) << 16 | part(weights[0]))
            };
            let (low, high) = (
                pair(|weight| weight & LOW_MASK),
                pair(|weight| weight >> LOW_BITS),
            );
            let halves = [
                _mm_unpacklo_epi8(first, second),
                _mm_unpackhi_epi8(first, second),
            ];
            for (sum, bytes) in sums.iter_mut().zip(halves) {
                let pixels = _mm256_cvtepu8_epi16(bytes);
                let low = _mm256_madd_epi16(pixels, low);
                let high = _mm256_slli_epi32(_mm256_madd_epi16(pixels, high), LOW_BITS);
                *sum = _mm256_add_epi32(*sum, _mm256_add_epi32(low, high));
            }
        }
        let bytes = _mm_unpacklo_epi64(to_bytes(sums[0]), to_bytes(sums[1]));
        // SAFETY: `out` is a chunk of 16 bytes.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), bytes) };
    }
}
