//! SIIM-ACR Pneumothorax Segmentation (Kaggle): DICOM files in folders within folders.

use super::{Dataset, DatasetInfo, Numbering, RawTree};
use crate::catalog::{CatalogBuilder, CatalogError, Place};
use crate::lists::walk;
use crate::sample::{Coding, SampleError, SampleTree, Syntax};

/// The training images; those of the test set are not taken.
const IMAGES: &str = "dicom-images-train";

const INFO: DatasetInfo = DatasetInfo {
    folder: "siim",
    root_key: "SIIM_ROOT",
    options: &[],
    real_count: 10_712,
    numbering: Numbering::Folder { images: IMAGES },
};

pub struct SiimAcr;

impl Dataset for SiimAcr {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        catalog.set_layout(format!("{IMAGES}/"));
        // Keys are full paths, as in the reference; the part below the root is what is looked up.
        let images = tree.root.join(IMAGES);
        let skip = (images.to_string_lossy().len() - IMAGES.len()) as u16;
        let folder = catalog.folder(&tree.root);
        for path in walk(catalog, &images, ".dcm")? {
            catalog.views().frontal += 1;
            catalog.push(&path.to_string_lossy(), Place { folder, skip }, None)?;
        }
        Ok(())
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        for image in sample.images() {
            let uid = |part: u32| format!("1.2.276.0.7230010.3.1.{part}.8323329.{}", 1000 + image);
            let key = format!("{IMAGES}/{}/{}/{}.dcm", uid(2), uid(3), uid(4));
            let syntax = if image % 4 == 3 {
                Syntax::Explicit { bits: 8 }
            } else {
                Syntax::Jpeg
            };
            sample.image(
                &key,
                Coding::Dicom {
                    syntax,
                    inverted: false,
                },
            )?;
        }
        Ok(())
    }
}
