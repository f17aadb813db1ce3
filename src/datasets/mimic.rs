//! MIMIC-CXR-JPG (PhysioNet): JPEGs by patient and study, views and labels in CSVs, reports in text
//! files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::labeller::labeller;
use super::{
    Dataset, DatasetInfo, Marks, Numbering, OptionKey, OptionKind, PatientRule, RawTree, Release,
    chexmask, samples,
};
use crate::catalog::{
    CatalogBuilder, CatalogError, ClassLabel, EntryFault, ListContext, SourceLocation,
};
use crate::lists::{LabelColumns, ListFile, Table, ViewPositions, read_whole_report};
use crate::metadata::image::{LabelSource, Split, Texts, View};
use crate::metadata::list::Labels;
use crate::metadata::{
    Column, DateKind, Join, Meaning, MetadataBuilder, MetadataList, MetadataRules, ViewName,
    sections,
};
use crate::synthetic::{SampleError, SampleTree};

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
    options: &[REPORTS_ROOT, chexmask::ROOT],
    real_count: 377_110,
    numbering: Numbering::Lists,
    // files/p10/p10000032/s50414267/02aa804e-bde0afdd-112c0b34-7bc16630-4e384014.jpg
    patients: PatientRule::InKey(r"(?:^|/)p\d\d/p(\d+)/"),
    patient_pool: None,
    marks: MARKS,
};

const VIEW_LIST: MetadataList = MetadataList {
    files: &[LIST],
    adds: "view, date",
    join: Join::stem(&["dicom_id"]),
    columns: &[
        Column {
            names: &["ViewPosition"],
            meaning: Meaning::View(&[
                ViewName::of("AP", View::Ap),
                ViewName::of("PA", View::Pa),
                ViewName::of("LATERAL", View::Lateral),
                ViewName::of("LL", View::LeftLateral),
                ViewName::of("RL", View::RightLateral),
                ViewName::of("XTABLE LATERAL", View::Lateral),
                ViewName::of("LAO", View::Oblique),
                ViewName::of("RAO", View::Oblique),
                ViewName::of("LPO", View::Oblique),
                ViewName::of("RPO", View::Oblique),
                ViewName::of("AP AXIAL", View::Other),
                ViewName::of("SWIMMERS", View::Other),
                // Lying on the side, with a horizontal beam.
                ViewName::of("AP LLD", View::Other),
                ViewName::of("AP RLD", View::Other),
                ViewName::of("PA LLD", View::Other),
                ViewName::of("PA RLD", View::Other),
            ]),
        },
        Column {
            names: &["ViewCodeSequence_CodeMeaning"],
            meaning: Meaning::Frontal(&[
                ("antero-posterior", true),
                ("postero-anterior", true),
                ("lateral", false),
                ("left lateral", false),
                ("right lateral", false),
            ]),
        },
        Column {
            names: &["StudyDate"],
            meaning: Meaning::Date,
        },
    ],
    ..MetadataList::PLAIN
};

const SPLIT_LIST: MetadataList = MetadataList {
    files: &["mimic-cxr-2.0.0-split.csv"],
    adds: "official split",
    join: Join::stem(&["dicom_id"]),
    columns: &[Column {
        names: &["split"],
        meaning: Meaning::Split(&[
            ("train", Split::Train),
            ("validate", Split::Validate),
            ("test", Split::Test),
        ]),
    }],
    ..MetadataList::PLAIN
};

/// Rows about a study.
const BY_STUDY: Join = Join {
    of_key: study_of,
    ..Join::key(&["study_id"])
};

/// The labels of a study, by CheXpert's labeller.
const LABELS_LIST: MetadataList = MetadataList {
    files: &[LABELS],
    adds: "labels",
    join: BY_STUDY,
    labels: Some(labeller(INFO.folder)),
    ..MetadataList::PLAIN
};

/// The labels of 687 studies by a radiologist, which replace the others.
const TEST_LIST: MetadataList = MetadataList {
    files: &["mimic-cxr-2.1.0-test-set-labeled.csv"],
    adds: "labels of 687 studies by a radiologist",
    covers_all: false,
    join: BY_STUDY,
    labels: Some(Labels {
        source: Some(LabelSource::Radiologists),
        ..labeller("mimic-test")
    }),
    ..MetadataList::PLAIN
};

const MASKS: MetadataList = chexmask::list(
    &["OriginalResolution/MIMIC-CXR-JPG.csv", "MIMIC-CXR-JPG.csv"],
    Join::stem(&["dicom_id", "Image ID"]),
);

const METADATA: MetadataRules = MetadataRules {
    lists: &[VIEW_LIST, SPLIT_LIST, LABELS_LIST, TEST_LIST, MASKS],
    dates: DateKind::Shifted,
    header: None,
};

/// The number of the study in a key: 50414267 of
/// `files/p10/p10000032/s50414267/02aa804e-bde0afdd-112c0b34-7bc16630-4e384014.jpg`.
fn study_of(key: &str) -> Option<&str> {
    key.rsplit('/').nth(1)?.strip_prefix('s')
}

/// The number of the patient in a key.
fn patient_of(key: &str) -> Option<&str> {
    key.rsplit('/').nth(2)?.strip_prefix('p')
}

pub struct Mimic;

impl Dataset for Mimic {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        let root = std::slice::from_ref(&tree.root);
        let file = ListFile::find(catalog.lists(), root, LIST)?;
        let labels_file = ListFile::find(catalog.lists(), root, LABELS)?;
        catalog.set_list(&file.path);
        catalog.input(&tree.root);
        catalog.set_layout(match tree.folder_option(REPORTS_ROOT.name) {
            Some(_) => "files/, reports elsewhere",
            None => "files/",
        });
        let labels = read_labels(catalog.lists(), &labels_file)?;
        let folder = catalog.folder(&tree.root);
        let mut table = Table::open(catalog.lists(), &file)?;
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

    fn metadata_rules(&self) -> &'static MetadataRules {
        &METADATA
    }

    fn read_metadata(&self, tree: &RawTree, metadata: &mut MetadataBuilder<'_>) {
        metadata.by_key(|key, metadata, number| {
            if let Some(patient) = patient_of(key) {
                metadata.set_patient(number, patient);
            }
            if let Some(study) = study_of(key) {
                metadata.set_study(number, study);
            }
        });
        for list in [&VIEW_LIST, &SPLIT_LIST, &LABELS_LIST, &TEST_LIST] {
            metadata.read(&tree.root, list);
        }
        chexmask::read(tree, metadata, &MASKS);
    }

    fn report_texts(&self, tree: &RawTree, key: &str) -> Option<Texts> {
        let files = self.report_files(tree, key)?;
        let (report, whole) = read_whole_report(&*tree.storage, &files);
        if whole.is_empty() {
            return None;
        }
        let study = study_of(key).map_or(String::new(), |study| format!("s{study}"));
        let sections = sections::sections_of_study(&study, &whole);
        let owned = |section: Option<&str>| section.map(str::to_owned);
        Some(Texts {
            report: Some(report.text),
            language: "en",
            findings: owned(sections.findings),
            impression: owned(sections.impression),
            last_paragraph: owned(sections.last_paragraph),
            indication: owned(sections.indication),
            comparison: owned(sections.comparison),
            labelled: owned(sections.labelled),
        })
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        samples::mimic::write(sample)
    }
}

/// The folder of a study, such as `files/p10/p10000032/s50414267`.
fn study_folder(subject: &str, study: &str) -> String {
    let start: String = subject.chars().take(2).collect();
    format!("{FILES}/p{start}/p{subject}/s{study}")
}

/// The labels by study folder; the last row of a study wins.
fn read_labels(
    lists: &ListContext,
    file: &ListFile,
) -> Result<HashMap<Box<str>, Result<ClassLabel, EntryFault>>, CatalogError> {
    let mut table = Table::open(lists, file)?;
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
