//! Counts of values, and of what is not known.

use std::collections::BTreeMap;

/// How many images have each value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally<V> {
    counts: BTreeMap<V, u32>,
    unknown: u32,
}

impl<V> Default for Tally<V> {
    fn default() -> Self {
        Self {
            counts: BTreeMap::new(),
            unknown: 0,
        }
    }
}

impl<V: Ord + Copy> Tally<V> {
    /// Counts one image.
    pub fn add(&mut self, value: Option<V>) {
        match value {
            Some(value) => *self.counts.entry(value).or_default() += 1,
            None => self.unknown += 1,
        }
    }

    /// Images whose value is known.
    pub fn known(&self) -> u32 {
        self.counts.values().sum()
    }

    /// Images whose value is not known.
    pub fn unknown(&self) -> u32 {
        self.unknown
    }

    /// All images that were counted.
    pub fn all(&self) -> u32 {
        self.known() + self.unknown
    }

    /// How many images have `value`.
    pub fn of(&self, value: V) -> u32 {
        self.counts.get(&value).copied().unwrap_or_default()
    }

    /// The values that occur, in their order.
    pub fn each(&self) -> impl DoubleEndedIterator<Item = (V, u32)> {
        self.counts.iter().map(|(value, count)| (*value, *count))
    }

    /// The values that occur, the most frequent first.
    pub fn by_frequency(&self) -> Vec<(V, u32)> {
        let mut all: Vec<_> = self.each().collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_image_is_counted_once(values in prop::collection::vec(prop::option::of(0u8..5), 0..60)) {
            let mut tally = Tally::default();
            values.iter().for_each(|value| tally.add(*value));
            prop_assert_eq!(tally.all() as usize, values.len());
            let count = |value| values.iter().filter(|other| **other == value).count() as u32;
            prop_assert_eq!(tally.unknown(), count(None));
            for value in 0..5 {
                prop_assert_eq!(tally.of(value), count(Some(value)));
            }
            let frequent = tally.by_frequency();
            prop_assert!(frequent.windows(2).all(|pair| pair[0].1 >= pair[1].1));
            prop_assert_eq!(frequent.iter().map(|(_, count)| count).sum::<u32>(), tally.known());
        }
    }
}
