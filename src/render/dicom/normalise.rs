//! Values stretched over 0 to 255, in doubles, as NumPy does in the reference.

use super::samples::Samples;

/// Maps the values of one image to 8 bits.
pub(super) struct Normaliser {
    low: u16,
    /// By distance from the lowest value; 65,536 entries, so that no look-up needs a check.
    table: Box<[u8; 1 << 16]>,
}

impl Normaliser {
    /// For values from `low` to `high`; `inverted` for MONOCHROME1.
    pub(super) fn new((low, high): (u16, u16), inverted: bool) -> Self {
        let range = high.saturating_sub(low);
        let mut table = Box::new([0; 1 << 16]);
        // A flat image is 0 / 0, which ends as black in the reference, inverted or not.
        if range > 0 {
            for (distance, entry) in table.iter_mut().enumerate().take(usize::from(range) + 1) {
                let mut x = distance as f64 / f64::from(range);
                if inverted {
                    x = 1.0 - x;
                }
                *entry = (x * 255.0) as u8;
            }
        }
        Self { low, table }
    }

    /// Maps `out.len()` samples from `start` on.
    pub(super) fn apply(&self, samples: &Samples<'_>, start: usize, out: &mut [u8]) {
        samples.look_up(start, self.low, &self.table, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mapped(values: &[u16], inverted: bool) -> Vec<u8> {
        let samples = Samples::Words {
            values: values.to_vec(),
            flip: 0,
        };
        let mut out = vec![0; values.len()];
        Normaliser::new(samples.range(), inverted).apply(&samples, 0, &mut out);
        out
    }

    proptest! {
        #[test]
        fn upright_values_follow_the_integer_formula(
            values in proptest::collection::vec(any::<u16>(), 2..200),
        ) {
            let (low, high) = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
            prop_assume!(low < high);
            let expected: Vec<u8> = values
                .iter()
                .map(|value| (u32::from(value - low) * 255 / u32::from(high - low)) as u8)
                .collect();
            prop_assert_eq!(mapped(&values, false), expected);
        }
    }

    #[test]
    fn inverted_values_follow_no_integer_formula() {
        // 1.0 - 9 / 255 is a little below 246 / 255 in doubles.
        let values: Vec<u16> = (0..256).collect();
        let inverted = mapped(&values, true);
        assert_eq!((inverted[0], inverted[255]), (255, 0));
        assert!(
            values
                .iter()
                .any(|value| u16::from(inverted[usize::from(*value)]) != 255 - value)
        );
    }

    #[test]
    fn a_flat_image_is_black() {
        assert_eq!(mapped(&[7, 7], false), [0, 0]);
        assert_eq!(mapped(&[7, 7], true), [0, 0]);
    }
}
