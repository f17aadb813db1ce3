//! The sample of BRAX.

use super::pick;
use crate::synthetic::{Coding, SampleError, SampleTree, Shade, chexpert_row, label_header};

const SEXES: [&str; 5] = ["F", "M", "M", "O", "F"];
const AGES: [&str; 6] = ["40", "65", "0", "85 or more", "25", ""];
const VIEWS: [&str; 5] = ["PA", "L", "AP", "PA", "RL"];

pub(in crate::datasets) fn write(sample: &mut SampleTree) -> Result<(), SampleError> {
    let mut list = format!(
        "DicomPath,PngPath,PatientID,PatientSex,PatientAge,AccessionNumber,StudyDate,No Finding,{},\
         ViewPosition,Rows,Columns,Manufacturer\n",
        label_header()
    );
    for image in sample.images() {
        let key = format!(
            "images/id_{image:08x}/Study_{0}/Series_{0}/image-{0}.png",
            image * 17 + 1
        );
        let bits = if image % 4 == 3 { 8 } else { 16 };
        sample.image(
            &key,
            Coding::Png {
                bits,
                shade: Shade::Gray,
            },
        )?;
        let (sex, age, view) = (pick(&SEXES, image), pick(&AGES, image), pick(&VIEWS, image));
        let (study, day) = (7_000_000 + image, image % 28 + 1);
        let labels = chexpert_row(image);
        list += &format!(
            "Anonymized_DICOMs/x.dcm,{key}/sample,{image:08x},{sex},{age},{study},210701{day:02},\
             {labels},{view},2544,3056,1\n"
        );
    }
    sample.text("master_spreadsheet_update.csv", &list)
}
