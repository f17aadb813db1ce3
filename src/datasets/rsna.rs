//! RSNA Pneumonia Detection Challenge, converted to JPEG (Kaggle): a folder of JPEGs.

use super::{
    Dataset, DatasetInfo, Marks, NIH_PATIENTS, Numbering, PatientRule, RawTree, Release,
    nih_mapping, samples,
};
use crate::catalog::{CatalogBuilder, CatalogError};
use crate::lists::ImageFolder;
use crate::metadata::image::Split;
use crate::metadata::list::{BoxTerm, Boxes, Corners, DICOM_SEX, DICOM_VIEWS};
use crate::metadata::vocabulary::State;
use crate::metadata::{
    Column, DateKind, Join, Meaning, MetadataBuilder, MetadataList, MetadataRules, Rows, Vocabulary,
};
use crate::synthetic::{SampleError, SampleTree};

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
    options: &[nih_mapping::MAPPING],
    real_count: 26_684,
    numbering: Numbering::Folder {
        images: IMAGES.path,
    },
    patients: PatientRule::Unknown,
    patient_pool: Some(NIH_PATIENTS),
    marks: MARKS,
};

/// A row for each box, or one without a box for an image without pneumonia.
const BOXES: MetadataList = MetadataList {
    files: &["stage_2_train_labels.csv"],
    adds: "boxes of lung opacity, whether pneumonia is suspected",
    join: Join::stem(&["patientId"]).with(Rows::Many),
    boxes: Some(Boxes {
        set: INFO.folder,
        term: BoxTerm::Always(OPACITY),
        reader: None,
        corners: Corners::Size(["x", "y", "width", "height"]),
    }),
    ..MetadataList::PLAIN
};

/// Three classes; repeated for each box.
const CLASSES: MetadataList = MetadataList {
    files: &["stage_2_detailed_class_info.csv"],
    adds: "which images are normal",
    boxes: None,
    ..BOXES
};

/// A dump of the headers of Kaggle's DICOM files.
const HEADERS: MetadataList = MetadataList {
    files: &["kaggle_stage_2_train_images_dicom_headers.csv"],
    adds: "age, sex, view",
    join: Join::stem(&["PatientID"]),
    columns: &[
        // Without its unit: some are months.
        Column {
            names: &["PatientAge"],
            meaning: Meaning::Age {
                zero_is_an_age: false,
            },
        },
        Column {
            names: &["PatientSex"],
            meaning: Meaning::Sex(DICOM_SEX),
        },
        Column {
            names: &["ViewPosition"],
            meaning: Meaning::View(DICOM_VIEWS),
        },
    ],
    ..MetadataList::PLAIN
};

/// Names all images of the challenge.
const MAPPING: MetadataList = MetadataList {
    covers_all: true,
    ..nih_mapping::LIST
};

const TARGET: &str = "Target";
const CLASS: &str = "class";

/// Terms of the vocabulary.
const SUSPECTED: &str = "Target=1";
const OPACITY: &str = "Lung Opacity";
const NORMAL: &str = "Normal";

const METADATA: MetadataRules = MetadataRules {
    lists: &[BOXES, CLASSES, HEADERS, MAPPING],
    dates: DateKind::None,
    header: None,
};

pub struct Rsna;

impl Dataset for Rsna {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        IMAGES.read(&tree.root, catalog)
    }

    fn metadata_rules(&self) -> &'static MetadataRules {
        &METADATA
    }

    fn read_metadata(&self, tree: &RawTree, metadata: &mut MetadataBuilder<'_>) {
        metadata.all(|image| {
            image.frontal = Some(true);
            image.split = Some(Split::Train);
        });
        let set = Vocabulary::get().label_set(INFO.folder);
        let (suspected, opacity, normal) =
            (set.term(SUSPECTED), set.term(OPACITY), set.term(NORMAL));
        let mut states: Vec<[State; 3]> = vec![[None; 3]; metadata.catalog().len() as usize];
        metadata.read_also(&tree.root, &BOXES, &[TARGET], &mut |_, cells, numbers| {
            let state = match cells.extra(TARGET).as_deref() {
                Some("1" | "1.0") => Some(1),
                Some("0" | "0.0") => Some(0),
                Some(other) => {
                    cells.fault(TARGET, other, "not 1 or 0");
                    return;
                }
                None => return,
            };
            for number in numbers {
                if let Some(known) = states.get_mut(*number as usize) {
                    known[0] = state;
                    // All that is suspected has boxes of opacity; without, there may be others.
                    known[1] = state.filter(|state| *state == 1);
                }
            }
        });
        metadata.read_also(&tree.root, &CLASSES, &[CLASS], &mut |_, cells, numbers| {
            let (opacity, normal) = match cells.extra(CLASS).as_deref() {
                Some("Lung Opacity") => (Some(1), Some(0)),
                Some("Normal") => (Some(0), Some(1)),
                Some("No Lung Opacity / Not Normal") => (None, Some(0)),
                Some(other) => {
                    cells.fault(CLASS, other, "not a class of the release");
                    return;
                }
                None => return,
            };
            for number in numbers {
                if let Some(known) = states.get_mut(*number as usize) {
                    (known[1], known[2]) = (opacity, normal);
                }
            }
        });
        for (number, known) in (0..).zip(&states) {
            if known.iter().all(Option::is_none) {
                continue;
            }
            let mut terms = vec![None; set.terms().len()];
            for (term, state) in [suspected, opacity, normal].into_iter().zip(known) {
                if let Some(place) = term.and_then(|term| terms.get_mut(term)) {
                    *place = *state;
                }
            }
            metadata.set_readings(&[number], set, &terms);
        }
        metadata.read(&tree.root, &HEADERS);
        nih_mapping::read(tree, metadata, &MAPPING, |image| &image.subset_img_id);
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        samples::rsna::write(sample)
    }
}
