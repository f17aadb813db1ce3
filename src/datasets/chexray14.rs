//! ChestX-ray14 (NIH): PNGs, named by a list.

use std::collections::HashMap;
use std::path::PathBuf;

use super::{Dataset, DatasetInfo, Marks, NIH_PATIENTS, Numbering, PatientRule, RawTree, Release};
use crate::catalog::{CatalogBuilder, CatalogError, FolderId, SourceLocation};
use crate::lists::{self, ListFile, sorted_files, sorted_folders};
use crate::synthetic::{Coding, SampleError, SampleTree, Shade};

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
    options: &[],
    real_count: 86_524,
    numbering: Numbering::Lists,
    // 00000001_000.png
    patients: PatientRule::InKey(r"^(\d+)_"),
    patient_pool: Some(NIH_PATIENTS),
    marks: MARKS,
};

pub struct ChexRay14;

impl Dataset for ChexRay14 {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        let file = ListFile::find(catalog, std::slice::from_ref(&tree.root), LIST)?;
        catalog.set_list(&file.path);
        let keys = lists::lines(catalog, &file)?;
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

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        let mut list = String::new();
        for image in sample.images() {
            let key = format!("{:08}_{:03}.png", image / 7 + 1, image % 7);
            sample.image(
                &format!("images/{key}"),
                Coding::Png {
                    bits: 8,
                    shade: Shade::Gray,
                },
            )?;
            list += &format!("{key}\n");
        }
        sample.text(LIST, &list)
    }
}

/// The folders `images_NNN/images/` or `images_NNN/`.
fn parts(tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<Vec<PathBuf>, CatalogError> {
    let names = sorted_folders(catalog, &tree.root)?;
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
        let names = sorted_files(catalog, part, &[".png"], false)?;
        // The list cannot name files that are not UTF-8.
        let names = names.into_iter().filter_map(|name| name.into_string().ok());
        places.extend(names.map(|name| (name, folder)));
    }
    Ok(places)
}
