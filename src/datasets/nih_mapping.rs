//! Which image of ChestX-ray14 each image of the challenges is: the file that RSNA publishes.

use std::path::Path;

use serde::Deserialize;

use super::{RawTree, nih_patient};
use crate::lists::{self, ListFile};
use crate::metadata::{Join, ListNote, MetadataBuilder, MetadataList};

/// The file is JSON, so it has no columns.
pub(super) const LIST: MetadataList = MetadataList {
    files: &["pneumonia-challenge-dataset-mappings_2018.json"],
    adds: "the patient in ChestX-ray14, and the same image there",
    covers_all: false,
    join: Join::stem(&[]),
    ..MetadataList::PLAIN
};

/// One of its 30,000 images. It has the original labels, too.
#[derive(Debug, Deserialize)]
pub(super) struct MappedImage {
    /// In ChestX-ray14, such as `00000001_000.png`.
    #[serde(default)]
    img_id: Option<String>,
    /// In the RSNA challenge.
    #[serde(default)]
    pub subset_img_id: Option<String>,
    #[serde(default, rename = "SOPInstanceUID")]
    pub sop_instance_uid: Option<String>,
}

/// Sets the patients of the images that the mapping names: the file `given`, or else the one in the
/// root. Images are found by the `name` of their file without its extension.
pub(super) fn read(
    tree: &RawTree,
    metadata: &mut MetadataBuilder<'_>,
    given: Option<&Path>,
    name: fn(&MappedImage) -> &Option<String>,
) {
    let given = given.map(ListFile::at);
    let Some(file) = given.or_else(|| metadata.find(std::slice::from_ref(&tree.root), &LIST))
    else {
        return;
    };
    let images: Vec<MappedImage> = match lists::json(metadata.lists(), &file) {
        Ok(images) => images,
        Err(error) => {
            metadata.warn(error.to_string());
            return;
        }
    };
    let index = metadata.index(&LIST.join);
    let mut note = ListNote::new(&file.path);
    for image in &images {
        note.rows += 1;
        let (Some(name), Some(same)) = (name(image), &image.img_id) else {
            continue;
        };
        let numbers: Vec<u32> = index.find(name).collect();
        if numbers.is_empty() {
            note.unmatched_rows.add(name);
        }
        for number in numbers {
            let patient = nih_patient(same);
            let same = metadata.shared(same);
            if let Some(patient) = patient {
                metadata.set_patient(number, patient);
            }
            metadata.each(&[number], |image| image.same_image_as = Some(same.clone()));
        }
    }
    metadata.note(note);
}
