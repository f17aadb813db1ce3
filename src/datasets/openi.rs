//! Open-i (NLM): a folder of PNGs, without anything that says of which view each is.

use super::{Dataset, DatasetInfo, Numbering, RawTree};
use crate::catalog::{CatalogBuilder, CatalogError, Place};
use crate::lists::sorted_files;
use crate::sample::{Coding, SampleError, SampleTree, Shade};

const INFO: DatasetInfo = DatasetInfo {
    folder: "openi",
    root_key: "OPENI_ROOT",
    options: &[],
    real_count: 7_470,
    numbering: Numbering::Folder { images: "" },
};

pub struct OpenI;

impl Dataset for OpenI {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        catalog.set_layout("PNGs in the root");
        let names = sorted_files(catalog, &tree.root, &[".png"], false)?;
        catalog.views().other = names.len() as u32;
        if tree.frontal_only {
            return Ok(());
        }
        let folder = catalog.folder(&tree.root);
        for name in &names {
            catalog.push(name, Place::below(folder), None)?;
        }
        Ok(())
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        for image in sample.images() {
            let key = format!("CXR{}_IM-{:04}-1001.png", image + 1, image % 10_000);
            sample.image(
                &key,
                Coding::Png {
                    bits: 8,
                    shade: Shade::Rgb,
                },
            )?;
        }
        Ok(())
    }
}
