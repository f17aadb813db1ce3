//! The failures that a page shows.

use std::collections::HashMap;

use indicatif::HumanCount;

use crate::survey::{FailedImage, Survey, printable};
use crate::words::counted;

/// Maximum number of rows on a page.
const ROWS: usize = 300;

/// Minimum number of rows for each dataset.
const LEAST_ROWS: usize = 10;

/// Up to this many rows are shown unfolded.
const FEW: u64 = 12;

/// The failures of a survey.
#[derive(Debug)]
pub(super) struct Faults {
    pub count: u64,
    /// Their number, in words.
    pub counted: String,
    pub is_long: bool,
    pub rows: Vec<Row>,
    /// The omitted rows, in words: one line per dataset.
    pub more: Vec<String>,
}

/// One failure.
#[derive(Debug)]
pub(super) struct Row {
    pub dataset: String,
    pub image: String,
    pub key: String,
    pub source: String,
    pub cause: String,
    pub told_by: &'static str,
}

impl Faults {
    /// `failures` must be sorted by dataset.
    pub(super) fn of(survey: &Survey, failures: &[FailedImage]) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for failed in failures {
            *counts.entry(&failed.dataset).or_default() += 1;
        }
        // Each dataset gets a share of the rows, so that one with many failures does not hide the
        // others.
        let share = (ROWS / counts.len().max(1)).max(LEAST_ROWS);
        let rows = failures
            .chunk_by(|a, b| a.dataset == b.dataset)
            .flat_map(|of_dataset| of_dataset.iter().take(share))
            .map(Row::of)
            .collect();
        let more = survey.datasets.iter().filter_map(|dataset| {
            let more = counts.get(dataset.name.as_str())?.checked_sub(share)?;
            let name = printable(&dataset.name);
            (more > 0).then(|| format!("{} more of {name}", HumanCount(more as u64)))
        });
        let count = failures.len() as u64;
        Self {
            count,
            counted: counted(count, "failure", "failures"),
            is_long: count > FEW,
            rows,
            more: more.collect(),
        }
    }
}

impl Row {
    fn of(failed: &FailedImage) -> Self {
        Self {
            dataset: printable(&failed.dataset),
            image: printable(&failed.image),
            key: printable(&failed.key),
            source: printable(&failed.source),
            cause: printable(&failed.cause),
            told_by: failed.told_by.words(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::{DatasetSurvey, Origin, ToldBy};

    fn failures(dataset: &str, count: usize) -> Vec<FailedImage> {
        let failed = |number| FailedImage {
            dataset: dataset.to_owned(),
            image: format!("{number:06}"),
            key: String::new(),
            source: String::new(),
            cause: "no".to_owned(),
            told_by: ToldBy::Lists,
        };
        (0..count).map(failed).collect()
    }

    #[test]
    fn many_of_one_dataset_do_not_hide_those_of_another() {
        let names = ["a", "b", "c"];
        let survey = Survey {
            origin: Origin::Tree { root: "/x".into() },
            datasets: names
                .map(|name| DatasetSurvey {
                    name: name.to_owned(),
                    ..DatasetSurvey::default()
                })
                .into(),
        };
        let all = [failures("a", 5000), failures("b", 2)].concat();
        let faults = Faults::of(&survey, &all);
        assert_eq!((faults.count, faults.is_long), (5002, true));
        let of = |name: &str| faults.rows.iter().filter(|row| row.dataset == name).count();
        assert_eq!((of("a"), of("b"), of("c")), (150, 2, 0));
        assert_eq!(faults.more, ["4,850 more of a"]);
        assert!(!Faults::of(&survey, &failures("b", 2)).is_long);
    }
}
