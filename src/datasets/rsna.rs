//! RSNA Pneumonia Detection Challenge, converted to JPEG (Kaggle): a folder of JPEGs.

use super::{Dataset, RawTree};
use crate::catalog::{CatalogBuilder, CatalogError};
use crate::lists::ImageFolder;
use crate::sample::{Coding, SampleError, SampleTree, Shade};

/// The training images; those of the test set are not taken.
const IMAGES: ImageFolder = ImageFolder {
    path: "stage_2_train_images_jpg",
    extensions: &[".jpg", ".jpeg", ".png"],
};

pub struct Rsna;

impl Dataset for Rsna {
    fn folder(&self) -> &'static str {
        "rsna"
    }

    fn title(&self) -> &'static str {
        "RSNA Pneumonia"
    }

    fn root_key(&self) -> &'static str {
        "RSNA_ROOT"
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        IMAGES.read(&tree.root, catalog)
    }

    fn real_count(&self) -> u32 {
        26_684
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
