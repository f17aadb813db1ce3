//! The datasets that a program knows.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;

use super::{Dataset, DatasetInfo};

/// The datasets that a program knows: [`ALL`](super::ALL), or these and its own. `main` passes them
/// to the command line, which passes them to everything that reads a config.
pub type KnownDatasets = &'static [&'static dyn Dataset];

/// Why a program cannot use these datasets together; `None` if it can.
pub fn conflict(known: KnownDatasets) -> Option<String> {
    let infos: Vec<&DatasetInfo> = known.iter().map(|dataset| dataset.info()).collect();
    if let Some(info) = infos.iter().find(|info| info.number == 0) {
        return Some(format!("the dataset {} has the number 0", info.folder));
    }
    let numbers = infos.iter().map(|info| (info.number, info.folder));
    let folders = infos.iter().map(|info| (info.folder, info.root_key));
    // An option that datasets declare alike is one key, which they share.
    let mut options = HashSet::new();
    let keys = infos.iter().flat_map(|info| {
        let own = info
            .options
            .iter()
            .filter(|option| options.insert(**option));
        let keys: Vec<_> = own.map(|option| (option.name, info.folder)).collect();
        std::iter::once((info.root_key, info.folder)).chain(keys)
    });
    shared("number", numbers)
        .or_else(|| shared("folder", folders))
        .or_else(|| shared("config key", keys))
}

/// Names two owners of the same value, if there are any.
fn shared<T: Eq + Hash + Display + Copy>(
    what: &str,
    owned: impl Iterator<Item = (T, &'static str)>,
) -> Option<String> {
    let mut owners = HashMap::new();
    for (value, owner) in owned {
        if let Some(other) = owners.insert(value, owner) {
            return Some(format!(
                "the datasets {other} and {owner} have the same {what}, {value}"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{ALL, Marks, Numbering, OptionKey, OptionKind, PatientRule, RawTree};
    use super::*;
    use crate::catalog::{CatalogBuilder, CatalogError};
    use crate::synthetic::{SampleError, SampleTree};

    struct Own(&'static DatasetInfo);

    impl Dataset for Own {
        fn info(&self) -> &'static DatasetInfo {
            self.0
        }

        fn read(&self, _: &RawTree, _: &mut CatalogBuilder) -> Result<(), CatalogError> {
            Ok(())
        }

        fn write_sample(&self, _: &mut SampleTree) -> Result<(), SampleError> {
            Ok(())
        }
    }

    const OWN: DatasetInfo = DatasetInfo {
        number: 200,
        folder: "own",
        root_key: "OWN_ROOT",
        options: &[],
        real_count: 1,
        numbering: Numbering::Lists,
        patients: PatientRule::Unknown,
        patient_pool: None,
        marks: Marks {
            title: "",
            home: "",
            root: &[],
            parts: &[],
            archives: &[],
            files: "",
            others: &[],
        },
    };

    /// The message for all datasets and one more.
    fn with(info: DatasetInfo) -> Option<String> {
        let own: &'static dyn Dataset = Box::leak(Box::new(Own(Box::leak(Box::new(info)))));
        conflict([ALL, &[own]].concat().leak())
    }

    #[test]
    fn numbers_folders_and_keys_are_of_one_dataset_each() {
        assert_eq!(conflict(ALL), None);
        assert_eq!(with(OWN), None);
        let sharing = DatasetInfo {
            options: &[OptionKey {
                name: "MIMIC_REPORTS_ROOT",
                kind: OptionKind::Folder,
            }],
            ..OWN
        };
        assert_eq!(with(sharing), None);
        for (info, said) in [
            (DatasetInfo { number: 0, ..OWN }, "own has the number 0"),
            (
                DatasetInfo { number: 8, ..OWN },
                "openi and own have the same number, 8",
            ),
            (
                DatasetInfo {
                    folder: "mimic",
                    ..OWN
                },
                "have the same folder, mimic",
            ),
            (
                DatasetInfo {
                    root_key: "PADCHEST_STRICT_VETO",
                    ..OWN
                },
                "padchest and own have the same config key",
            ),
            (
                DatasetInfo {
                    options: &[OptionKey {
                        name: "MIMIC_REPORTS_ROOT",
                        kind: OptionKind::File,
                    }],
                    ..OWN
                },
                "mimic and own have the same config key",
            ),
        ] {
            let conflict = with(info).unwrap();
            assert!(conflict.contains(said), "{conflict}");
        }
    }
}
