//! The sample of MIMIC-CXR-JPG.

use super::pick;
use crate::synthetic::{Coding, SampleError, SampleTree, Shade, chexpert_row, label_header};

/// Each view, and the name of its code. The last view is one that the release does not tell.
const VIEWS: [(&str, &str); 7] = [
    ("PA", "postero-anterior"),
    ("LATERAL", "lateral"),
    ("AP", "antero-posterior"),
    ("PA", "postero-anterior"),
    ("LL", "left lateral"),
    ("AP", "antero-posterior"),
    ("", "antero-posterior"),
];

const METADATA: &str = "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,\
                        Rows,Columns,StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning,\
                        ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning\n";

/// What radiologists look at in the test set, with a name of its own for lung opacity.
const TEST_SET: &str = "study_id,Enlarged Cardiomediastinum,Cardiomegaly,Airspace Opacity,Lung Lesion,\
                        Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,\
                        Pleural Other,Fracture,Support Devices,No Finding\n";

pub(in crate::datasets) fn write(sample: &mut SampleTree) -> Result<(), SampleError> {
    let mut list = METADATA.to_owned();
    let mut split = "dicom_id,study_id,subject_id,split\n".to_owned();
    let mut labels = format!("subject_id,study_id,No Finding,{}\n", label_header());
    let mut test_set = TEST_SET.to_owned();
    for image in sample.images() {
        // Three images of every two studies, as in the real list.
        let study = image * 2 / 3;
        let patient = study / 2;
        let (subject, number) = (10_000_032 + patient * 13, 50_000_000 + study);
        let group: String = subject.to_string().chars().take(2).collect();
        let folder = format!("files/p{group}/p{subject}/s{number}");
        let name = format!(
            "{:08x}-{:08x}-{image:08x}",
            image.wrapping_mul(0x9e37_79b9),
            !image
        );
        sample.image(
            &format!("{folder}/{name}.jpg"),
            Coding::Jpeg { shade: Shade::Gray },
        )?;
        let (view, code) = pick(&VIEWS, image);
        // In years that are still to come.
        let (year, day) = (2_110 + patient % 80, study % 28 + 1);
        list += &format!(
            "{name},{subject},{number},CHEST,{view},3056,2544,{year}05{day:02},80556.875,\
             CHEST (PA AND LAT),{code},Erect\n"
        );
        let part = pick(&["train", "train", "validate", "test"], patient);
        split += &format!("{name},{number},{subject},{part}\n");
        if image % 3 != 1 {
            let text = format!(
                "                                 FINAL REPORT\n EXAMINATION:  CHEST\n\n FINDINGS:\n Synthetic\n phantom {study}.\n\n IMPRESSION: No\n finding."
            );
            sample.repeatable_text(&format!("{folder}.txt"), &text)?;
            labels += &format!("{subject},{number},{}\n", chexpert_row(study));
            if part == "test" {
                test_set += &format!("{number},0,1,1,0,0,0,-1,0,0,1,0,0,,0\n");
            }
        }
    }
    sample.text("mimic-cxr-2.0.0-metadata.csv", &list)?;
    sample.text("mimic-cxr-2.0.0-split.csv", &split)?;
    sample.text("mimic-cxr-2.0.0-chexpert.csv", &labels)?;
    sample.text("mimic-cxr-2.1.0-test-set-labeled.csv", &test_set)
}
