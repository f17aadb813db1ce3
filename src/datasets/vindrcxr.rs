//! VinDr-CXR (PhysioNet): a folder of DICOM files.

use super::{Dataset, RawTree};
use crate::catalog::{CatalogBuilder, CatalogError};
use crate::lists::ImageFolder;
use crate::sample::{Coding, DICOM_CODINGS, SampleError, SampleTree};

/// The training images; those of the test set are not taken.
const IMAGES: ImageFolder = ImageFolder {
    path: "train",
    extensions: &[".dicom", ".dcm"],
};

pub struct VinDrCxr;

impl Dataset for VinDrCxr {
    fn folder(&self) -> &'static str {
        "vindrcxr"
    }

    fn title(&self) -> &'static str {
        "VinDr-CXR"
    }

    fn root_key(&self) -> &'static str {
        "VINDRCXR_ROOT"
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        IMAGES.read(&tree.root, catalog)
    }

    fn real_count(&self) -> u32 {
        15_000
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
