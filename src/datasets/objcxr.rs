//! object-CXR (JF Healthcare): a folder of JPEGs.

use super::{Dataset, DatasetInfo, Marks, Numbering, PatientRule, RawTree, Release};
use crate::catalog::{CatalogBuilder, CatalogError};
use crate::lists::ImageFolder;
use crate::synthetic::{Coding, SampleError, SampleTree, Shade};

/// The training images; the test set is not used.
const IMAGES: ImageFolder = ImageFolder {
    path: "train",
    extensions: &[".jpg", ".jpeg", ".png"],
};

const MARKS: Marks = Marks {
    title: "object-CXR",
    home: "academictorrents.com, \"object-CXR\"",
    root: &[&["train/*.jpg"], &["train/*.jpeg"]],
    parts: &["train.csv", "dev.csv", "dev/*.jpg"],
    archives: &["train.zip", "object-CXR*.zip", "archive.zip"],
    files: ".jpg",
    others: &[Release {
        marks: &["train/*.dcm", "train/*.dicom"],
        unless: &[],
        name: "a folder of DICOM files and not object-CXR",
        advice: "object-CXR has JPEGs: get those (academictorrents.com, \"object-CXR\"), or set OBJECTCXR_ROOT: null",
    }],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 10,
    folder: "objcxr",
    root_key: "OBJECTCXR_ROOT",
    options: &[],
    real_count: 8_000,
    numbering: Numbering::Folder {
        images: IMAGES.path,
    },
    patients: PatientRule::Unknown,
    patient_pool: None,
    marks: MARKS,
};

pub struct ObjectCxr;

impl Dataset for ObjectCxr {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        IMAGES.read(&tree.root, catalog)
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        for image in sample.images() {
            let key = format!("train/{:05}.jpg", image + 1);
            sample.image(&key, Coding::Jpeg { shade: Shade::Rgb })?;
        }
        Ok(())
    }
}
