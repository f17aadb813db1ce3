//! Stretches values over 0 to 255, as NumPy does with doubles in the reference.

use super::formula::Formula;
use super::samples::Samples;

/// Maps the values of one image to 8 bits.
pub(super) enum Normaliser {
    /// For MONOCHROME2 with a usual range: integers yield the same as doubles, eight times as fast.
    Formula(Formula),
    /// For everything else, indexed by [`Samples::index_of`]. No integer formula matches
    /// MONOCHROME1.
    Table(Box<[u8; 1 << 16]>),
    /// For values that are already mapped.
    Copy,
}

impl Normaliser {
    /// Creates the mapping for the range of all `samples`; `inverted` means MONOCHROME1.
    pub(super) fn new(samples: &Samples<'_>, (low, high): (u16, u16), inverted: bool) -> Self {
        if matches!(samples, Samples::Mapped { .. }) {
            return Normaliser::Copy;
        }
        let formula = Formula::new(low, high.saturating_sub(low));
        match formula.filter(|_| !inverted && samples.takes_formula()) {
            Some(formula) => Normaliser::Formula(formula),
            None => Normaliser::Table(table(samples, (low, high), inverted)),
        }
    }

    /// Maps `out.len()` samples, starting at `start`.
    pub(super) fn apply(&self, samples: &Samples<'_>, start: usize, out: &mut [u8]) {
        match self {
            Normaliser::Formula(formula) => samples.compute(start, *formula, out),
            Normaliser::Table(table) => samples.look_up(start, table, out),
            Normaliser::Copy => samples.copy(start, out),
        }
    }
}

/// The definition, for all values from `low` to `high`.
fn table(samples: &Samples<'_>, (low, high): (u16, u16), inverted: bool) -> Box<[u8; 1 << 16]> {
    let mut table = Box::new([0; 1 << 16]);
    // A flat image is 0 / 0, which the reference turns into black, inverted or not.
    if low < high {
        let range = f64::from(high - low);
        for value in low..=high {
            let mut x = f64::from(value - low) / range;
            if inverted {
                x = 1.0 - x;
            }
            table[samples.index_of(value)] = (x * 255.0) as u8;
        }
    }
    table
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
        Normaliser::new(&samples, samples.range(), inverted).apply(&samples, 0, &mut out);
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

    proptest! {
        #[test]
        fn the_formula_equals_the_table(low in any::<u16>(), range in 1u16..) {
            let high = low.saturating_add(range);
            prop_assume!(low < high);
            let samples = Samples::Words { values: Vec::new(), flip: 0 };
            let table = table(&samples, (low, high), false);
            if let Some(formula) = Formula::new(low, high - low) {
                for value in low..=high {
                    prop_assert_eq!(formula.apply(value), table[usize::from(value)]);
                }
            }
        }

        #[test]
        fn many_at_a_time_equal_one_by_one(
            distances in proptest::collection::vec(any::<u16>(), 1..200),
            low in 0u16..32768,
            range in 256u16..=32767,
            flip in prop_oneof![Just(0u16), Just(0x8000)],
        ) {
            let formula = Formula::new(low, range).unwrap();
            let values: Vec<u16> = distances
                .iter()
                .map(|distance| (low + distance % (range + 1)) ^ flip)
                .collect();
            let expected: Vec<u8> =
                values.iter().map(|value| formula.apply(value ^ flip)).collect();
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let stored = Samples::Stored { bytes: &bytes, big_endian: false, flip };
            let words = Samples::Words { values: values.clone(), flip };
            for samples in [stored, words] {
                let mut out = vec![0; values.len()];
                samples.compute(0, formula, &mut out);
                prop_assert_eq!(&out, &expected);
            }
        }
    }

    #[test]
    fn signed_and_swapped_values_are_numbers_first() {
        let values: [i16; 5] = [-300, -1, 0, 700, 2];
        let expected: Vec<u8> = values
            .map(|value| ((i32::from(value) + 300) * 255 / 1000) as u8)
            .into();
        let le: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let be: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_be_bytes())
            .collect();
        for (bytes, big_endian) in [(&le, false), (&be, true)] {
            let samples = Samples::Stored {
                bytes,
                big_endian,
                flip: 0x8000,
            };
            let mut out = vec![0; 4];
            Normaliser::new(&samples, samples.range(), false).apply(&samples, 1, &mut out);
            assert_eq!(out, expected[1..]);
        }
    }

    #[test]
    fn inverted_values_follow_no_integer_formula() {
        // In doubles, 1.0 - 9 / 255 is slightly below 246 / 255.
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
