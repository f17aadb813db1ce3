//! object-CXR (JF Healthcare): a folder of JPEGs.

use super::{Dataset, RawTree};
use crate::catalog::{CatalogBuilder, CatalogError};
use crate::lists::ImageFolder;
use crate::sample::{Coding, SampleError, SampleTree, Shade};

/// The training images; those of the test set are not taken.
const IMAGES: ImageFolder = ImageFolder {
    path: "train",
    extensions: &[".jpg", ".jpeg", ".png"],
};

pub struct ObjectCxr;

impl Dataset for ObjectCxr {
    fn folder(&self) -> &'static str {
        "objcxr"
    }

    fn title(&self) -> &'static str {
        "object-CXR"
    }

    fn root_key(&self) -> &'static str {
        "OBJECTCXR_ROOT"
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        IMAGES.read(&tree.root, catalog)
    }

    fn real_count(&self) -> u32 {
        8_000
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        for image in sample.images() {
            let key = format!("train/{:05}.jpg", image + 1);
            sample.image(&key, Coding::Jpeg { shade: Shade::Rgb })?;
        }
        Ok(())
    }
}
