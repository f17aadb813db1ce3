//! ChestX-ray14 (NIH): PNGs, named by a list.

use std::collections::HashMap;
use std::path::PathBuf;

use super::{
    Dataset, DatasetInfo, Marks, NIH_PATIENTS, Numbering, PatientRule, RawTree, Release, chexmask,
    nih_patient, samples,
};
use crate::catalog::{CatalogBuilder, CatalogError, FolderId, SourceLocation};
use crate::lists::{self, ListFile, sorted_files, sorted_folders};
use crate::metadata::image::{LabelSource, Split};
use crate::metadata::list::{BoxTerm, Boxes, Corners, DICOM_SEX, DICOM_VIEWS, LabelCells, Labels};
use crate::metadata::{
    Column, DateKind, Join, Meaning, MetadataBuilder, MetadataList, MetadataRules, Rows,
};
use crate::synthetic::{SampleError, SampleTree};

/// The training and validation list; the test list is not used.
const LIST: &str = "train_val_list.txt";

/// Prefix of the folders that the archives `images_001.tar.gz` to `images_012.tar.gz` unpack to.
const PART_PREFIX: &str = "images_";

const MARKS: Marks = Marks {
    title: "ChestX-ray14",
    home: "nihcc.app.box.com/v/ChestXray-NIHCC",
    root: &[&["train_val_list.txt"], &["train_val_list.txt.gz"]],
    parts: &[
        "Data_Entry_2017*.csv",
        "BBox_List_2017*.csv",
        "test_list.txt",
        "images_001",
        "images",
    ],
    archives: &[
        "images_*.tar.gz",
        "images_*.tar",
        "images_*.zip",
        "images.zip",
        "archive.zip",
    ],
    files: ".png",
    others: &[
        Release {
            marks: &["train_val_list_NIH.txt", "images-224"],
            unless: &[],
            name: "Kaggle's edition of ChestX-ray14 in 224x224 pixels",
            advice: "machex reads the full size: get ChestX-ray14 from nihcc.app.box.com/v/ChestXray-NIHCC or kaggle.com/datasets/nih-chest-xrays/data, or set CHEXRAY14_ROOT: null",
        },
        Release {
            marks: &["sample_labels.csv", "sample/sample_labels.csv"],
            unless: &[],
            name: "Kaggle's sample of ChestX-ray14 (5 %)",
            advice: "get the whole from nihcc.app.box.com/v/ChestXray-NIHCC or kaggle.com/datasets/nih-chest-xrays/data, or set CHEXRAY14_ROOT: null",
        },
    ],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 1,
    folder: "chex-ray14",
    root_key: "CHEXRAY14_ROOT",
    options: &[chexmask::ROOT],
    real_count: 86_524,
    numbering: Numbering::Lists,
    // 00000001_000.png
    patients: PatientRule::InKey(r"^(\d+)_"),
    patient_pool: Some(NIH_PATIENTS),
    marks: MARKS,
};

const ENTRIES: MetadataList = MetadataList {
    files: &[
        "Data_Entry_2017_v2020.csv",
        "Data_Entry_2017.csv",
        "sample_labels.csv",
    ],
    adds: "labels, age, sex, view, study",
    join: Join::key(&["Image Index", "ImageIndex"]),
    columns: &[
        Column {
            names: &["Patient Age", "PatientAge"],
            meaning: Meaning::Age {
                zero_is_an_age: true,
            },
        },
        Column {
            names: &["Patient Gender", "Patient Sex", "PatientGender"],
            meaning: Meaning::Sex(DICOM_SEX),
        },
        Column {
            names: &["View Position", "ViewPosition"],
            meaning: Meaning::View(DICOM_VIEWS),
        },
    ],
    labels: Some(Labels {
        set: INFO.folder,
        cells: LabelCells::Items {
            column: "Finding Labels",
            items: |cell| {
                (!cell.is_empty())
                    .then(|| cell.split('|').map(|term| term.trim().to_owned()).collect())
            },
            are_known: true,
            is_labelled: |_| true,
        },
        source: Some(LabelSource::TextMining),
        fills: false,
    }),
    ..MetadataList::PLAIN
};

/// Numbers the images of a patient; all views of one number are one study.
const FOLLOW_UP: &str = "Follow-up #";

const BOXES: MetadataList = MetadataList {
    files: &["BBox_List_2017.csv"],
    adds: "984 boxes of 8 findings",
    covers_all: false,
    join: Join::key(&["Image Index"]).with(Rows::Many),
    boxes: Some(Boxes {
        set: INFO.folder,
        term: BoxTerm::Column("Finding Label", &[("Infiltrate", "Infiltration")]),
        reader: None,
        // The header has commas within its brackets, which makes two columns of each.
        corners: Corners::Size(["Bbox [x", "y", "w", "h]"]),
    }),
    ..MetadataList::PLAIN
};

/// Labels of 4,376 images by radiologists: Majkowska et al. 2020.
const RADIOLOGISTS: MetadataList = MetadataList {
    files: &["google2019_nih-chest-xray-labels.csv"],
    adds: "fracture and lung opacity of 4,376 images by radiologists",
    covers_all: false,
    join: Join::key(&["Image Index"]),
    labels: Some(Labels {
        set: "chex-ray14-google",
        cells: LabelCells::Words {
            present: "YES",
            absent: "NO",
        },
        source: Some(LabelSource::Radiologists),
        fills: true,
    }),
    ..MetadataList::PLAIN
};

const MASKS: MetadataList = chexmask::list(
    &["OriginalResolution/ChestX-Ray8.csv", "ChestX-Ray8.csv"],
    Join::key(&["Image Index", "Image ID"]),
);

const METADATA: MetadataRules = MetadataRules {
    lists: &[ENTRIES, BOXES, RADIOLOGISTS, MASKS],
    dates: DateKind::None,
    header: None,
};

pub struct ChexRay14;

impl Dataset for ChexRay14 {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        let file = ListFile::find(catalog.lists(), std::slice::from_ref(&tree.root), LIST)?;
        catalog.set_list(&file.path);
        let keys = lists::lines(catalog.lists(), &file)?;
        catalog.input(&tree.root);
        let flat = tree.root.join("images");
        let parts = if tree.storage.is_folder(&flat) {
            Vec::new()
        } else {
            parts(tree, catalog)?
        };
        catalog.views().frontal = keys.len() as u32;
        let whole = catalog.folder(&flat);
        if parts.is_empty() {
            catalog.set_layout("images/");
            for key in &keys {
                catalog.push(key, SourceLocation::below(whole), None)?;
            }
            return Ok(());
        }
        catalog.set_layout(format!("{} folders images_NNN/", parts.len()));
        let places = places(catalog, &parts)?;
        for key in &keys {
            // An image in no part is reported missing from `images/`.
            let folder = places.get(key).copied().unwrap_or(whole);
            catalog.push(key, SourceLocation::below(folder), None)?;
        }
        Ok(())
    }

    fn metadata_rules(&self) -> &'static MetadataRules {
        &METADATA
    }

    fn read_metadata(&self, tree: &RawTree, metadata: &mut MetadataBuilder<'_>) {
        metadata.by_key(|key, metadata, number| {
            if let Some(patient) = nih_patient(key) {
                metadata.set_patient(number, patient);
            }
        });
        // The tree has the images of train_val_list.txt alone.
        metadata.all(|image| image.split = Some(Split::Train));
        metadata.read_also(
            &tree.root,
            &ENTRIES,
            &[FOLLOW_UP],
            &mut |metadata, cells, numbers| {
                let Some(follow_up) = cells.extra(FOLLOW_UP) else {
                    return;
                };
                for number in numbers {
                    let key = metadata.key(*number);
                    if let Some(patient) = nih_patient(key) {
                        metadata.set_study(*number, &format!("{patient}/{follow_up}"));
                    }
                }
            },
        );
        metadata.read(&tree.root, &BOXES);
        metadata.read(&tree.root, &RADIOLOGISTS);
        chexmask::read(tree, metadata, &MASKS);
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        samples::chexray14::write(sample)
    }
}

/// The folders `images_NNN/images/` or `images_NNN/`.
fn parts(tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<Vec<PathBuf>, CatalogError> {
    let names = sorted_folders(catalog.lists(), &tree.root)?;
    let is_part = |name: &&String| {
        let number = name.strip_prefix(PART_PREFIX);
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let parts = names
        .iter()
        .filter(is_part)
        .map(|name| tree.root.join(name));
    Ok(parts
        .map(|part| {
            let inner = part.join("images");
            if tree.storage.is_folder(&inner) {
                inner
            } else {
                part
            }
        })
        .collect())
}

/// The folder of each file.
fn places(
    catalog: &mut CatalogBuilder,
    parts: &[PathBuf],
) -> Result<HashMap<String, FolderId>, CatalogError> {
    let mut places = HashMap::new();
    for part in parts {
        let folder = catalog.folder(part);
        let names = sorted_files(catalog.lists(), part, &[".png"], false)?;
        // The list cannot name files that are not UTF-8.
        let names = names.into_iter().filter_map(|name| name.into_string().ok());
        places.extend(names.map(|name| (name, folder)));
    }
    Ok(places)
}
