//! VinDr-CXR (PhysioNet): a folder of DICOM files.

use std::collections::BTreeSet;

use super::{
    Dataset, DatasetInfo, Marks, Numbering, PatientRule, RawTree, Release, chexmask, samples,
};
use crate::catalog::{CatalogBuilder, CatalogError};
use crate::lists::ImageFolder;
use crate::metadata::image::{Split, View};
use crate::metadata::list::{BoxTerm, Boxes, Corners, DICOM_VIEWS};
use crate::metadata::vocabulary::{LabelSet, State};
use crate::metadata::{
    DateKind, HeaderRules, Join, MetadataBuilder, MetadataList, MetadataRules, Rows, Vocabulary,
};
use crate::synthetic::{SampleError, SampleTree};

/// The training images; the test set is not used.
const IMAGES: ImageFolder = ImageFolder {
    path: "train",
    extensions: &[".dicom", ".dcm"],
};

const MARKS: Marks = Marks {
    title: "VinDr-CXR",
    home: "physionet.org/content/vindr-cxr",
    root: &[&["train/*.dicom"], &["train/*.dcm"]],
    parts: &["annotations", "test/*.dicom", "train.csv"],
    archives: &["train.zip", "vindr*.zip", "vinbigdata*.zip", "archive.zip"],
    files: ".dicom",
    others: &[
        Release {
            marks: &["train/*.png", "train_meta.csv"],
            unless: &[],
            name: "a Kaggle edition of VinDr-CXR as PNG",
            advice: "machex reads the DICOM files: get those (physionet.org/content/vindr-cxr, or Kaggle's vinbigdata-chest-xray-abnormalities-detection), or set VINDRCXR_ROOT: null",
        },
        Release {
            marks: &["train/*.jpg", "train/*.jpeg"],
            unless: &[],
            name: "a Kaggle edition of VinDr-CXR as JPEG",
            advice: "machex reads the DICOM files: get those (physionet.org/content/vindr-cxr, or Kaggle's vinbigdata-chest-xray-abnormalities-detection), or set VINDRCXR_ROOT: null",
        },
        Release {
            marks: &["train/*/*.dicom", "train/*/*.dcm"],
            unless: &[],
            name: "VinDr-CXR with its files in folders within train/",
            advice: "move the .dicom files into train/ itself",
        },
    ],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 5,
    folder: "vindrcxr",
    root_key: "VINDRCXR_ROOT",
    options: &[chexmask::ROOT],
    real_count: 15_000,
    numbering: Numbering::Folder {
        images: IMAGES.path,
    },
    patients: PatientRule::Unknown,
    patient_pool: None,
    marks: MARKS,
};

/// The edition of PhysioNet: a row for each image and reader, with a column for each of 28 labels.
const READINGS: MetadataList = MetadataList {
    files: &[
        "annotations/image_labels_train.csv",
        "image_labels_train.csv",
    ],
    adds: "28 labels by three readers",
    edition: Some("PhysioNet"),
    join: Join::stem(&["image_id"]).with(Rows::Many),
    ..MetadataList::PLAIN
};

const BOXES: Boxes = Boxes {
    set: INFO.folder,
    term: BoxTerm::Column(CLASS, &[]),
    reader: Some(READER),
    corners: Corners::Edges(["x_min", "y_min", "x_max", "y_max"]),
};

const BOXES_LIST: MetadataList = MetadataList {
    files: &["annotations/annotations_train.csv", "annotations_train.csv"],
    adds: "boxes of 22 labels",
    boxes: Some(BOXES),
    ..READINGS
};

/// The edition of Kaggle: a row for each box, and one for each reader who saw nothing.
const KAGGLE: MetadataList = MetadataList {
    files: &["train.csv"],
    adds: "14 labels by three readers, boxes (Kaggle's edition)",
    edition: Some("Kaggle"),
    boxes: Some(BOXES),
    ..READINGS
};

const CLASS: &str = "class_name";
const READER: &str = "rad_id";

/// The label for images on which a reader saw nothing.
const NOTHING: &str = "No finding";

/// The labels of Kaggle's edition. Of the others, it says nothing.
const KAGGLE_LABELS: [&str; 15] = [
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Consolidation",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Nodule/Mass",
    "Other lesion",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    NOTHING,
];

const MASKS: MetadataList = chexmask::list(
    &["OriginalResolution/VinDr-CXR.csv", "VinDr-CXR.csv"],
    Join::stem(&["image_id", "Image ID"]),
);

const METADATA: MetadataRules = MetadataRules {
    lists: &[READINGS, BOXES_LIST, KAGGLE, MASKS],
    dates: DateKind::None,
    header: Some(HeaderRules {
        zero_is_an_age: false,
        views: DICOM_VIEWS,
        has_dates: false,
    }),
};

/// How many readers saw each label.
struct Readings {
    set: &'static LabelSet,
    /// By image and term; absent if nobody looked for it.
    seen: Vec<Option<u8>>,
}

impl Readings {
    fn new(images: u32, set: &'static LabelSet) -> Self {
        Self {
            set,
            seen: vec![None; images as usize * set.terms().len()],
        }
    }

    fn is_empty(&self) -> bool {
        self.seen.iter().all(Option::is_none)
    }

    /// `readers` more saw the label `term` of these images.
    fn add(&mut self, numbers: &[u32], term: usize, readers: u8) {
        for number in numbers {
            let place = *number as usize * self.set.terms().len() + term;
            if let Some(seen) = self.seen.get_mut(place) {
                *seen = Some(seen.unwrap_or(0).saturating_add(readers));
            }
        }
    }

    /// A label that two of three readers saw is present, one that a single reader saw is uncertain.
    fn take(&self, metadata: &mut MetadataBuilder<'_>) {
        let terms = self.set.terms();
        for (number, seen) in (0..).zip(self.seen.chunks(terms.len().max(1))) {
            if seen.iter().all(Option::is_none) {
                continue;
            }
            let state = |readers: &Option<u8>| {
                readers.map(|readers| match readers {
                    0 => 0,
                    1 => -1,
                    _ => 1,
                })
            };
            let states: Vec<State> = seen.iter().map(state).collect();
            metadata.set_readings(&[number], self.set, &states);
        }
    }
}

pub struct VinDrCxr;

impl Dataset for VinDrCxr {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        IMAGES.read(&tree.root, catalog)
    }

    fn metadata_rules(&self) -> &'static MetadataRules {
        &METADATA
    }

    fn read_metadata(&self, tree: &RawTree, metadata: &mut MetadataBuilder<'_>) {
        metadata.all(|image| {
            // All images of the release are postero-anterior; its headers rarely say so.
            image.view = Some(View::Pa);
            image.frontal = Some(true);
            image.split = Some(Split::Train);
        });
        let set = Vocabulary::get().label_set(INFO.folder);
        let mut readings = Readings::new(metadata.catalog().len(), set);
        let mut counted = BTreeSet::new();
        metadata.read_also(
            &tree.root,
            &READINGS,
            &[set.terms(), &[READER]].concat(),
            &mut |_, cells, numbers| {
                // A row that is there twice is still one reading.
                let reader = cells.extra(READER);
                let mut is_new = |number: &u32| match &reader {
                    Some(reader) => counted.insert((*number, reader.clone())),
                    None => true,
                };
                let numbers: Vec<u32> = numbers.iter().copied().filter(|n| is_new(n)).collect();
                for (term, name) in set.terms().iter().enumerate() {
                    match cells.extra(name).as_deref() {
                        Some("1" | "1.0") => readings.add(&numbers, term, 1),
                        Some("0" | "0.0") => readings.add(&numbers, term, 0),
                        Some(other) => cells.fault(name, other, "not 1 or 0"),
                        None => {}
                    }
                }
            },
        );
        metadata.read(&tree.root, &BOXES_LIST);
        if readings.is_empty() {
            // The boxes of the two editions are the same.
            let has_boxes = metadata.any(|image| !image.boxes.is_empty());
            let kaggle = MetadataList {
                boxes: KAGGLE.boxes.filter(|_| !has_boxes),
                ..KAGGLE
            };
            // Kaggle's images may have other names.
            let mut seen = BTreeSet::new();
            metadata.read_also(
                &tree.root,
                &kaggle,
                &[CLASS, READER],
                &mut |_, cells, numbers| {
                    let (Some(class), Some(reader)) = (cells.extra(CLASS), cells.extra(READER))
                    else {
                        return;
                    };
                    let Some(term) = set.term(&class) else {
                        cells.fault(CLASS, &class, "not a label of the release");
                        return;
                    };
                    for number in numbers {
                        // Each reader counts once for a label, whatever the number of boxes.
                        if seen.insert((*number, term, reader.clone())) {
                            readings.add(&[*number], term, 1);
                        }
                        for label in KAGGLE_LABELS.iter().filter_map(|name| set.term(name)) {
                            readings.add(&[*number], label, 0);
                        }
                    }
                },
            );
        }
        readings.take(metadata);
        chexmask::read(tree, metadata, &MASKS);
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        samples::vindrcxr::write(sample)
    }
}
