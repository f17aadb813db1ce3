//! Numbers spread evenly over a dataset.

/// At most `most` of `len` numbers, evenly spread and including the first.
pub fn evenly(len: u32, most: u32) -> Vec<u32> {
    let count = u64::from(len.min(most));
    (0..count)
        .map(|i| (i * u64::from(len) / count) as u32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_spread_over_the_whole(len in 0u32..1_000_000, most in 1u32..2000) {
            let numbers = evenly(len, most);
            prop_assert_eq!(numbers.len() as u32, len.min(most));
            prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(numbers.iter().all(|number| *number < len));
        }
    }

    #[test]
    fn all_means_every_number() {
        assert_eq!(evenly(5, u32::MAX), [0, 1, 2, 3, 4]);
    }
}
