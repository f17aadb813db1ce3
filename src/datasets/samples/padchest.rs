//! The sample of PadChest.

use super::pick;
use crate::synthetic::{Coding, SampleError, SampleTree, Shade};

/// The columns of the release, of which the first has no name.
const COLUMNS: [&str; 36] = [
    "",
    "ImageID",
    "ImageDir",
    "StudyDate_DICOM",
    "StudyID",
    "PatientID",
    "PatientBirth",
    "PatientSex_DICOM",
    "ViewPosition_DICOM",
    "Projection",
    "MethodProjection",
    "Pediatric",
    "Modality_DICOM",
    "Manufacturer_DICOM",
    "PhotometricInterpretation_DICOM",
    "PixelRepresentation_DICOM",
    "PixelAspectRatio_DICOM",
    "SpatialResolution_DICOM",
    "BitsStored_DICOM",
    "WindowCenter_DICOM",
    "WindowWidth_DICOM",
    "Rows_DICOM",
    "Columns_DICOM",
    "XRayTubeCurrent_DICOM",
    "Exposure_DICOM",
    "ExposureInuAs_DICOM",
    "ExposureTime",
    "RelativeXRayExposure_DICOM",
    "ReportID",
    "Report",
    "MethodLabel",
    "Labels",
    "Localizations",
    "LabelsLocalizationsBySentence",
    "labelCUIS",
    "LocalizationsCUIS",
];

/// Labels of a study. Items may have blanks around them, or be empty; whole cells may be blank.
const LABELS: [&str; 8] = [
    "['normal']",
    "['pulmonary fibrosis', ' kyphosis', 'cardiomegaly ']",
    "['pleural effusion', 'infiltrates', '']",
    "['unchanged']",
    "",
    "['pericardial effusion', 'subcutaneous emphysema', 'pseudonodule']",
    "['nodule', 'exclude']",
    "[]",
];

/// Years of birth; some are blank.
const BIRTHS: [&str; 6] = ["1930.0", "1957.0", "", "2001.0", "1885.0", "1988.0"];

pub(in crate::datasets) fn write(sample: &mut SampleTree) -> Result<(), SampleError> {
    let mut list = COLUMNS.join(",") + "\n";
    for image in sample.images() {
        let key = format!("{:039}_{:06x}.png", u64::from(image) * 7919 + 1, image);
        let bits = if image % 3 == 2 { 8 } else { 16 };
        sample.image(
            &format!("images/{key}"),
            Coding::Png {
                bits,
                shade: Shade::Gray,
            },
        )?;
        // Three images of every two patients; those of a patient are one study.
        let patient = image * 2 / 3;
        let (view, projection) = pick(
            &[
                ("POSTEROANTERIOR", "PA"),
                ("LATERAL", "L"),
                ("", "AP"),
                ("AP", "AP_horizontal"),
            ],
            image,
        );
        let cells = [
            image.to_string(),
            key,
            (image % 50).to_string(),
            format!("{}{:02}15", 2009 + patient % 9, patient % 12 + 1),
            format!("{:039}", u64::from(patient) * 7901 + 1),
            format!("{:039}", u64::from(patient) * 7907 + 1),
            pick(&BIRTHS, patient).to_owned(),
            pick(&["M", "F", "F", ""], patient).to_owned(),
            view.to_owned(),
            projection.to_owned(),
            "Manual review of DICOM fields".to_owned(),
            if pick(&BIRTHS, patient) == "2001.0" {
                "PED"
            } else {
                "No"
            }
            .to_owned(),
            "DX".to_owned(),
            "ImagingDynamicsCompanyLtd".to_owned(),
            "MONOCHROME2".to_owned(),
            "0.0".to_owned(),
            String::new(),
            "10.0".to_owned(),
            "14.0".to_owned(),
            "8192.0".to_owned(),
            "16384.0".to_owned(),
            "1030.0".to_owned(),
            "880.0".to_owned(),
            "250.0".to_owned(),
            "5.0".to_owned(),
            String::new(),
            "20.0".to_owned(),
            "-1.2".to_owned(),
            (4_000_000 + patient).to_string(),
            "\"sin hallazg , normal . \"".to_owned(),
            pick(&["Physician", "RNN_model"], patient).to_owned(),
            quoted(pick(&LABELS, patient)),
            quoted("['loc right', 'loc basal']"),
            quoted("[['normal', 'loc right']]"),
            "['C0205307']".to_owned(),
            "['C0444532']".to_owned(),
        ];
        list += &(cells.join(",") + "\n");
    }
    sample.text(
        "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
        &list,
    )
}

/// A cell that may have commas in it.
fn quoted(cell: &str) -> String {
    match cell {
        "" => String::new(),
        _ => format!("\"{cell}\""),
    }
}
