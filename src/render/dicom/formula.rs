//! Maps 16-bit values to 8 bits with integers.

/// `(value - low) * 255 / range` in 16-bit arithmetic, so that a SIMD register holds many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Formula {
    pub low: u16,
    pub range: u16,
    /// 255 / range with 16 fractional bits, rounded down. It yields the quotient or one less.
    pub factor: u16,
}

impl Formula {
    /// `None` if 16 bits do not suffice: they must hold `factor`, and a remainder below twice
    /// `range`.
    pub(super) fn new(low: u16, range: u16) -> Option<Self> {
        if !(256..=i16::MAX as u16).contains(&range) {
            return None;
        }
        let factor = (255 << 16) / u32::from(range);
        Some(Self {
            low,
            range,
            factor: factor as u16,
        })
    }

    #[inline(always)]
    pub(super) fn apply(self, value: u16) -> u8 {
        let distance = value.wrapping_sub(self.low);
        let quotient = ((u32::from(distance) * u32::from(self.factor)) >> 16) as u16;
        // Computed modulo 2^16, yet exact: the remainder is not negative and below 2 * range.
        let remainder = distance
            .wrapping_mul(255)
            .wrapping_sub(quotient.wrapping_mul(self.range));
        (quotient + u16::from(remainder >= self.range)) as u8
    }
}
