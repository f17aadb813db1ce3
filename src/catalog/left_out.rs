//! Images that lists name but settings leave out, by the value that decides.

use std::collections::BTreeMap;
use std::fmt;

use indicatif::HumanCount;
use serde::{Deserialize, Serialize};

use crate::shown::Show as _;

/// How many values are counted separately. A wrong column can have as many values as rows.
const VALUES: usize = 50;

/// Characters of a value to keep.
const LENGTH: usize = 40;

/// Stands for a missing value.
const BLANK: &str = "blank";

/// How many images of each view (or other deciding value) are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    by_value: BTreeMap<String, u32>,
    /// Images with other values than the first [`VALUES`].
    others: u32,
}

/// How many images are left out because of one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOutValue {
    /// As in the list; `blank` for none.
    pub value: String,
    pub images: u32,
}

impl LeftOut {
    /// Counts images that are left out because of `value`.
    pub(super) fn add(&mut self, value: &str, count: u32) {
        let value = if value.trim().is_empty() {
            BLANK
        } else {
            value
        };
        let end = value.char_indices().nth(LENGTH);
        let value = end.map_or(value, |(end, _)| &value[..end]);
        if let Some(known) = self.by_value.get_mut(value) {
            *known += count;
        } else if self.by_value.len() < VALUES {
            self.by_value.insert(value.to_owned(), count);
        } else {
            self.others += count;
        }
    }

    /// By value, the most frequent first; values that are not counted separately come last, as
    /// `others`.
    pub fn values(&self) -> Vec<LeftOutValue> {
        let value = |(value, images): (&String, &u32)| LeftOutValue {
            value: plain(value),
            images: *images,
        };
        let mut values: Vec<_> = self.by_value.iter().map(value).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.images));
        values.extend((self.others > 0).then(|| LeftOutValue {
            value: "others".to_owned(),
            images: self.others,
        }));
        values
    }

    pub fn is_empty(&self) -> bool {
        self.by_value.is_empty()
    }
}

/// Makes spaces at either end visible.
fn plain(value: &str) -> String {
    if value.trim() == value {
        value.shown().to_string()
    } else {
        format!("\"{}\"", value.shown())
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, LeftOutValue { value, images }) in self.values().iter().enumerate() {
            let before = if number > 0 { ", " } else { "" };
            write!(f, "{before}{value} {}", HumanCount(u64::from(*images)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_the_most_frequent_come_first() {
        let mut left_out = LeftOut::default();
        assert!(left_out.is_empty() && left_out.to_string().is_empty());
        left_out.add("LAO", 12);
        left_out.add("", 15_000);
        left_out.add(" ", 769);
        left_out.add("PA ", 1);
        left_out.add("a\x1b", 1);
        assert_eq!(
            left_out.to_string(),
            "blank 15,769, LAO 12, \"PA \" 1, a\\x1b 1"
        );
    }

    #[test]
    fn many_values_take_little_room() {
        let mut left_out = LeftOut::default();
        for number in 0..1000 {
            left_out.add(&format!("{number}{}", "\u{e9}".repeat(1000)), 1);
        }
        let values = left_out.values();
        assert_eq!(values.len(), VALUES + 1);
        assert_eq!(
            (values[VALUES].value.as_str(), values[VALUES].images),
            ("others", 950)
        );
        assert!(
            values
                .iter()
                .all(|value| value.value.chars().count() <= LENGTH)
        );
    }
}
