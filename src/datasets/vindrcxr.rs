//! VinDr-CXR (PhysioNet): a folder of DICOM files.

use super::{Dataset, DatasetInfo, Marks, Numbering, PatientRule, RawTree, Release};
use crate::catalog::{CatalogBuilder, CatalogError};
use crate::lists::ImageFolder;
use crate::synthetic::{Coding, DICOM_CODINGS, SampleError, SampleTree};

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
    options: &[],
    real_count: 15_000,
    numbering: Numbering::Folder {
        images: IMAGES.path,
    },
    patients: PatientRule::Unknown,
    patient_pool: None,
    marks: MARKS,
};

pub struct VinDrCxr;

impl Dataset for VinDrCxr {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        IMAGES.read(&tree.root, catalog)
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        for image in sample.images() {
            let key = format!(
                "train/{:032x}.dicom",
                u128::from(image) * 0x9e37_79b9_7f4a_7c15
            );
            let syntax = DICOM_CODINGS[image as usize % DICOM_CODINGS.len()];
            sample.image(
                &key,
                Coding::Dicom {
                    syntax,
                    inverted: image % 3 == 2,
                },
            )?;
        }
        Ok(())
    }
}
