//! How to find the patient of an image.

use serde::Serialize;

/// How to find the patient. The Python package, which splits by patient, reads the rules from
/// `machex datasets --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PatientRule {
    /// A regular expression to search for in the key; its first group is the patient. Uses only
    /// syntax that Python's `re` and Rust's `regex` have in common.
    InKey(&'static str),
    /// A CSV file with columns of keys and of patients. It is in one of the three folders above an
    /// image, plain or as `.gz`.
    InList {
        file: &'static str,
        image: &'static str,
        patient: &'static str,
    },
    /// Unknown: every image counts as its own patient.
    Unknown,
}

/// The patient in a file name of ChestX-ray14, such as 00000001 in `00000001_000.png`.
pub(super) fn nih_patient(name: &str) -> Option<&str> {
    let (patient, _) = name.split_once('_')?;
    let is_number = !patient.is_empty() && patient.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(patient)
}

/// Datasets whose images show the same patients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatientPool {
    pub name: &'static str,
    /// Precedes the number of a patient, to make it unique over all datasets.
    pub prefix: &'static str,
}

/// The pool of ChestX-ray14 and of the challenges that draw their images from it.
pub(super) const NIH_PATIENTS: PatientPool = PatientPool {
    name: "NIH Clinical Center",
    prefix: "nih",
};

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use regex_lite::Regex;

    use super::super::{ALL, load};
    use super::*;
    use crate::config::Config;
    use crate::sample::{self, Count, Options};
    use crate::synthetic::Drawing;

    fn rule(folder: &str) -> PatientRule {
        let mut known = ALL.iter().filter(|dataset| dataset.folder() == folder);
        known.next().unwrap().info().patients
    }

    /// The patient that a pattern finds in a key.
    fn patient<'a>(pattern: &str, key: &'a str) -> Option<&'a str> {
        let found = Regex::new(pattern).unwrap().captures(key)?;
        Some(found.get(1).expect("a first group").as_str())
    }

    #[test]
    fn patients_of_real_keys() {
        for (folder, key, expected) in [
            ("chex-ray14", "00012345_003.png", Some("00012345")),
            ("chex-ray14", "strange.png", None),
            (
                "chexpert",
                "train/patient00001/study1/view1_frontal.jpg",
                Some("00001"),
            ),
            (
                "chexpert",
                "CheXpert-v1.0-small/train/patient64540/study1/view1_frontal.jpg",
                Some("64540"),
            ),
            (
                "mimic",
                "files/p10/p10000032/s50414267/02aa804e-bde0afdd-112c0b34-7bc16630-4e384014.jpg",
                Some("10000032"),
            ),
            (
                "brax",
                "images/id_0024603b-e23a/Study_1/Series_1/image-1.png",
                Some("0024603b-e23a"),
            ),
            ("openi", "CXR1000_IM-0003-1001.png", Some("1000")),
            // Kaggle's edition.
            ("openi", "1000_IM-0003-1001.dcm.png", None),
        ] {
            let PatientRule::InKey(pattern) = rule(folder) else {
                panic!("{folder} has no pattern");
            };
            assert_eq!(patient(pattern, key), expected, "{folder}: {key}");
        }
    }

    #[test]
    fn the_rule_of_every_dataset_tells_the_patients_of_its_sample() {
        let folder = tempfile::tempdir().unwrap();
        let drawing = Drawing {
            seed: 1,
            hard_link: true,
        };
        let count = Count::Each(6);
        let options = Options { count, drawing };
        let sample = sample::write(folder.path(), options, ALL, &|| {}).unwrap();
        let config = Config::load(&sample.config, ALL).unwrap();
        assert_eq!(config.trees.len(), ALL.len());
        for tree in &config.trees {
            let catalog = load(tree, None).unwrap();
            let keys: Vec<&str> = (0..catalog.len())
                .map(|number| catalog.get(number).unwrap().key())
                .collect();
            match tree.dataset.info().patients {
                PatientRule::Unknown => {}
                PatientRule::InKey(pattern) => {
                    let told = |key: &&str| patient(pattern, key).is_some();
                    assert!(keys.iter().all(told), "{pattern} in {keys:?}");
                }
                PatientRule::InList {
                    file,
                    image,
                    patient,
                } => {
                    let rows = csv::Reader::from_path(tree.root.join(file)).unwrap();
                    let rows = rows.into_deserialize::<HashMap<String, String>>();
                    let patients: HashMap<String, String> = rows
                        .map(|row| row.unwrap())
                        .map(|row| (row[image].clone(), row[patient].clone()))
                        .collect();
                    let told = |key: &&str| patients.contains_key(*key);
                    assert!(keys.iter().all(told), "{patients:?} of {keys:?}");
                }
            }
        }
    }

    #[test]
    fn a_pool_is_of_several_datasets() {
        let pools = || ALL.iter().filter_map(|dataset| dataset.info().patient_pool);
        for pool in pools() {
            assert!(
                pools().filter(|other| *other == pool).count() > 1,
                "{pool:?}"
            );
        }
    }
}
