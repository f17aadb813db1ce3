//! The sample of the RSNA challenge.

use serde_json::json;

use super::{area, chexray14, pick};
use crate::synthetic::{Coding, SampleError, SampleTree, Shade};

/// The class of an image, and its number of boxes. Only an image with boxes is suspected of
/// pneumonia.
const CLASSES: [(&str, u32); 4] = [
    ("Normal", 0),
    ("Lung Opacity", 2),
    ("No Lung Opacity / Not Normal", 0),
    ("Lung Opacity", 1),
];

/// Without their unit: the last one is in months.
const AGES: [u32; 5] = [51, 48, 19, 28, 155];

pub(in crate::datasets) fn write(sample: &mut SampleTree) -> Result<(), SampleError> {
    let mut boxes = "patientId,x,y,width,height,Target\n".to_owned();
    let mut classes = "patientId,class\n".to_owned();
    let mut headers =
        "PatientID,Modality,PatientAge,PatientSex,ViewPosition,Rows,Columns\n".to_owned();
    let mut mappings = Vec::new();
    for image in sample.images() {
        let name = format!("{image:08x}-0000-4000-8000-{image:012x}");
        let key = format!("stage_2_train_images_jpg/{name}.jpg");
        sample.image(&key, Coding::Jpeg { shade: Shade::Gray })?;
        let (class, count) = pick(&CLASSES, image);
        for number in 0..count {
            let [x, y, width, height] = area(image + number);
            boxes += &format!("{name},{x}.0,{y}.0,{width}.0,{height}.0,1\n");
            classes += &format!("{name},{class}\n");
        }
        if count == 0 {
            boxes += &format!("{name},,,,,0\n");
            classes += &format!("{name},{class}\n");
        }
        let (age, sex) = (pick(&AGES, image), pick(&["M", "F"], image / 2));
        let view = pick(&["PA", "AP"], image);
        headers += &format!("{name},CR,{age},{sex},{view},1024,1024\n");
        if image % 4 != 3 {
            let uid = |part: u32| format!("1.2.276.0.7230010.3.1.{part}.8323329.{}", 9000 + image);
            mappings.push(json!({
                "subset_img_id": name,
                "img_id": chexray14::name(image),
                "StudyInstanceUID": uid(2),
                "SeriesInstanceUID": uid(3),
                "SOPInstanceUID": uid(4),
                "orig_labels": [class],
            }));
        }
    }
    sample.text("stage_2_train_labels.csv", &boxes)?;
    sample.text("stage_2_detailed_class_info.csv", &classes)?;
    sample.text("kaggle_stage_2_train_images_dicom_headers.csv", &headers)?;
    let mappings = format!("{:#}\n", json!(mappings));
    sample.text("pneumonia-challenge-dataset-mappings_2018.json", &mappings)
}
