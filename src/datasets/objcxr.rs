//! object-CXR (JF Healthcare): a folder of JPEGs.

use std::borrow::Cow;

use super::{Dataset, DatasetInfo, Marks, Numbering, PatientRule, RawTree, Release, samples};
use crate::catalog::{CatalogBuilder, CatalogError};
use crate::lists::ImageFolder;
use crate::metadata::image::Split;
use crate::metadata::shape::{Area, FindingBox};
use crate::metadata::{
    DateKind, Join, MetadataBuilder, MetadataList, MetadataRules, Vocabulary, object_annotation,
};
use crate::synthetic::{SampleError, SampleTree};

/// The training images; the test set is not used.
const IMAGES: ImageFolder = ImageFolder {
    path: "train",
    extensions: &[".jpg", ".jpeg", ".png"],
};

const MARKS: Marks = Marks {
    title: "object-CXR",
    home: "academictorrents.com, \"object-CXR\"",
    root: &[&["train/*.jpg"], &["train/*.jpeg"]],
    parts: &["train.csv", "dev.csv", "dev/*.jpg"],
    archives: &["train.zip", "object-CXR*.zip", "archive.zip"],
    files: ".jpg",
    others: &[Release {
        marks: &["train/*.dcm", "train/*.dicom"],
        unless: &[],
        name: "a folder of DICOM files and not object-CXR",
        advice: "object-CXR has JPEGs: get those (academictorrents.com, \"object-CXR\"), or set OBJECTCXR_ROOT: null",
    }],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 10,
    folder: "objcxr",
    root_key: "OBJECTCXR_ROOT",
    options: &[],
    real_count: 8_000,
    numbering: Numbering::Folder {
        images: IMAGES.path,
    },
    patients: PatientRule::Unknown,
    patient_pool: None,
    marks: MARKS,
};

const OBJECTS: MetadataList = MetadataList {
    files: &["train.csv"],
    adds: "foreign objects: whether there are any, and their outlines",
    join: Join {
        of_cell: |cell| Cow::Borrowed(cell.rsplit('/').next().unwrap_or(cell)),
        of_key: |key| key.rsplit('/').next(),
        ..Join::key(&["image_name", "image_path"])
    },
    ..MetadataList::PLAIN
};

const ANNOTATION: &str = "annotation";

/// The only term of the vocabulary.
const OBJECT: &str = "annotation not empty";

const METADATA: MetadataRules = MetadataRules {
    lists: &[OBJECTS],
    dates: DateKind::None,
    header: None,
};

pub struct ObjectCxr;

impl Dataset for ObjectCxr {
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
        metadata.read_also(
            &tree.root,
            &OBJECTS,
            &[ANNOTATION],
            &mut |metadata, cells, numbers| {
                if !cells.has(ANNOTATION) {
                    return;
                }
                // A blank cell says that there is no object.
                let annotation = cells.extra(ANNOTATION).unwrap_or_default();
                let shapes = match object_annotation::shapes(&annotation) {
                    Ok(shapes) => shapes,
                    Err(error) => {
                        cells.fault(
                            ANNOTATION,
                            &format!("{error}: {annotation}"),
                            "not an annotation",
                        );
                        return;
                    }
                };
                let state = Some(i8::from(!shapes.is_empty()));
                metadata.set_readings(numbers, set, &[state]);
                let term = metadata.shared(OBJECT);
                let boxes: Vec<FindingBox> = shapes
                    .into_iter()
                    .map(|shape| FindingBox {
                        finding: set.finding_of(OBJECT),
                        term: term.clone(),
                        reader: None,
                        outline: shape.kind,
                        area: Area {
                            x: shape.x,
                            y: shape.y,
                            width: shape.width,
                            height: shape.height,
                        },
                        points: shape.points,
                    })
                    .collect();
                metadata.each(numbers, |image| {
                    image.boxes.clone_from(&boxes);
                });
            },
        );
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        samples::objcxr::write(sample)
    }
}
