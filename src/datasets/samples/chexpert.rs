//! The sample of CheXpert.

use super::pick;
use crate::synthetic::{Coding, SampleError, SampleTree, Shade, chexpert_row, label_header};

/// One frontal image of the release is `Unknown`.
const SEXES: [&str; 7] = [
    "Female", "Male", "Male", "Female", "Female", "Unknown", "Male",
];

pub(in crate::datasets) fn write(sample: &mut SampleTree) -> Result<(), SampleError> {
    let mut list = format!(
        "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,{}\n",
        label_header()
    );
    for image in sample.images() {
        let (view, words) = match image % 4 {
            3 => ("view2_lateral", "Lateral,"),
            1 => ("view1_frontal", "Frontal,PA"),
            // A few frontal images of the release are laterals by this column.
            _ if image % 16 == 6 => ("view1_frontal", "Frontal,LL"),
            _ => ("view1_frontal", "Frontal,AP"),
        };
        let key = format!("train/patient{:05}/study1/{view}.jpg", image + 1);
        let shade = if image % 5 == 4 {
            Shade::Rgb
        } else {
            Shade::Gray
        };
        sample.image(&key, Coding::Jpeg { shade })?;
        // 0 is an unknown age.
        let age = if image % 9 == 4 { 0 } else { 20 + image % 71 };
        let (sex, labels) = (pick(&SEXES, image), chexpert_row(image));
        list += &format!("CheXpert-v1.0/{key},{sex},{age},{words},{labels}\n");
    }
    sample.text("train.csv", &list)
}
