//! MIMIC-CXR-JPG (PhysioNet): JPEGs by patient and study, views and labels in CSVs, reports in text
//! files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{
    Dataset, DatasetInfo, Marks, Numbering, OptionKey, OptionKind, PatientRule, RawTree, Release,
};
use crate::catalog::{CatalogBuilder, CatalogError, ClassLabel, EntryFault, SourceLocation};
use crate::lists::{LabelColumns, ListFile, Table, ViewPositions};
use crate::synthetic::{Coding, SampleError, SampleTree, Shade, label_header, label_row};

const LIST: &str = "mimic-cxr-2.0.0-metadata.csv";
const LABELS: &str = "mimic-cxr-2.0.0-chexpert.csv";

const VIEWS: ViewPositions = ViewPositions {
    frontal: &["AP", "PA"],
    lateral: &["LL", "LATERAL"],
};

/// The folder of images, and of the reports, which are a separate download.
const FILES: &str = "files";

/// Root of the reports, which are a separate download.
const REPORTS_ROOT: OptionKey = OptionKey {
    name: "MIMIC_REPORTS_ROOT",
    kind: OptionKind::Folder,
};

const MARKS: Marks = Marks {
    title: "MIMIC-CXR-JPG",
    home: "physionet.org/content/mimic-cxr-jpg",
    root: &[
        &["mimic-cxr-2.0.0-metadata.csv"],
        &["mimic-cxr-2.0.0-metadata.csv.gz"],
    ],
    parts: &[
        "mimic-cxr-2.*.csv*",
        "files/p1*/p*/s*/*.jpg",
        "IMAGE_FILENAMES",
    ],
    archives: &[
        "mimic-cxr-2.0.0-*.zip",
        "mimic-cxr-jpg*.zip",
        "files.zip",
        "archive.zip",
    ],
    files: ".jpg",
    others: &[
        Release {
            marks: &[
                "cxr-record-list.csv*",
                "cxr-study-list.csv*",
                "files/p1*/p*/s*/*.dcm",
            ],
            unless: &[],
            name: "MIMIC-CXR as DICOM",
            advice: "machex reads MIMIC-CXR-JPG: get that (physionet.org/content/mimic-cxr-jpg), or set MIMIC_ROOT: null",
        },
        Release {
            marks: &["mimic_cxr_aug_train.csv", "official_data_iccv_final"],
            unless: &[],
            name: "a Kaggle edition of MIMIC-CXR",
            advice: "machex reads MIMIC-CXR-JPG as PhysioNet has it (physionet.org/content/mimic-cxr-jpg); get that, or set MIMIC_ROOT: null",
        },
        Release {
            marks: &["files/p1*/p*/s*.txt", "p1*/p*/s*.txt"],
            unless: &[
                "files/p1*/p*/s*/*.jpg",
                "p1*/p*/s*/*.jpg",
                "mimic-cxr-2.*.csv*",
            ],
            name: "the download of MIMIC-CXR's reports, without images",
            advice: "set MIMIC_REPORTS_ROOT to this folder, and MIMIC_ROOT to that of MIMIC-CXR-JPG (physionet.org/content/mimic-cxr-jpg)",
        },
    ],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 4,
    folder: "mimic",
    root_key: "MIMIC_ROOT",
    options: &[REPORTS_ROOT],
    real_count: 377_110,
    numbering: Numbering::Lists,
    // files/p10/p10000032/s50414267/02aa804e-bde0afdd-112c0b34-7bc16630-4e384014.jpg
    patients: PatientRule::InKey(r"(?:^|/)p\d\d/p(\d+)/"),
    patient_pool: None,
    marks: MARKS,
};

pub struct Mimic;

impl Dataset for Mimic {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        let root = std::slice::from_ref(&tree.root);
        let file = ListFile::find(catalog, root, LIST)?;
        let labels_file = ListFile::find(catalog, root, LABELS)?;
        catalog.set_list(&file.path);
        catalog.input(&tree.root);
        catalog.set_layout(match tree.folder_option(REPORTS_ROOT.name) {
            Some(_) => "files/, reports elsewhere",
            None => "files/",
        });
        let labels = read_labels(catalog, &labels_file)?;
        let folder = catalog.folder(&tree.root);
        let mut table = Table::open(catalog, &file)?;
        let image = table.column("dicom_id")?;
        let (subject, study) = (table.column("subject_id")?, table.column("study_id")?);
        let view = table.column("ViewPosition")?;
        while let Some(row) = table.next_row()? {
            let view = row.get(view).unwrap_or_default();
            if !VIEWS.takes(&view, tree.frontal_only, catalog) {
                continue;
            }
            let (image, subject, study) = (row.get(image), row.id(subject), row.id(study));
            let blank = [
                (&image, "dicom_id"),
                (&subject, "subject_id"),
                (&study, "study_id"),
            ]
            .iter()
            .find(|(cell, _)| cell.is_none())
            .map(|(_, name)| *name);
            let study = study_folder(&subject.unwrap_or_default(), &study.unwrap_or_default());
            let key = format!("{study}/{}.jpg", image.unwrap_or_default());
            let label = match labels.get(study.as_str()) {
                Some(Ok(label)) => Some(*label),
                _ => None,
            };
            let number = catalog.push(&key, SourceLocation::below(folder), label)?;
            if let Some(Err(fault)) = labels.get(study.as_str()) {
                catalog.fail(number, EntryFault(format!("{LABELS}, {fault}")));
            }
            if let Some(column) = blank {
                let line = row.line();
                catalog.fail(
                    number,
                    EntryFault(format!("{LIST}, line {line}: {column} is blank")),
                );
            }
        }
        Ok(())
    }

    fn report_files(&self, tree: &RawTree, key: &str) -> Option<Vec<PathBuf>> {
        let root = tree.folder_option(REPORTS_ROOT.name).unwrap_or(&tree.root);
        let study = Path::new(key)
            .parent()
            .unwrap_or(Path::new(""))
            .with_added_extension("txt");
        let mut files = vec![root.join(&study)];
        // The root may itself be the folder `files`.
        if root.file_name().is_some_and(|name| name == FILES)
            && let Ok(below) = study.strip_prefix(FILES)
        {
            files.push(root.join(below));
        }
        Some(files)
    }

    fn has_reports(&self) -> bool {
        true
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        let mut list = "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns\n".to_owned();
        let mut labels = format!("subject_id,study_id,{},No Finding\n", label_header());
        for image in sample.images() {
            // Three images of every two studies, as in the real list.
            let study = image * 2 / 3;
            let (subject, number) = (10_000_032 + study / 2 * 13, 50_000_000 + study);
            let folder = study_folder(&subject.to_string(), &number.to_string());
            let name = format!(
                "{:08x}-{:08x}-{image:08x}",
                image.wrapping_mul(0x9e37_79b9),
                !image
            );
            let view = ["PA", "LATERAL", "AP", "PA", "LL", "AP", ""][image as usize % 7];
            sample.image(
                &format!("{folder}/{name}.jpg"),
                Coding::Jpeg { shade: Shade::Gray },
            )?;
            list += &format!("{name},{subject},{number},CHEST,{view},3056,2544\n");
            if image % 3 != 1 {
                let text = format!(
                    "                                 FINAL REPORT\n EXAMINATION:  CHEST\n\n FINDINGS:\n Synthetic\n phantom {study}.\n\n IMPRESSION: No\n finding."
                );
                sample.repeatable_text(&format!("{folder}.txt"), &text)?;
                labels += &format!("{subject},{number},{},\n", label_row(study));
            }
        }
        sample.text(LIST, &list)?;
        sample.text(LABELS, &labels)
    }
}

/// The folder of a study, such as `files/p10/p10000032/s50414267`.
fn study_folder(subject: &str, study: &str) -> String {
    let start: String = subject.chars().take(2).collect();
    format!("{FILES}/p{start}/p{subject}/s{study}")
}

/// The labels by study folder; the last row of a study wins.
fn read_labels(
    catalog: &CatalogBuilder,
    file: &ListFile,
) -> Result<HashMap<Box<str>, Result<ClassLabel, EntryFault>>, CatalogError> {
    let mut table = Table::open(catalog, file)?;
    let columns = LabelColumns::of(&table)?;
    let (subject, study) = (table.column("subject_id")?, table.column("study_id")?);
    let mut labels = HashMap::new();
    while let Some(row) = table.next_row()? {
        let (Some(subject), Some(study)) = (row.id(subject), row.id(study)) else {
            continue;
        };
        labels.insert(study_folder(&subject, &study).into(), columns.read(&row));
    }
    Ok(labels)
}
