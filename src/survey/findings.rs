//! Counts how often each finding is positive, negative, or neither.

use crate::catalog::ClassLabel;
use crate::lists::LABELS;

/// Counts of all findings of one dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Images that have labels.
    labelled: u32,
    positive: [u32; LABELS.len()],
    negative: [u32; LABELS.len()],
}

/// Counts of one finding over all images with labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    pub name: &'static str,
    pub positive: u32,
    pub negative: u32,
    /// Uncertain or not mentioned; the labels do not distinguish these.
    pub neither: u32,
}

impl Findings {
    /// Counts the labels of one image.
    pub fn add(&mut self, label: &ClassLabel) {
        self.labelled += 1;
        let counts = self.positive.iter_mut().zip(&mut self.negative);
        for (value, (positive, negative)) in label.iter().zip(counts) {
            *positive += u32::from(*value == 1);
            *negative += u32::from(*value == -1);
        }
    }

    /// The counts, unless no image has labels.
    pub fn if_any(self) -> Option<Self> {
        (self.labelled > 0).then_some(self)
    }

    /// Images that have labels.
    pub fn labelled(&self) -> u32 {
        self.labelled
    }

    /// The counts of each of [`LABELS`], in that order.
    pub fn each(&self) -> impl Iterator<Item = Finding> {
        let counts = self.positive.iter().zip(&self.negative);
        LABELS
            .iter()
            .zip(counts)
            .map(|(name, (&positive, &negative))| Finding {
                name,
                positive,
                negative,
                neither: self.labelled - positive - negative,
            })
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
        fn every_image_is_counted_once_for_each_finding(
            labels in prop::collection::vec(prop::array::uniform13(-1i8..=1), 0..50)
        ) {
            let mut findings = Findings::default();
            labels.iter().for_each(|label| findings.add(label));
            prop_assert_eq!(findings.clone().if_any().is_some(), !labels.is_empty());
            for (at, finding) in findings.each().enumerate() {
                let count = |value: i8| labels.iter().filter(|label| label[at] == value).count();
                prop_assert_eq!(finding.name, LABELS[at]);
                prop_assert_eq!(finding.positive as usize, count(1));
                prop_assert_eq!(finding.negative as usize, count(-1));
                prop_assert_eq!(finding.neither as usize, count(0));
            }
        }
    }

    #[test]
    fn positive_findings_are_named() {
        let mut label = [0; 13];
        (label[1], label[2], label[12]) = (1, -1, 1);
        let names: Vec<_> = positive(&label).collect();
        assert_eq!(names, ["Cardiomegaly", "Support Devices"]);
    }
}
