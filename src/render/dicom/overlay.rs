//! Detects bits above HighBit. Old files store an overlay there, which can contain a burned-in name
//! (PS3.5, section 8.1.2, as it was until 2004).

use super::header::{Coding, Header};
use super::samples::Samples;

/// Whether stored values have bits set above the highest used bit. Bits that only repeat the sign
/// of a signed value do not count. `range` is the range of `samples`.
pub(super) fn has_bits(header: &Header, samples: &Samples<'_>, range: (u16, u16)) -> bool {
    if let Samples::Mapped { has_high_bits, .. } = samples {
        return *has_high_bits;
    }
    let Some(bit) = header.high_bit else {
        return false;
    };
    // A lossy coder, or one with fewer bits, does not preserve these bits.
    if !header.coding.is_native() && header.coding != Coding::Rle {
        return false;
    }
    let (low, high) = samples.numbers(range);
    is_above(low.into(), high.into(), bit)
}

/// Whether a value between `low` and `high` has bits set above `bit`.
pub(super) fn is_above(low: i128, high: i128, bit: u16) -> bool {
    high >= 1 << (bit + 1) || low < -(1 << bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_sign_is_no_overlay() {
        assert!(!is_above(0, 4095, 11));
        assert!(is_above(0, 4096, 11));
        assert!(!is_above(-2048, 2047, 11));
        assert!(is_above(-2049, 0, 11));
        // Signed values whose sign is not repeated.
        assert!(!is_above(0, 4095, 11));
    }
}
