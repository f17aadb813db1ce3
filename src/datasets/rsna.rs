//! RSNA Pneumonia Detection Challenge, converted to JPEG (Kaggle): a folder of JPEGs.

use super::{Dataset, DatasetInfo, Numbering, RawTree};
use crate::catalog::{CatalogBuilder, CatalogError};
use crate::lists::ImageFolder;
use crate::sample::{Coding, SampleError, SampleTree, Shade};

/// The training images; those of the test set are not taken.
const IMAGES: ImageFolder = ImageFolder {
    path: "stage_2_train_images_jpg",
    extensions: &[".jpg", ".jpeg", ".png"],
};

const INFO: DatasetInfo = DatasetInfo {
    folder: "rsna",
    root_key: "RSNA_ROOT",
    options: &[],
    real_count: 26_684,
    numbering: Numbering::Folder {
        images: IMAGES.path,
    },
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
