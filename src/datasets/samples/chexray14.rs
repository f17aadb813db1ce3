//! The sample of ChestX-ray14.

use super::{area, pick};
use crate::synthetic::{Coding, SampleError, SampleTree, Shade};

/// Images of a patient.
const FOLLOW_UPS: u32 = 7;

const ENTRIES: &str = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,\
                       View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n";

/// The list ends its rows with three empty cells.
const BOXES: &str = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n";

/// What the labels are, and for what there are boxes.
const FINDINGS: [(&str, &[&str]); 9] = [
    ("No Finding", &[]),
    ("Cardiomegaly", &["Cardiomegaly"]),
    // The list of boxes has another name for it.
    ("Effusion|Infiltration", &["Infiltrate", "Effusion"]),
    ("Nodule|Mass", &["Nodule"]),
    (
        "Pneumothorax|Atelectasis|Pleural_Thickening",
        &["Atelectasis"],
    ),
    ("No Finding", &[]),
    ("Hernia", &[]),
    ("Edema|Consolidation|Pneumonia", &["Pneumonia"]),
    ("Emphysema|Fibrosis", &[]),
];

/// The name of an image. Those of RSNA's challenge are images of this dataset, too.
pub(in crate::datasets) fn name(image: u32) -> String {
    format!(
        "{:08}_{:03}.png",
        image / FOLLOW_UPS + 1,
        image % FOLLOW_UPS
    )
}

pub(in crate::datasets) fn write(sample: &mut SampleTree) -> Result<(), SampleError> {
    let (mut list, mut entries, mut boxes) = (String::new(), ENTRIES.to_owned(), BOXES.to_owned());
    for image in sample.images() {
        let key = name(image);
        sample.image(
            &format!("images/{key}"),
            Coding::Png {
                bits: 8,
                shade: Shade::Gray,
            },
        )?;
        list += &format!("{key}\n");
        entries += &entry(image);
        for (number, finding) in (image..).zip(pick(&FINDINGS, image).1) {
            let [x, y, width, height] = area(number);
            boxes += &format!("{key},{finding},{x}.25,{y}.5,{width}.125,{height},,,\n");
        }
    }
    // The list of labels is also about the images of the test list, which are not in the tree.
    entries += &entry((sample.images().end / FOLLOW_UPS + 1) * FOLLOW_UPS);
    sample.text("train_val_list.txt", &list)?;
    sample.text("Data_Entry_2017_v2020.csv", &entries)?;
    sample.text("BBox_List_2017.csv", &boxes)
}

/// The row of an image in the list of labels.
fn entry(image: u32) -> String {
    let (patient, follow_up) = (image / FOLLOW_UPS + 1, image % FOLLOW_UPS);
    // Some patients were not a year old.
    let first_age = if patient % 4 == 2 {
        0
    } else {
        20 + patient * 31 % 60
    };
    let age = first_age + follow_up / 3;
    let (key, labels) = (name(image), pick(&FINDINGS, image).0);
    let (sex, view) = (pick(&["M", "F"], patient), pick(&["PA", "PA", "AP"], image));
    format!("{key},{labels},{follow_up},{patient},{age},{sex},{view},2682,2749,0.143,0.143\n")
}
