//! RSNA Pneumonia Detection Challenge, converted to JPEG (Kaggle): a folder of JPEGs.

use super::{Dataset, DatasetInfo, Marks, NIH_PATIENTS, Numbering, PatientRule, RawTree, Release};
use crate::catalog::{CatalogBuilder, CatalogError};
use crate::lists::ImageFolder;
use crate::synthetic::{Coding, SampleError, SampleTree, Shade};

/// The training images; the test set is not used.
const IMAGES: ImageFolder = ImageFolder {
    path: "stage_2_train_images_jpg",
    extensions: &[".jpg", ".jpeg", ".png"],
};

const MARKS: Marks = Marks {
    title: "the RSNA challenge as JPEG",
    home: "academictorrents.com, \"kaggle-pneumonia-jpg\"",
    root: &[
        &["stage_2_train_images_jpg/*.jpg"],
        &["stage_2_train_images_jpg/*.jpeg"],
        &["stage_2_train_images_jpg/*.png"],
    ],
    parts: &[
        "stage_2_train_labels.csv",
        "stage_2_detailed_class_info.csv",
        "stage_2_test_images_jpg",
    ],
    archives: &[
        "stage_2_train_images_jpg*.zip",
        "stage_2_train_images_jpg*.tar*",
        "kaggle-pneumonia-jpg*",
    ],
    files: ".jpg",
    others: &[
        Release {
            marks: &[
                "stage_2_train_images/*.dcm",
                "stage_2_train_images.zip",
                "stage_2_train_images/*.png",
            ],
            unless: &[],
            name: "the RSNA challenge as Kaggle has it (DICOM)",
            advice: "machex reads its JPEG edition, the folder stage_2_train_images_jpg/: get that (academictorrents.com, \"kaggle-pneumonia-jpg\"), or set RSNA_ROOT: null",
        },
        Release {
            marks: &["stage_1_train_images/*"],
            unless: &[],
            name: "stage 1 of the RSNA challenge",
            advice: "machex reads stage 2 as JPEG, the folder stage_2_train_images_jpg/: get that (academictorrents.com, \"kaggle-pneumonia-jpg\"), or set RSNA_ROOT: null",
        },
        Release {
            marks: &["stage2_train_metadata.csv", "Training/Images/*.png"],
            unless: &[],
            name: "a Kaggle edition of the RSNA challenge as PNG",
            advice: "machex reads the JPEG edition, the folder stage_2_train_images_jpg/: get that (academictorrents.com, \"kaggle-pneumonia-jpg\"), or set RSNA_ROOT: null",
        },
    ],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 7,
    folder: "rsna",
    root_key: "RSNA_ROOT",
    options: &[],
    real_count: 26_684,
    numbering: Numbering::Folder {
        images: IMAGES.path,
    },
    patients: PatientRule::Unknown,
    patient_pool: Some(NIH_PATIENTS),
    marks: MARKS,
};

pub struct Rsna;

impl Dataset for Rsna {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        IMAGES.read(&tree.root, catalog)
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        for image in sample.images() {
            let key =
                format!("stage_2_train_images_jpg/{image:08x}-0000-4000-8000-{image:012x}.jpg");
            sample.image(&key, Coding::Jpeg { shade: Shade::Gray })?;
        }
        Ok(())
    }
}
