//! Which image of ChestX-ray14 each image of the challenges is: the file that RSNA publishes.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{OptionKey, OptionKind, RawTree, nih_patient};
use crate::lists::{self, ListFile};
use crate::metadata::{Join, ListNote, MetadataBuilder, MetadataList};
use crate::words::counted;

/// The file, if it is not in the root.
pub(super) const MAPPING: OptionKey = OptionKey {
    name: "RSNA_MAPPING",
    kind: OptionKind::File,
};

/// The file is JSON, so it has no columns.
pub(super) const LIST: MetadataList = MetadataList {
    files: &["pneumonia-challenge-dataset-mappings_2018.json"],
    option: Some(MAPPING.name),
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

/// Sets the patients of the images that the mapping names: the file that the config gives, or the
/// one in the root. Images are found by the `name` of their file without its extension.
pub(super) fn read(
    tree: &RawTree,
    metadata: &mut MetadataBuilder<'_>,
    list: &MetadataList,
    name: fn(&MappedImage) -> &Option<String>,
) {
    let given = tree.file_option(MAPPING.name).map(ListFile::at);
    let Some(file) = given.or_else(|| metadata.find(&tree.folders_of(list), list)) else {
        return;
    };
    let images: Vec<MappedImage> = match lists::json(metadata.lists(), &file) {
        Ok(images) => images,
        Err(error) => {
            metadata.warn(error.to_string());
            return;
        }
    };
    let index = metadata.index(&list.join);
    let mut note = ListNote::new(&file.path);
    note.covers_all = list.covers_all;
    let (mut nameless, mut matched) = (0_u64, BTreeSet::new());
    for image in &images {
        note.rows += 1;
        let (Some(name), Some(same)) = (name(image), &image.img_id) else {
            nameless += 1;
            continue;
        };
        let numbers: Vec<u32> = index.find(name).collect();
        if numbers.is_empty() {
            note.unmatched_rows.add(name);
        }
        matched.extend(numbers.iter().copied());
        for number in numbers {
            let patient = nih_patient(same);
            let same = metadata.shared(same);
            if let Some(patient) = patient {
                metadata.set_patient(number, patient);
            }
            metadata.each(&[number], |image| image.same_image_as = Some(same.clone()));
        }
    }
    if nameless > 0 {
        let entries = counted(nameless, "entry does", "entries do");
        note.faults
            .push(format!(": {entries} not name an image of both datasets"));
    }
    metadata.note_unmatched_images(&mut note, |number| matched.contains(&number));
    metadata.note(note);
}
