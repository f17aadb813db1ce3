//! The kernels for x86-64 with AVX2.
//!
//! A sample has 8 bits and a weight 23, too many for `pmaddwd`, which multiplies 16 by 16 bits and
//! adds pairs. So each weight is split, `weight = high * 2^15 + low` with `low` of 15 bits, and
//! both parts are summed over the pixels. That takes two instructions for 16 products, and is
//! exact, since neither sum exceeds 255 * 2^23.

use std::arch::x86_64::*;

use super::super::RenderError;
use super::super::avx2::Avx2;
use super::super::source::reserve;
use super::coefficients::{Coefficients, PRECISION_BITS, ROUND};
use super::plain;

const LOW_BITS: i32 = 15;
const LOW_MASK: i32 = (1 << LOW_BITS) - 1;

/// Pixels in one step of the horizontal kernel.
const STEP: usize = 8;

/// Outputs in one step of the horizontal kernel.
const GROUP: usize = 8;

/// Horizontal weights in the order in which the kernel needs them.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    /// First source pixel of each output, moved left if [`STEP`] pixels from it would extend beyond
    /// the row.
    starts: Vec<usize>,
    /// End of the last pixel that is loaded: the largest of `starts` plus all steps.
    end: usize,
    /// Steps of [`STEP`] pixels per output.
    steps: usize,
    /// For each group of 8 outputs, each step, each pair `(j, j + 4)` of outputs: 16 low parts,
    /// then 16 high parts. 8 of each belong to output `j`, 8 to `j + 4`.
    parts: Vec<[i16; 32]>,
}

impl Packed {
    /// `None` if rows are too short for the kernel, or the number of outputs is not a multiple of
    /// its group.
    pub(super) fn new(
        coefficients: &Coefficients,
        row_len: usize,
    ) -> Result<Option<Self>, RenderError> {
        let steps = coefficients.taps.div_ceil(STEP);
        let reach = steps * STEP;
        if reach > row_len || !coefficients.len().is_multiple_of(GROUP) {
            return Ok(None);
        }
        let mut starts = Vec::new();
        reserve(&mut starts, coefficients.len())?;
        let wanted = coefficients.starts.iter();
        starts.extend(wanted.map(|start| *start.min(&(row_len - reach))));
        let mut parts = Vec::new();
        reserve(&mut parts, coefficients.len() / 2 * steps)?;
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
        Ok(Some(Self {
            starts,
            end,
            steps,
            parts,
        }))
    }
}

/// Resamples one row. `row` must have at least the `row_len` that `packed` was made for, and `out`
/// at least the number of outputs.
pub(super) fn horizontal(_: Avx2, packed: &Packed, row: &[u8], out: &mut [u8]) {
    // SAFETY: the processor has AVX2, the function's only condition.
    unsafe { horizontal_avx2(packed, row, out) }
}

#[target_feature(enable = "avx2")]
fn horizontal_avx2(packed: &Packed, row: &[u8], out: &mut [u8]) {
    assert!(packed.end <= row.len() && packed.starts.len() <= out.len());
    let parts_of_group = packed.steps * (GROUP / 2);
    let groups = packed
        .starts
        .as_chunks::<GROUP>()
        .0
        .iter()
        .zip(packed.parts.chunks_exact(parts_of_group.max(1)))
        .zip(out.as_chunks_mut::<GROUP>().0);
    for ((starts, parts), out) in groups {
        let mut sums = [_mm256_setzero_si256(); GROUP / 2];
        for (step, parts) in parts.as_chunks::<{ GROUP / 2 }>().0.iter().enumerate() {
            for (pair, (sum, parts)) in sums.iter_mut().zip(parts).enumerate() {
                let load = |output: usize| {
                    // SAFETY: these 8 bytes start at start + step * 8 for a step below
                    // `packed.steps`, so they end at `packed.end` at the latest. The assertion
                    // keeps that inside the row.
                    unsafe {
                        let at = row.as_ptr().add(starts[output] + step * STEP);
                        _mm_loadl_epi64(at.cast())
                    }
                };
                let bytes = _mm_unpacklo_epi64(load(pair), load(pair + GROUP / 2));
                let pixels = _mm256_cvtepu8_epi16(bytes);
                let (low, high) = load_parts(parts);
                let low = _mm256_madd_epi16(pixels, low);
                let high = _mm256_madd_epi16(pixels, high);
                let both = _mm256_add_epi32(low, _mm256_slli_epi32(high, LOW_BITS));
                *sum = _mm256_add_epi32(*sum, both);
            }
        }
        // After two rounds of horizontal adds, the low lane has the sums of outputs 0 to 3, the
        // high lane those of 4 to 7.
        let sums = _mm256_hadd_epi32(
            _mm256_hadd_epi32(sums[0], sums[1]),
            _mm256_hadd_epi32(sums[2], sums[3]),
        );
        let bytes = to_bytes(sums);
        // SAFETY: `out` is an array of 8 bytes.
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

/// Low and high parts of two outputs.
#[inline]
#[target_feature(enable = "avx2")]
fn load_parts(parts: &[i16; 32]) -> (__m256i, __m256i) {
    let (low, high) = parts.split_at(16);
    // SAFETY: each half has 16 elements of two bytes.
    unsafe {
        (
            _mm256_loadu_si256(low.as_ptr().cast()),
            _mm256_loadu_si256(high.as_ptr().cast()),
        )
    }
}

/// Combines whole rows into one by `weights`. Every row must be at least as long as `out`.
pub(super) fn vertical(_: Avx2, rows: &[&[u8]], weights: &[i32], out: &mut [u8]) {
    // SAFETY: the processor has AVX2, the function's only condition.
    unsafe { vertical_avx2(rows, weights, out) }
}

#[target_feature(enable = "avx2")]
fn vertical_avx2(rows: &[&[u8]], weights: &[i32], out: &mut [u8]) {
    assert!(rows.len() == weights.len() && rows.iter().all(|row| row.len() >= out.len()));
    let whole = out.len() / 16 * 16;
    for (column, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let column = column * 16;
        let mut sums = [_mm256_setzero_si256(); 2];
        for (rows, weights) in rows.chunks(2).zip(weights.chunks(2)) {
            // SAFETY: these 16 bytes end where this chunk of `out` does, and the assertion ensures
            // that every row is as long.
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
        // SAFETY: `out` is an array of 16 bytes.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), bytes) };
    }
    plain::columns(rows, weights, out, whole);
}

/// [`plain::take_apart`], compiled for AVX2.
pub(super) fn take_apart(_: Avx2, row: &[u8], planes: &mut [u8]) {
    #[target_feature(enable = "avx2")]
    fn with_avx2(row: &[u8], planes: &mut [u8]) {
        plain::take_apart(row, planes);
    }
    // SAFETY: the processor has AVX2, the function's only condition.
    unsafe { with_avx2(row, planes) }
}

/// [`plain::interleave`], compiled for AVX2.
pub(super) fn interleave(_: Avx2, planes: &[u8], row: &mut [u8]) {
    #[target_feature(enable = "avx2")]
    fn with_avx2(planes: &[u8], row: &mut [u8]) {
        plain::interleave(planes, row);
    }
    // SAFETY: the processor has AVX2, the function's only condition.
    unsafe { with_avx2(planes, row) }
}

#[cfg(test)]
mod tests {
    use super::super::super::geometry::Side;
    use super::*;

    fn packed(row_len: usize) -> Packed {
        let side = Side {
            source: row_len,
            scaled: 16,
            offset: 0,
            kept: 16,
        };
        Packed::new(&Coefficients::new(side).unwrap(), row_len)
            .unwrap()
            .unwrap()
    }

    #[test]
    #[should_panic = "assertion failed"]
    fn a_row_shorter_than_the_weights_were_made_for_is_never_read() {
        let proof = Avx2::detect().expect("assertion failed: no AVX2 to test");
        horizontal(proof, &packed(100), &[0; 99], &mut [0; 16]);
    }

    #[test]
    #[should_panic = "assertion failed"]
    fn an_output_without_room_is_never_written() {
        let proof = Avx2::detect().expect("assertion failed: no AVX2 to test");
        horizontal(proof, &packed(100), &[0; 100], &mut [0; 15]);
    }

    #[test]
    #[should_panic = "assertion failed"]
    fn a_row_shorter_than_the_output_is_never_read() {
        let proof = Avx2::detect().expect("assertion failed: no AVX2 to test");
        vertical(proof, &[&[0; 32], &[0; 31]], &[1, 1], &mut [0; 32]);
    }
}
