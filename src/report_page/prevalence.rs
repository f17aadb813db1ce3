//! How often each finding is present in each dataset, and where nobody looked for it.

use indicatif::HumanCount;

use super::shares::Part;
use crate::metadata::Vocabulary;
use crate::metadata::image::{LabelSource, Negatives};
use crate::survey::{DatasetSurvey, FindingCounts, Findings, MetadataSummary, Tally, printable};

/// The table of findings and datasets.
#[derive(Debug)]
pub(super) struct Prevalence {
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// Whether some columns come from the labels of `index.json`.
    pub has_class_labels: bool,
}

/// One dataset.
#[derive(Debug)]
pub(super) struct Column {
    pub dataset: String,
    /// Images that have a label of any kind.
    pub labelled: String,
    pub read_from: Vec<String>,
    pub labelled_by: Vec<&'static str>,
    /// How the zeros of the findings arose, in words.
    pub negatives: Vec<&'static str>,
}

/// One finding.
#[derive(Debug)]
pub(super) struct Row {
    pub name: &'static str,
    pub cells: Vec<Cell>,
}

/// One finding in one dataset.
#[derive(Debug)]
pub(super) enum Cell {
    Labelled(Box<Labelled>),
    /// No image has a label of the finding.
    NotLabelled,
    /// It is not known whether there are labels of the finding.
    NotKnown,
}

/// The images that have a label of the finding.
#[derive(Debug)]
pub(super) struct Labelled {
    /// Their number.
    pub whole: String,
    /// Present, absent, uncertain.
    pub parts: [Part; 3],
}

impl Prevalence {
    pub(super) fn of(datasets: &[DatasetSurvey]) -> Self {
        let readable = || datasets.iter().filter(|dataset| dataset.error.is_none());
        let names = Vocabulary::get().findings().iter().enumerate();
        let rows = names.map(|(number, name)| Row {
            name,
            cells: readable()
                .map(|dataset| Cell::of(dataset.findings.as_ref(), number))
                .collect(),
        });
        let is_of_class_labels =
            |dataset: &DatasetSurvey| is_true(&dataset.findings, Findings::is_of_class_labels);
        Self {
            columns: readable().map(Column::of).collect(),
            rows: rows.collect(),
            has_class_labels: readable().any(is_of_class_labels),
        }
    }
}

fn is_true(findings: &Option<Findings>, what: fn(&Findings) -> bool) -> bool {
    findings.as_ref().is_some_and(what)
}

impl Column {
    fn of(dataset: &DatasetSurvey) -> Self {
        let is_of_class_labels = is_true(&dataset.findings, Findings::is_of_class_labels);
        // The metadata does not tell how class labels were made.
        let metadata = dataset.metadata.as_ref();
        let labels = metadata.filter(|_| !is_of_class_labels);
        let read_from = match (metadata, is_of_class_labels) {
            (_, true) => vec!["index.json (class_label)".to_owned()],
            (Some(MetadataSummary { lists: None, .. }), _) => vec!["metadata.parquet".to_owned()],
            (
                Some(MetadataSummary {
                    lists: Some(lists), ..
                }),
                _,
            ) => lists.iter().map(|list| printable(list)).collect(),
            (None, false) => Vec::new(),
        };
        let labelled = dataset.findings.as_ref().map_or(0, Findings::labelled);
        Self {
            dataset: printable(&dataset.name),
            labelled: HumanCount(labelled.into()).to_string(),
            read_from,
            labelled_by: labels.map_or_else(Vec::new, |labels| {
                words(&labels.label_sources, LabelSource::name)
            }),
            negatives: labels.map_or_else(Vec::new, |labels| {
                words(&labels.negatives, words_of_negatives)
            }),
        }
    }
}

/// The values that occur, in words, the most frequent first.
fn words<V: Ord + Copy>(tally: &Tally<V>, words: fn(V) -> &'static str) -> Vec<&'static str> {
    let values = tally.by_frequency().into_iter();
    values.map(|(value, _)| words(value)).collect()
}

fn words_of_negatives(negatives: Negatives) -> &'static str {
    match negatives {
        Negatives::Negated => "negated in the report",
        Negatives::Unmentioned => "not named among what was found",
        Negatives::Explicit => "looked for and not seen",
        Negatives::Implied => "nothing was found",
    }
}

impl Cell {
    fn of(findings: Option<&Findings>, finding: usize) -> Self {
        match findings.and_then(|findings| findings.get(finding)) {
            None => Self::NotKnown,
            Some(counts) if counts.labelled() == 0 => Self::NotLabelled,
            Some(counts) => Self::Labelled(Box::new(Labelled::of(counts))),
        }
    }
}

impl Labelled {
    fn of(counts: FindingCounts) -> Self {
        let whole = counts.labelled();
        let part = |class, count| Part::of(class, count, whole);
        Self {
            whole: HumanCount(whole.into()).to_string(),
            parts: [
                part("positive", counts.present),
                part("negative", counts.absent),
                part("neither", counts.uncertain),
            ],
        }
    }

    pub(super) fn present(&self) -> &Part {
        &self.parts[0]
    }

    /// `None` if no image is uncertain.
    pub(super) fn uncertain(&self) -> Option<&Part> {
        let [_, _, uncertain] = &self.parts;
        uncertain.width.as_ref().map(|_| uncertain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::vocabulary::States;

    #[test]
    fn not_labelled_is_neither_absent_nor_unknown() {
        let mut findings = Findings::default();
        let mut states = States::default();
        states.set(0, Some(0));
        findings.add(&states);
        assert!(matches!(Cell::of(Some(&findings), 0), Cell::Labelled(_)));
        assert!(matches!(Cell::of(Some(&findings), 1), Cell::NotLabelled));
        assert!(matches!(Cell::of(None, 0), Cell::NotKnown));
        let class_labels = Findings::of_class_labels();
        let no_finding = Vocabulary::get().number("No Finding").unwrap();
        assert!(matches!(
            Cell::of(Some(&class_labels), no_finding),
            Cell::NotKnown
        ));
    }

    #[test]
    fn the_share_is_of_what_is_labelled() {
        let labelled = Labelled::of(FindingCounts {
            present: 1,
            absent: 6,
            uncertain: 1,
        });
        assert_eq!(
            (labelled.whole.as_str(), labelled.present().share.as_str()),
            ("8", "12.5 %")
        );
        assert_eq!(labelled.uncertain().unwrap().count, "1");
    }
}
