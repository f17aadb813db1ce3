//! Bits above HighBit: old files keep an overlay there, into which a name may be burned (PS3.5,
//! section 8.1.2, as it was until 2004).

use super::header::{Coding, Header};
use super::samples::Samples;

/// Whether stored values have bits set above the highest that is used. Those that only repeat the
/// sign of a signed value are none. `range` is that of `samples`.
pub(super) fn has_bits(header: &Header, samples: &Samples<'_>, range: (u16, u16)) -> bool {
    if let Samples::Mapped { has_high_bits, .. } = samples {
        return *has_high_bits;
    }
    let Some(bit) = header.high_bit else {
        return false;
    };
    // What a lossy coder or one of fewer bits makes of them is no sign of any.
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
