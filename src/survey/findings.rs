//! Counts how often each finding is present, absent, uncertain, or not labelled.

use crate::catalog::ClassLabel;
use crate::lists::LABELS;
use crate::metadata::Vocabulary;
use crate::metadata::vocabulary::States;

/// Counts of all findings of one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// Images that have a label.
    labelled: u32,
    /// By number of the finding; `None` for those that the labels cannot tell.
    counts: Vec<Option<FindingCounts>>,
    is_of_class_labels: bool,
}

/// How many images have each state of one finding. All others are not labelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FindingCounts {
    pub present: u32,
    pub absent: u32,
    pub uncertain: u32,
}

impl FindingCounts {
    /// Images in which the finding has a label.
    pub fn labelled(self) -> u32 {
        self.present + self.absent + self.uncertain
    }
}

impl Default for Findings {
    fn default() -> Self {
        let all = Vocabulary::get().findings().iter();
        Self {
            labelled: 0,
            counts: all.map(|_| Some(FindingCounts::default())).collect(),
            is_of_class_labels: false,
        }
    }
}

impl Findings {
    /// For the labels of `index.json`, which only tell [`LABELS`], and not what is uncertain.
    pub fn of_class_labels() -> Self {
        let all = Vocabulary::get().findings().iter();
        Self {
            counts: all
                .map(|name| LABELS.contains(name).then(FindingCounts::default))
                .collect(),
            is_of_class_labels: true,
            ..Self::default()
        }
    }

    /// Counts the findings of one image.
    pub fn add(&mut self, states: &States) {
        self.labelled += u32::from(*states != States::default());
        for (finding, counts) in self.counts.iter_mut().enumerate() {
            let Some(counts) = counts else { continue };
            match states.get(finding) {
                Some(1) => counts.present += 1,
                Some(0) => counts.absent += 1,
                Some(_) => counts.uncertain += 1,
                None => {}
            }
        }
    }

    /// Counts the labels that `index.json` has of one image.
    pub fn add_class_label(&mut self, label: &ClassLabel) {
        self.labelled += 1;
        for (name, value) in LABELS.iter().zip(label) {
            let finding = Vocabulary::get().number(name);
            let counts = finding.and_then(|finding| self.counts.get_mut(finding)?.as_mut());
            let Some(counts) = counts else { continue };
            match value {
                1 => counts.present += 1,
                -1 => counts.absent += 1,
                _ => {}
            }
        }
    }

    /// Images that have a label.
    pub fn labelled(&self) -> u32 {
        self.labelled
    }

    /// Whether these are the labels of `index.json`.
    pub fn is_of_class_labels(&self) -> bool {
        self.is_of_class_labels
    }

    /// The counts of a finding by its number; `None` if the labels cannot tell it.
    pub fn get(&self, finding: usize) -> Option<FindingCounts> {
        self.counts.get(finding).copied().flatten()
    }
}

/// Names of the findings that are positive.
pub(super) fn positive(label: &ClassLabel) -> impl Iterator<Item = &'static str> {
    LABELS
        .iter()
        .zip(label)
        .filter(|(_, value)| **value == 1)
        .map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_class_label_is_counted_once(
            labels in prop::collection::vec(prop::array::uniform13(-1i8..=1), 0..50)
        ) {
            let mut findings = Findings::of_class_labels();
            labels.iter().for_each(|label| findings.add_class_label(label));
            prop_assert_eq!(findings.labelled() as usize, labels.len());
            for (at, name) in LABELS.iter().enumerate() {
                let count = |value: i8| labels.iter().filter(|label| label[at] == value).count();
                let counts = findings.get(Vocabulary::get().number(name).unwrap()).unwrap();
                prop_assert_eq!(counts.present as usize, count(1));
                prop_assert_eq!(counts.absent as usize, count(-1));
                prop_assert_eq!(counts.uncertain, 0);
            }
        }

        #[test]
        fn every_state_is_counted_once(
            states in prop::collection::vec(prop::option::of(-1i8..=1), 0..50)
        ) {
            let mut findings = Findings::default();
            for state in &states {
                let mut of_image = States::default();
                of_image.set(3, *state);
                findings.add(&of_image);
            }
            let count = |value| states.iter().filter(|state| **state == value).count() as u32;
            let expected = FindingCounts {
                present: count(Some(1)),
                absent: count(Some(0)),
                uncertain: count(Some(-1)),
            };
            prop_assert_eq!(findings.get(3), Some(expected));
            prop_assert_eq!(findings.labelled(), expected.labelled());
            prop_assert_eq!(findings.get(4), Some(FindingCounts::default()));
        }
    }

    #[test]
    fn class_labels_do_not_tell_other_findings() {
        let findings = Findings::of_class_labels();
        let known = (0..Vocabulary::get().findings().len()).filter_map(|at| findings.get(at));
        assert_eq!(known.count(), LABELS.len());
    }

    #[test]
    fn positive_findings_are_named() {
        let mut label = [0; 13];
        (label[1], label[2], label[12]) = (1, -1, 1);
        let names: Vec<_> = positive(&label).collect();
        assert_eq!(names, ["Cardiomegaly", "Support Devices"]);
    }
}
