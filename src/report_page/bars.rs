//! Shows how often each finding is positive and negative, as bars and as numbers.

use indicatif::HumanCount;

use crate::survey::{DatasetSurvey, Finding, printable};

/// The findings of one dataset.
#[derive(Debug)]
pub(super) struct FindingsOf {
    pub dataset: String,
    /// Images that have labels.
    pub labelled: String,
    pub rows: Vec<Row>,
}

/// One finding.
#[derive(Debug)]
pub(super) struct Row {
    pub name: &'static str,
    pub parts: [Part; 3],
}

/// How often a finding is positive, negative, or neither.
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

impl FindingsOf {
    /// `None` for a dataset without labels.
    pub(super) fn dataset(dataset: &DatasetSurvey) -> Option<Self> {
        let findings = dataset.findings.as_ref()?;
        Some(Self {
            dataset: printable(&dataset.name),
            labelled: HumanCount(findings.labelled().into()).to_string(),
            rows: findings
                .each()
                .map(|finding| Row::of(finding, findings.labelled()))
                .collect(),
        })
    }
}

impl Row {
    fn of(finding: Finding, whole: u32) -> Self {
        let part = |class, count: u32| Part {
            class,
            count: HumanCount(count.into()).to_string(),
            share: share(count, whole),
            width: (count > 0).then(|| format!("{:.3}", percent(count, whole))),
        };
        Self {
            name: finding.name,
            parts: [
                part("positive", finding.positive),
                part("negative", finding.negative),
                part("neither", finding.neither),
            ],
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
        fn a_bar_is_as_long_as_its_whole(positive in 0u32..1000, negative in 0u32..1000, neither in 0u32..1000) {
            let whole = positive + negative + neither;
            let finding = Finding { name: "x", positive, negative, neither };
            let row = Row::of(finding, whole);
            let widths = row.parts.iter().filter_map(|part| part.width.as_ref());
            let sum: f64 = widths.map(|width| width.parse::<f64>().unwrap()).sum();
            let expected = if whole == 0 { 0.0 } else { 100.0 };
            prop_assert!((sum - expected).abs() < 0.01, "{}", sum);
        }
    }
}
