//! Open-i (NLM): a folder of PNGs whose views are not recorded. Kaggle's edition has the same
//! images in `images/images_normalized/`.

use super::{Dataset, DatasetInfo, Marks, Numbering, PatientRule, RawTree, Release};
use crate::catalog::{CatalogBuilder, CatalogError, SourceLocation};
use crate::lists::sorted_files;
use crate::synthetic::{Coding, SampleError, SampleTree, Shade};

/// Folder of the images in the edition `raddar/chest-xrays-indiana-university`.
const KAGGLE: &str = "images/images_normalized";

const MARKS: Marks = Marks {
    title: "Open-i",
    home: "openi.nlm.nih.gov/faq, \"NLMCXR_png.tgz\"",
    root: &[&["CXR*.png"], &["images/images_normalized/*.png"]],
    parts: &["indiana_reports.csv", "indiana_projections.csv"],
    archives: &["NLMCXR_png*", "archive.zip"],
    files: ".png",
    others: &[
        Release {
            marks: &["*.dcm", "NLMCXR_dcm*", "*/*.dcm"],
            unless: &[],
            name: "Open-i as DICOM",
            advice: "machex reads its PNGs: get those (openi.nlm.nih.gov/faq, \"NLMCXR_png.tgz\"), or set OPENI_ROOT: null",
        },
        Release {
            marks: &["ecgen-radiology", "NLMCXR_reports*"],
            unless: &[],
            name: "the download of Open-i's reports, without images",
            advice: "get the images (openi.nlm.nih.gov/faq, \"NLMCXR_png.tgz\"), or set OPENI_ROOT: null",
        },
    ],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 8,
    folder: "openi",
    root_key: "OPENI_ROOT",
    options: &[],
    real_count: 7_470,
    numbering: Numbering::Folder { images: "" },
    // CXR1_1_IM-0001-3001.png: the number of the report, of which every patient has one
    patients: PatientRule::InKey(r"^CXR(\d+)_"),
    patient_pool: None,
    marks: MARKS,
};

pub struct OpenI;

impl Dataset for OpenI {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        let mut folder = tree.root.clone();
        catalog.set_layout("PNGs in the root");
        let mut names = sorted_files(catalog.lists(), &folder, &[".png"], false)?;
        if names.is_empty() {
            let kaggle = tree.root.join(KAGGLE);
            // Either folder may appear later.
            kaggle
                .parent()
                .into_iter()
                .for_each(|above| catalog.input(above));
            catalog.input(&kaggle);
            if tree.storage.is_folder(&kaggle) {
                catalog.set_layout(format!("{KAGGLE}/"));
                names = sorted_files(catalog.lists(), &kaggle, &[".png"], false)?;
                folder = kaggle;
            }
        }
        catalog.views().other = names.len() as u32;
        if tree.frontal_only {
            catalog.leave_out("view not known", names.len() as u32);
            return Ok(());
        }
        let folder = catalog.folder(&folder);
        for name in &names {
            catalog.push_file(name, SourceLocation::below(folder))?;
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
