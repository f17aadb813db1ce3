//! Shares of a whole, as text and as parts of a bar.

use indicatif::HumanCount;

/// A part of a bar, and what it stands for.
#[derive(Debug)]
pub(super) struct Part {
    /// Name of the part's class in the page.
    pub class: &'static str,
    pub count: String,
    /// As text: `12.5 %`.
    pub share: String,
    /// Percentage of the whole bar; absent if the part is empty.
    pub width: Option<String>,
}

impl Part {
    pub(super) fn of(class: &'static str, count: u32, whole: u32) -> Self {
        Self {
            class,
            count: HumanCount(count.into()).to_string(),
            share: share(count, whole),
            width: (count > 0).then(|| format!("{:.3}", percent(count, whole))),
        }
    }
}

fn percent(part: u32, whole: u32) -> f64 {
    match whole {
        0 => 0.0,
        _ => f64::from(part) * 100.0 / f64::from(whole),
    }
}

/// A share in percent. A small share is never shown as 0 %, nor a large one as 100 %.
fn share(part: u32, whole: u32) -> String {
    let percent = percent(part, whole);
    match part {
        0 => "0 %".to_owned(),
        _ if part >= whole => "100 %".to_owned(),
        _ if percent < 0.05 => "< 0.1 %".to_owned(),
        _ if percent >= 99.95 => "> 99.9 %".to_owned(),
        _ => format!("{percent:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_are_not_none_and_most_are_not_all() {
        assert_eq!(share(0, 0), "0 %");
        assert_eq!(share(0, 10), "0 %");
        assert_eq!(share(1, 100_000), "< 0.1 %");
        assert_eq!(share(1, 8), "12.5 %");
        assert_eq!(share(99_999, 100_000), "> 99.9 %");
        assert_eq!(share(10, 10), "100 %");
    }

    proptest! {
        #[test]
        fn a_bar_is_as_long_as_its_whole(counts in prop::array::uniform3(0u32..1000)) {
            let whole = counts.iter().sum();
            let parts = counts.map(|count| Part::of("x", count, whole));
            let widths = parts.iter().filter_map(|part| part.width.as_ref());
            let sum: f64 = widths.map(|width| width.parse::<f64>().unwrap()).sum();
            let expected = if whole == 0 { 0.0 } else { 100.0 };
            prop_assert!((sum - expected).abs() < 0.01, "{}", sum);
        }
    }
}
