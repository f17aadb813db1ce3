//! The sample of VinDr-CXR, in PhysioNet's edition.

use super::{area, pick};
use crate::synthetic::{Coding, DICOM_CODINGS, SampleError, SampleTree};

/// The labels in the order of the release, and those of them that have boxes.
const LABELS: [&str; 28] = [
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Clavicle fracture",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged PA",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Lung cavity",
    "Lung cyst",
    "Mediastinal shift",
    "Nodule/Mass",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "Rib fracture",
    "Other lesion",
    "COPD",
    "Lung tumor",
    "Pneumonia",
    "Tuberculosis",
    "Other diseases",
    NOTHING,
];
const WITH_BOXES: usize = 22;
const NOTHING: &str = "No finding";

const READERS: [&str; 3] = ["R8", "R9", "R10"];

/// What each of the three readers sees.
const SEEN: [[&[&str]; 3]; 5] = [
    [&[], &[], &[]],
    [
        &["Cardiomegaly", "Aortic enlargement", "Nodule/Mass"],
        &["Cardiomegaly", "Aortic enlargement"],
        &["Cardiomegaly"],
    ],
    [
        &["Pleural effusion", "Pneumonia"],
        &["Pleural effusion", "Pneumonia", "Consolidation"],
        &["Pleural effusion"],
    ],
    [&["Rib fracture"], &[], &[]],
    [
        &["Pneumothorax", "Lung Opacity"],
        &["Pneumothorax", "Other lesion"],
        &["Pulmonary fibrosis", "Tuberculosis"],
    ],
];

pub(in crate::datasets) fn write(sample: &mut SampleTree) -> Result<(), SampleError> {
    let mut labels = format!("image_id,rad_id,{}\n", LABELS.join(","));
    let mut boxes = "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\n".to_owned();
    for image in sample.images() {
        let name = format!("{:032x}", u128::from(image) * 0x9e37_79b9_7f4a_7c15);
        let syntax = pick(&DICOM_CODINGS, image);
        sample.image(
            &format!("train/{name}.dicom"),
            Coding::Dicom {
                syntax,
                inverted: image % 3 == 2,
            },
        )?;
        for (number, (reader, seen)) in (image..).zip(READERS.iter().zip(pick(&SEEN, image))) {
            let cells = LABELS.map(|label| match label {
                NOTHING if seen.is_empty() => "1",
                _ if seen.contains(&label) => "1",
                _ => "0",
            });
            labels += &format!("{name},{reader},{}\n", cells.join(","));
            let local = seen
                .iter()
                .filter(|label| LABELS[..WITH_BOXES].contains(label));
            for (number, label) in (number..).zip(local) {
                let [x, y, width, height] = area(number);
                let (right, bottom) = (x + width, y + height);
                boxes += &format!("{name},{reader},{label},{x}.5,{y}.0,{right}.25,{bottom}.0\n");
            }
            if seen.is_empty() {
                boxes += &format!("{name},{reader},{NOTHING},,,,\n");
            }
        }
    }
    sample.text("annotations/image_labels_train.csv", &labels)?;
    sample.text("annotations/annotations_train.csv", &boxes)
}
