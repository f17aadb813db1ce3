//! Applies [`Formula`] to sixteen values at a time, with AVX2.

use std::arch::x86_64::*;

use super::super::avx2::Avx2;
use super::formula::Formula;

/// Maps little-endian words (two of `bytes` each), flipped by XOR, to one byte each, until `bytes`
/// or `out` ends.
pub(super) fn apply(_: Avx2, formula: Formula, flip: u16, bytes: &[u8], out: &mut [u8]) {
    // SAFETY: the processor has AVX2, the function's only condition.
    unsafe { apply_avx2(formula, flip, bytes, out) }
}

#[target_feature(enable = "avx2")]
fn apply_avx2(formula: Formula, flip: u16, bytes: &[u8], out: &mut [u8]) {
    let (groups, rest) = bytes.as_chunks::<32>();
    let (out_groups, out_rest) = out.as_chunks_mut::<16>();
    let all = |value: u16| _mm256_set1_epi16(value as i16);
    let (flips, low) = (all(flip), all(formula.low));
    let (range, factor) = (all(formula.range), all(formula.factor));
    for (bytes, out) in groups.iter().zip(out_groups) {
        // SAFETY: the array has 32 bytes.
        let values = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        let distance = _mm256_sub_epi16(_mm256_xor_si256(values, flips), low);
        let quotient = _mm256_mulhi_epu16(distance, factor);
        let remainder = _mm256_sub_epi16(
            _mm256_mullo_epi16(distance, all(255)),
            _mm256_mullo_epi16(quotient, range),
        );
        // All bits (-1) if the remainder is not below the range.
        let is_one_less = _mm256_cmpeq_epi16(_mm256_max_epu16(remainder, range), remainder);
        let words = _mm256_sub_epi16(quotient, is_one_less);
        let (first, second) = (
            _mm256_castsi256_si128(words),
            _mm256_extracti128_si256(words, 1),
        );
        // SAFETY: the array has 16 bytes.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), _mm_packus_epi16(first, second)) };
    }
    for (pair, out) in rest.as_chunks::<2>().0.iter().zip(out_rest) {
        *out = formula.apply(u16::from_le_bytes(*pair) ^ flip);
    }
}
