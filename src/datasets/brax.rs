//! BRAX (PhysioNet): PNGs, listed in one CSV with their view positions.

use super::labeller::labeller;
use super::{Dataset, DatasetInfo, Marks, Numbering, PatientRule, RawTree, Release, samples};
use crate::catalog::{CatalogBuilder, CatalogError, SourceLocation};
use crate::lists::{ListFile, Table, ViewPositions};
use crate::metadata::image::View;
use crate::metadata::list::DICOM_SEX;
use crate::metadata::{
    Column, DateKind, Join, Meaning, MetadataBuilder, MetadataList, MetadataRules, ViewName,
};
use crate::synthetic::{SampleError, SampleTree};
use std::borrow::Cow;

const LIST: &str = "master_spreadsheet_update.csv";

const VIEWS: ViewPositions = ViewPositions {
    frontal: &["AP", "PA"],
    lateral: &["L"],
};

/// A path ends here, whatever follows.
const EXTENSION: &str = ".png";

/// Number of characters that follow it in the published list.
const SUFFIX_LEN: usize = 7;

const MARKS: Marks = Marks {
    title: "BRAX",
    home: "physionet.org/content/brax",
    root: &[
        &["master_spreadsheet_update.csv"],
        &["master_spreadsheet_update.csv.gz"],
    ],
    parts: &["images/id_*", "Anonymized_DICOMs"],
    archives: &["brax*.zip", "images.zip", "archive.zip"],
    files: ".png",
    others: &[
        Release {
            marks: &["master_spreadsheet.csv*"],
            unless: &[],
            name: "an early version of BRAX",
            advice: "get version 1.1.0, which has master_spreadsheet_update.csv (physionet.org/content/brax), or set BRAX_ROOT: null",
        },
        Release {
            marks: &["Anonymized_DICOMs"],
            unless: &["images/id_*"],
            name: "BRAX with its DICOM files and without its PNGs",
            advice: "machex reads the PNGs, the folder images/: get that, too (physionet.org/content/brax)",
        },
    ],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 6,
    folder: "brax",
    root_key: "BRAX_ROOT",
    options: &[],
    real_count: 40_967,
    numbering: Numbering::Lists,
    // images/id_0024603b-e23ac5f7-dba52d4d-0a9fe3a4-2b4b1f0e/Study_.../image-....png
    patients: PatientRule::InKey(r"(?:^|/)id_([^/]+)/"),
    patient_pool: None,
    marks: MARKS,
};

const LABELS_LIST: MetadataList = MetadataList {
    files: &[LIST],
    adds: "labels, patient, study, age group, sex, view, date",
    join: Join {
        of_cell: |cell| Cow::Borrowed(key_of(cell)),
        ..Join::key(&["PngPath"])
    },
    columns: &[
        Column {
            names: &["AccessionNumber"],
            meaning: Meaning::Study,
        },
        Column {
            names: &["PatientSex"],
            meaning: Meaning::Sex(DICOM_SEX),
        },
        Column {
            names: &["PatientAge"],
            meaning: Meaning::AgeGroup,
        },
        Column {
            names: &["StudyDate"],
            meaning: Meaning::Date,
        },
        Column {
            names: &["ViewPosition"],
            meaning: Meaning::View(&[
                ViewName::of("AP", View::Ap),
                ViewName::of("PA", View::Pa),
                ViewName::of("L", View::Lateral),
                ViewName::of("LATERAL", View::Lateral),
                ViewName::of("LL", View::LeftLateral),
                ViewName::of("RL", View::RightLateral),
                ViewName::of("LAO", View::Oblique),
                ViewName::of("RAO", View::Oblique),
                ViewName::of("LPO", View::Oblique),
                ViewName::of("RPO", View::Oblique),
                ViewName::of("LLO", View::Oblique),
                ViewName::of("RLO", View::Oblique),
                // Lying on the side, with a horizontal beam.
                ViewName::of("LLD", View::Other),
                ViewName::of("RLD", View::Other),
            ]),
        },
    ],
    labels: Some(labeller(INFO.folder)),
    ..MetadataList::PLAIN
};

const METADATA: MetadataRules = MetadataRules {
    lists: &[LABELS_LIST],
    dates: DateKind::Fictitious,
    header: None,
};

pub struct Brax;

impl Dataset for Brax {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        let file = ListFile::find(catalog.lists(), std::slice::from_ref(&tree.root), LIST)?;
        catalog.set_list(&file.path);
        catalog.set_layout("images/");
        let folder = catalog.folder(&tree.root);
        let mut table = Table::open(catalog.lists(), &file)?;
        let (path, view) = (table.column("PngPath")?, table.column("ViewPosition")?);
        while let Some(row) = table.next_row()? {
            let view = row.get(view).unwrap_or_default();
            if VIEWS.takes(&view, tree.frontal_only, catalog) {
                let path = row.get(path).unwrap_or_default();
                catalog.push(key_of(&path), SourceLocation::below(folder), None)?;
            }
        }
        Ok(())
    }

    fn metadata_rules(&self) -> &'static MetadataRules {
        &METADATA
    }

    fn read_metadata(&self, tree: &RawTree, metadata: &mut MetadataBuilder<'_>) {
        metadata.by_key(|key, metadata, number| {
            // images/id_<patient>/Study_<...>/Series_<...>/image-<...>.png
            let mut folders = key
                .split('/')
                .filter_map(|folder| folder.strip_prefix("id_"));
            if let Some(patient) = folders.next() {
                metadata.set_patient(number, patient);
            }
        });
        metadata.read(&tree.root, &LABELS_LIST);
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        samples::brax::write(sample)
    }
}

/// The path without the characters after it.
fn key_of(path: &str) -> &str {
    if let Some(start) = path.find(EXTENSION) {
        return &path[..start + EXTENSION.len()];
    }
    // Without an extension, the rule of the original script.
    let end = path
        .char_indices()
        .rev()
        .nth(SUFFIX_LEN - 1)
        .map_or(0, |(at, _)| at);
    &path[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_with_the_first_png() {
        assert_eq!(key_of("images/a.png\u{e9}234567"), "images/a.png");
        assert_eq!(key_of("images/a.png"), "images/a.png");
        assert_eq!(key_of("images/abc\u{e9}234567"), "images/abc");
        assert_eq!(key_of("short"), "");
    }
}
