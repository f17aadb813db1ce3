//! SIIM-ACR Pneumothorax Segmentation (Kaggle): DICOM files in nested folders. The folder of images
//! is in the root, in one of the root's folders, or is the root itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{
    Dataset, DatasetInfo, Marks, NIH_PATIENTS, Numbering, PatientRule, RawTree, Release,
    nih_mapping, samples,
};
use crate::catalog::{CatalogBuilder, CatalogError, SourceLocation};
use crate::lists::{sorted_folders, walk};
use crate::metadata::image::Split;
use crate::metadata::list::DICOM_VIEWS;
use crate::metadata::runs::Runs;
use crate::metadata::shape::FindingMask;
use crate::metadata::{
    DateKind, HeaderRules, Join, MetadataBuilder, MetadataList, MetadataRules, Rows, Vocabulary,
};
use crate::shown::Show as _;
use crate::synthetic::{SampleError, SampleTree};

/// The training images; the test set is not used.
const IMAGES: &str = "dicom-images-train";

const MARKS: Marks = Marks {
    title: "SIIM-ACR",
    home: "academictorrents.com, \"SIIM_TRAIN_TEST\"",
    root: &[&["dicom-images-train"]],
    parts: &["train-rle.csv", "dicom-images-test"],
    archives: &[
        "dicom-images-train*",
        "siim*.zip",
        "siim*.tar*",
        "SIIM_TRAIN_TEST*",
        "archive.zip",
    ],
    files: ".dcm",
    others: &[
        Release {
            marks: &[
                "png_images/*.png",
                "siim-acr-pneumothorax/png_images",
                "train/*.png",
                "masks/*.png",
                "*/train/*.png",
            ],
            unless: &[],
            name: "a Kaggle edition of SIIM-ACR as PNG",
            advice: "machex reads the DICOM files, the folder dicom-images-train/: get those (academictorrents.com, \"SIIM_TRAIN_TEST\"), or set SIIM_ROOT: null",
        },
        Release {
            marks: &[
                "sample images/*.dcm",
                "stage_2_images/*.dcm",
                "stage_2_images.zip",
            ],
            unless: &[],
            name: "what Kaggle still has of the SIIM-ACR challenge",
            advice: "the training images are the folder dicom-images-train/: get those (academictorrents.com, \"SIIM_TRAIN_TEST\"), or set SIIM_ROOT: null",
        },
    ],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 9,
    folder: "siim",
    root_key: "SIIM_ROOT",
    options: &[nih_mapping::MAPPING],
    real_count: 10_712,
    numbering: Numbering::Folder { images: IMAGES },
    patients: PatientRule::Unknown,
    patient_pool: Some(NIH_PATIENTS),
    marks: MARKS,
};

/// A row for each mask, or one with -1 for an image without pneumothorax.
const MASKS: MetadataList = MetadataList {
    files: &[
        "train-rle.csv",
        "stage_2_train.csv",
        "siim/train-rle.csv",
        "pneumothorax/train-rle.csv",
    ],
    adds: "whether there is a pneumothorax, and its mask",
    join: Join::stem(&["ImageId"]).with(Rows::Many),
    ..MetadataList::PLAIN
};

const PIXELS: &str = "EncodedPixels";

/// The only term of the vocabulary.
const MASK: &str = "EncodedPixels != -1";

/// Several times the number of masks of any image.
const MAX_MASKS: usize = 100;

/// Width and height of all pictures, in pixels.
const SIDE: u32 = 1024;

const METADATA: MetadataRules = MetadataRules {
    lists: &[MASKS, nih_mapping::LIST],
    // All headers have the first of January 1901.
    dates: DateKind::None,
    header: Some(HeaderRules {
        zero_is_an_age: false,
        views: DICOM_VIEWS,
        has_dates: false,
    }),
};

pub struct SiimAcr;

impl Dataset for SiimAcr {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        let images = images(tree, catalog)?;
        let layout = images.strip_prefix(&tree.root).unwrap_or(&images).shown();
        catalog.set_layout(if images == tree.root {
            format!("the root is {IMAGES}/")
        } else {
            format!("{layout}/")
        });
        let folder = catalog.folder(&images);
        // Keys are full paths, as in the original script; only the part below the folder is looked
        // up.
        let start = images.as_os_str().len() + usize::from(images.parent().is_some());
        for path in walk(catalog.lists(), &images, ".dcm")? {
            catalog.views().frontal += 1;
            let skip = match path.to_str() {
                Some(_) => start as u16,
                // Its key is escaped, so that it can only fail.
                None => 0,
            };
            catalog.push_file(path.as_os_str(), SourceLocation { folder, skip })?;
        }
        Ok(())
    }

    fn metadata_rules(&self) -> &'static MetadataRules {
        &METADATA
    }

    fn read_metadata(&self, tree: &RawTree, metadata: &mut MetadataBuilder<'_>) {
        metadata.all(|image| {
            image.frontal = Some(true);
            image.split = Some(Split::Train);
        });
        metadata.by_key(|key, metadata, number| {
            // dicom-images-train/<study>/<series>/<image>.dcm
            let below = key
                .rsplit_once(IMAGES)
                .map(|(_, below)| below.trim_start_matches('/'));
            let parts: Vec<&str> = below.unwrap_or_default().split('/').collect();
            if let [study, _, _] = parts.as_slice() {
                metadata.set_study(number, study);
            }
        });
        let mut masks: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        metadata.read_also(&tree.root, &MASKS, &[PIXELS], &mut |_, cells, numbers| {
            let Some(pixels) = cells.extra(PIXELS) else {
                return;
            };
            if let Err(error) = Runs::from_siim([pixels.as_str()], SIDE, SIDE) {
                cells.fault(PIXELS, &format!("{error}: {pixels}"), "not a mask");
                return;
            }
            for number in numbers {
                let masks = masks.entry(*number).or_default();
                if masks.len() == MAX_MASKS {
                    cells.fault(PIXELS, &pixels, "one of too many masks of its image");
                    return;
                }
                masks.push(pixels.clone());
            }
        });
        let set = Vocabulary::get().label_set(INFO.folder);
        let term = metadata.shared(MASK);
        for (number, masks) in masks {
            // Several rows are several lesions or readers.
            let Ok(runs) = Runs::from_siim(masks.iter().map(String::as_str), SIDE, SIDE) else {
                continue;
            };
            let is_there = !runs.is_empty();
            let state = Some(i8::from(is_there));
            metadata.set_readings(&[number], set, &[state]);
            if is_there {
                let finding = set.finding_of(MASK);
                let term = term.clone();
                metadata.set_masks(
                    &[number],
                    &[FindingMask {
                        finding,
                        term,
                        runs,
                    }],
                );
            }
        }
        nih_mapping::read(tree, metadata, &nih_mapping::LIST, |image| {
            &image.sop_instance_uid
        });
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        samples::siim::write(sample)
    }
}

/// The folder of images: in the root; or in the only folder of the root that has one (Kaggle's
/// archives put `siim/` or `pneumothorax/` around it); or the root itself.
fn images(tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<PathBuf, CatalogError> {
    let images = tree.root.join(IMAGES);
    if tree.storage.is_folder(&images) {
        return Ok(images);
    }
    // The catalog also depends on whether it exists.
    catalog.input(&images);
    if tree.root.ends_with(IMAGES) {
        return Ok(tree.root.clone());
    }
    let folders = sorted_folders(catalog.lists(), &tree.root)?;
    let inner = folders
        .iter()
        .map(|folder| tree.root.join(folder).join(IMAGES));
    let mut inner = inner.filter(|inner| tree.storage.is_folder(inner));
    match (inner.next(), inner.next()) {
        (Some(only), None) => Ok(only),
        _ => Ok(images),
    }
}
