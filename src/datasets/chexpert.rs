//! CheXpert (Stanford): JPEGs by patient and study, and labels in one CSV.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::labeller::labeller;
use super::{
    Dataset, DatasetInfo, Marks, Numbering, PatientRule, RawTree, Release, chexmask, samples,
};
use crate::catalog::{CatalogBuilder, CatalogError, EntryFault, FolderId, SourceLocation};
use crate::lists::{LabelColumns, ListFile, Table, sorted_folders};
use crate::metadata::image::{Sex, Split, View};
use crate::metadata::{
    Column, DateKind, Join, Meaning, MetadataBuilder, MetadataList, MetadataRules, ViewName,
};
use crate::synthetic::{SampleError, SampleTree};

const LIST: &str = "train.csv";

/// The original script removes this from paths.
const PREFIX: &str = "CheXpert-v1.0/";

/// Paths of the small download start with this; the original script leaves it in the key.
const SMALL_PREFIX: &str = "CheXpert-v1.0-small/";

/// The Azure download: its folder of lists, and those of the training images.
const BATCH_LISTS: &str = "CheXpert-v1.0 batch 1 (validate & csv)";
const BATCH_IMAGES: [&str; 3] = [
    "CheXpert-v1.0 batch 2 (train 1)",
    "CheXpert-v1.0 batch 3 (train 2)",
    "CheXpert-v1.0 batch 4 (train 3)",
];

/// Precedes the patient in a key, but not in a batch.
const TRAIN: &str = "train/";

const MARKS: Marks = Marks {
    title: "CheXpert",
    home: "stanfordaimi.azurewebsites.net",
    root: &[
        &["train.csv", "train/patient*"],
        &["train.csv.gz", "train/patient*"],
        &["train.csv", "CheXpert-v1.0 batch*"],
        &["CheXpert-v1.0 batch 1 (validate & csv)/train.csv*"],
    ],
    parts: &["train/patient*", "CheXpert-v1.0 batch*", "valid.csv"],
    archives: &["CheXpert*.zip", "archive.zip"],
    files: ".jpg",
    others: &[Release {
        marks: &[
            "df_chexpert_plus_*.csv*",
            "*/df_chexpert_plus_*.csv*",
            "PNG/PNG",
            "PNG/train*",
            "DICOM/train*",
        ],
        unless: &[],
        name: "CheXpert Plus",
        advice: "machex reads CheXpert v1.0 (train.csv and its JPEGs): get that (stanfordaimi.azurewebsites.net, \"CheXpert\"), or set CHEXPERT_ROOT: null",
    }],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 2,
    folder: "chexpert",
    root_key: "CHEXPERT_ROOT",
    options: &[chexmask::ROOT],
    real_count: 223_414,
    numbering: Numbering::Lists,
    // train/patient00001/study1/view1_frontal.jpg
    patients: PatientRule::InKey(r"(?:^|/)patient(\d+)/"),
    patient_pool: None,
    marks: MARKS,
};

const LABELS_LIST: MetadataList = MetadataList {
    files: &[LIST, "CheXpert-v1.0 batch 1 (validate & csv)/train.csv"],
    adds: "labels, age, sex, view",
    join: Join {
        of_cell: |cell| Cow::Borrowed(below_release(cell)),
        of_key: |key| Some(below_release(key)),
        ..Join::key(&["Path"])
    },
    columns: &[
        Column {
            names: &["Sex"],
            meaning: Meaning::Sex(&[
                ("Male", Some(Sex::Male)),
                ("Female", Some(Sex::Female)),
                ("Unknown", None),
            ]),
        },
        // 0 in three rows means unknown; 90 stands for all greater ages, too.
        Column {
            names: &["Age"],
            meaning: Meaning::Age {
                zero_is_an_age: false,
            },
        },
        Column {
            names: &["Frontal/Lateral"],
            meaning: Meaning::View(&[
                ViewName {
                    name: "Frontal",
                    view: None,
                    frontal: Some(true),
                },
                ViewName::of("Lateral", View::Lateral),
            ]),
        },
        // Blank for laterals. 17 frontal images have a lateral view here.
        Column {
            names: &["AP/PA"],
            meaning: Meaning::View(&[
                ViewName::of("AP", View::Ap),
                ViewName::of("PA", View::Pa),
                ViewName {
                    name: "LL",
                    view: Some(View::LeftLateral),
                    frontal: None,
                },
                ViewName {
                    name: "RL",
                    view: Some(View::RightLateral),
                    frontal: None,
                },
            ]),
        },
    ],
    labels: Some(labeller(INFO.folder)),
    ..MetadataList::PLAIN
};

/// Only of the images `view1_frontal.jpg`.
const MASKS: MetadataList = chexmask::list(
    &["OriginalResolution/CheXpert.csv", "CheXpert.csv"],
    Join {
        column: &["Path", "Image ID"],
        // The authors' code has a slash before some paths.
        of_cell: |cell| Cow::Borrowed(below_release(cell.trim_start_matches('/'))),
        ..LABELS_LIST.join
    },
);

const METADATA: MetadataRules = MetadataRules {
    lists: &[LABELS_LIST, MASKS],
    dates: DateKind::None,
    header: None,
};

/// A path without the name of the release, which not all downloads have.
fn below_release(path: &str) -> &str {
    match path.split_once('/') {
        Some((release, below)) if release.starts_with("CheXpert-v1.0") => below,
        _ => path,
    }
}

pub struct Chexpert;

impl Dataset for Chexpert {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        let folders = [tree.root.clone(), tree.root.join(BATCH_LISTS)];
        let file = ListFile::find(catalog.lists(), &folders, LIST)?;
        catalog.set_list(&file.path);
        catalog.input(&tree.root);
        let layout = Layout::find(tree, catalog)?;
        let mut table = Table::open(catalog.lists(), &file)?;
        let (path, labels) = (table.column("Path")?, LabelColumns::of(&table)?);
        let mut numbers: HashMap<Box<str>, u32> = HashMap::new();
        let mut without_label = BTreeSet::new();
        while let Some(row) = table.next_row()? {
            let key = row.get(path).unwrap_or_default().replace(PREFIX, "");
            let is_frontal = key.contains("frontal");
            let views = catalog.views();
            *(if is_frontal {
                &mut views.frontal
            } else {
                &mut views.lateral
            }) += 1;
            if tree.frontal_only && !is_frontal {
                catalog.leave_out("lateral", 1);
                continue;
            }
            let label = labels.read(&row);
            // A repeated path keeps its number and takes the later labels.
            let number = match numbers.get(key.as_str()) {
                Some(number) => *number,
                None => {
                    let number = catalog.push(&key, layout.place(&key), Some([0; 13]))?;
                    numbers.insert(key.into(), number);
                    number
                }
            };
            match label {
                Ok(label) => {
                    catalog.set_label(number, Some(label));
                    if without_label.remove(&number) {
                        catalog.restore(number);
                    }
                }
                Err(fault) => {
                    without_label.insert(number);
                    catalog.fail(number, EntryFault(format!("{LIST}, {fault}")));
                }
            }
        }
        Ok(())
    }

    fn metadata_rules(&self) -> &'static MetadataRules {
        &METADATA
    }

    fn read_metadata(&self, tree: &RawTree, metadata: &mut MetadataBuilder<'_>) {
        metadata.by_key(|key, metadata, number| {
            // train/patient00001/study1/view1_frontal.jpg
            let mut parts = below_release(key).split('/');
            let split = match parts.next() {
                Some("train") => Some(Split::Train),
                Some("valid") => Some(Split::Validate),
                Some("test") => Some(Split::Test),
                _ => None,
            };
            metadata.each(&[number], |image| image.split = split);
            let patient = parts.next().and_then(|part| part.strip_prefix("patient"));
            if let Some(patient) = patient {
                metadata.set_patient(number, patient);
                if let Some(study) = parts.next() {
                    metadata.set_study(number, &format!("{patient}/{study}"));
                }
            }
        });
        metadata.read(&tree.root, &LABELS_LIST);
        chexmask::read(tree, metadata, &MASKS);
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        samples::chexpert::write(sample)
    }
}

/// Location of the images, determined once.
enum Layout {
    /// Below the root, at the paths in their keys, or at those without [`SMALL_PREFIX`].
    Plain { root: FolderId, small_is_root: bool },
    /// In the batch that contains the patient's folder.
    Batches {
        patients: HashMap<String, FolderId>,
        root: FolderId,
    },
}

impl Layout {
    fn find(tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<Self, CatalogError> {
        let (root, is_folder) = (&tree.root, |path: &Path| tree.storage.is_folder(path));
        let folder = catalog.folder(root);
        let batches: Vec<_> = BATCH_IMAGES
            .iter()
            .map(|name| root.join(name))
            .filter(|path| is_folder(path))
            .collect();
        if batches.is_empty() || is_folder(&root.join(TRAIN)) {
            catalog.set_layout("train/");
            let small_is_root = !is_folder(&root.join(SMALL_PREFIX));
            return Ok(Layout::Plain {
                root: folder,
                small_is_root,
            });
        }
        catalog.set_layout(format!("{} batches", batches.len()));
        let mut patients = HashMap::new();
        for batch in &batches {
            let folder = catalog.folder(batch);
            let names = sorted_folders(catalog.lists(), batch)?;
            patients.extend(names.into_iter().map(|name| (name, folder)));
        }
        Ok(Layout::Batches {
            patients,
            root: folder,
        })
    }

    fn place(&self, key: &str) -> SourceLocation {
        let skip = |prefix: &str| {
            if key.starts_with(prefix) {
                prefix.len() as u16
            } else {
                0
            }
        };
        match self {
            Layout::Plain {
                root,
                small_is_root,
            } => {
                let skip = if *small_is_root {
                    skip(SMALL_PREFIX)
                } else {
                    0
                };
                SourceLocation {
                    folder: *root,
                    skip,
                }
            }
            Layout::Batches { patients, root } => {
                let prefix = skip(TRAIN);
                let patient = key[usize::from(prefix)..]
                    .split('/')
                    .next()
                    .unwrap_or_default();
                match patients.get(patient) {
                    Some(folder) => SourceLocation {
                        folder: *folder,
                        skip: prefix,
                    },
                    None => SourceLocation::below(*root),
                }
            }
        }
    }
}
