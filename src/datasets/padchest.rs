//! PadChest (BIMCV): 16-bit PNGs, listed in one CSV with their projections.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::PathBuf;

use super::{
    Dataset, DatasetInfo, Marks, Numbering, OptionKey, OptionKind, PatientRule, RawTree, Release,
    chexmask, samples,
};
use crate::catalog::{CatalogBuilder, CatalogError, FolderId, SourceLocation};
use crate::lists::{ListFile, Table, ViewPositions};
use crate::metadata::image::{LabelSource, View};
use crate::metadata::list::{DICOM_SEX, LabelCells, Labels};
use crate::metadata::{
    Column, DateKind, Join, Meaning, MetadataBuilder, MetadataList, MetadataRules, Rows, ViewName,
    python_list,
};
use crate::synthetic::{SampleError, SampleTree};

const LIST: &str = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv";

const VIEWS: ViewPositions = ViewPositions {
    frontal: &["AP", "AP_horizontal", "PA"],
    lateral: &["L"],
};

/// Unreadable files, as the original script lists them. Three have spaces around their hyphens, and
/// so match nothing in the real list.
const VETO: [&str; 16] = [
    "216840111366964013076187734852011291090445391_00-196-188.png",
    "216840111366964012339356563862009072111404053_00-043-192.png",
    "216840111366964012373310883942009170084120009_00-097-074.png",
    "216840111366964012989926673512011074122523403_00-163-058.png",
    "216840111366964012959786098432011033083840143_00-176-115.png",
    "216840111366964012558082906712009327122220177_00-102-064.png",
    "216840111366964012819207061112010307142602253_04-014-084.png",
    "232387753838738339711526121280969069202_3kz4uc.png",
    "16318114638720496804398478863603181862_hsqx37.png",
    "216840111366964012373310883942009183085424538_00 - 030 - 080.png",
    "216840111366964012373310883942009118085640636_00 - 070 - 094.png",
    "216840111366964012487858717522009209140601076_00 - 032 - 109.png",
    "216840111366964012373310883942009117084022290_00-064-025.png",
    "216840111366964012283393834152009033102258826_00-059-087.png",
    "216840111366964012819207061112010306085429121_04-020-102.png",
    "216840111366964012819207061112010315104455352_04-024-184.png",
];

/// The name of the reason to leave them out.
const UNREADABLE: &str = "known to be unreadable";

/// Also leaves out these three.
const STRICT_VETO: OptionKey = OptionKey {
    name: "PADCHEST_STRICT_VETO",
    kind: OptionKind::Bool,
};

const MARKS: Marks = Marks {
    title: "PadChest",
    home: "bimcv.cipf.es/bimcv-projects/padchest",
    root: &[
        &["PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"],
        &["PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"],
    ],
    parts: &["images", "0", "54"],
    archives: &["0.zip", "1.zip", "54.zip", "archive.zip"],
    files: ".png",
    others: &[
        Release {
            marks: &["PADCHEST*160K*.csv*", "*padchest*labels*.csv*"],
            unless: &[],
            name: "PadChest with its list under another name",
            advice: "if it is the list of all 160,000 images, rename it to PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv (or .csv.gz)",
        },
        Release {
            marks: &["chest_x_ray_images_labels_sample.csv*"],
            unless: &[],
            name: "the sample of PadChest",
            advice: "get the whole (bimcv.cipf.es/bimcv-projects/padchest), or set PADCHEST_ROOT: null",
        },
        Release {
            marks: &["grounded_reports_*.json"],
            unless: &[],
            name: "PadChest-GR",
            advice: "machex reads PadChest: get that (bimcv.cipf.es/bimcv-projects/padchest), or set PADCHEST_ROOT: null",
        },
    ],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 3,
    folder: "padchest",
    root_key: "PADCHEST_ROOT",
    options: &[STRICT_VETO, chexmask::ROOT],
    real_count: 160_861,
    numbering: Numbering::Lists,
    patients: PatientRule::InList {
        file: LIST,
        image: "ImageID",
        patient: "PatientID",
    },
    patient_pool: None,
    marks: MARKS,
};

const PATIENT: &str = "PatientID";
const STUDY: &str = "StudyID";

const LABELS_LIST: MetadataList = MetadataList {
    files: &[LIST],
    adds: "labels, patient, study, age, sex, view, date, report",
    join: Join::key(&["ImageID"]).with(Rows::Each {
        column: "Projection",
        takes: |view, frontal_only| VIEWS.has(view, frontal_only),
    }),
    columns: &[
        Column {
            names: &[PATIENT],
            meaning: Meaning::Patient,
        },
        Column {
            names: &["PatientSex_DICOM"],
            meaning: Meaning::Sex(DICOM_SEX),
        },
        Column {
            names: &["StudyDate_DICOM"],
            meaning: Meaning::Date,
        },
        Column {
            names: &["PatientBirth"],
            meaning: Meaning::YearOfBirth,
        },
        Column {
            names: &["Projection"],
            meaning: Meaning::View(&[
                ViewName::of("PA", View::Pa),
                ViewName::of("AP", View::Ap),
                ViewName::of("AP_horizontal", View::ApSupine),
                ViewName::of("L", View::Lateral),
                // Of the ribs, with an exposure of its own.
                ViewName::of("COSTAL", View::Other),
                ViewName::unknown("EXCLUDE"),
                ViewName::unknown("UNK"),
            ]),
        },
        Column {
            names: &["MethodLabel"],
            meaning: Meaning::LabelSource(&[
                ("Physician", LabelSource::Physician),
                ("RNN_model", LabelSource::Model),
            ]),
        },
        Column {
            names: &["Report"],
            meaning: Meaning::Report("es"),
        },
    ],
    labels: Some(Labels {
        set: INFO.folder,
        cells: LabelCells::Items {
            column: "Labels",
            items: |cell| python_list::string_list(cell).map(|list| list.items),
            are_known: false,
            is_labelled,
        },
        source: None,
        fills: false,
    }),
    ..MetadataList::PLAIN
};

const MASKS: MetadataList = chexmask::list(
    &["OriginalResolution/Padchest.csv", "Padchest.csv"],
    Join::key(&["ImageID", "Image ID"]),
);

const METADATA: MetadataRules = MetadataRules {
    lists: &[LABELS_LIST, MASKS],
    dates: DateKind::Real,
    header: None,
};

/// Whether labels say what was found: not if the image was excluded, or if they only refer to an
/// earlier one.
fn is_labelled(labels: &[String]) -> bool {
    let is = |label: &String, words: &[&str]| words.contains(&label.as_str());
    let says_something = labels.iter().any(|label| !is(label, &["unchanged"]));
    let is_excluded = labels
        .iter()
        .any(|label| is(label, &["exclude", "suboptimal study"]));
    says_something && !is_excluded
}

/// More files that are known to be truncated or broken (torchxrayvision's `PC_Dataset`), which the
/// original script does not know.
const BROKEN: [&str; 10] = [
    "216840111366964012989926673512011083134050913_00-168-009.png",
    "216840111366964012373310883942009152114636712_00-102-045.png",
    "216840111366964012819207061112010281134410801_00-129-131.png",
    "216840111366964012487858717522009280135853083_00-075-001.png",
    "216840111366964012989926673512011151082430686_00-157-045.png",
    "216840111366964013686042548532013208193054515_02-026-007.png",
    "216840111366964013590140476722013058110301622_02-056-111.png",
    "216840111366964013590140476722013043111952381_02-065-198.png",
    "216840111366964013829543166512013353113303615_02-092-190.png",
    "216840111366964013962490064942014134093945580_01-178-104.png",
];

pub struct PadChest;

impl Dataset for PadChest {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        let file = ListFile::find(catalog.lists(), std::slice::from_ref(&tree.root), LIST)?;
        catalog.set_list(&file.path);
        catalog.input(&tree.root);
        let mut table = Table::open(catalog.lists(), &file)?;
        let (key, projection) = (table.column("ImageID")?, table.column("Projection")?);
        // Not needed if all images are in one folder.
        let directory = table.find("ImageDir");
        let mut layout = Layout::new(tree, catalog);
        let strict = tree.bool_option(STRICT_VETO.name);
        let mut veto: BTreeSet<String> = VETO.map(str::to_owned).into();
        if strict {
            veto.extend(VETO.map(|name| name.replace(' ', "")));
        }
        while let Some(row) = table.next_row()? {
            let projection = row.get(projection).unwrap_or_default();
            let is_kept = VIEWS.takes(&projection, tree.frontal_only, catalog);
            let key = row.get(key).unwrap_or_default();
            if is_kept && veto.contains(key.as_ref()) {
                catalog.leave_out(UNREADABLE, 1);
            } else if is_kept {
                let directory = directory
                    .and_then(|column| row.id(column))
                    .unwrap_or_default();
                let folder = layout.folder(&directory, catalog);
                catalog.push(&key, SourceLocation::below(folder), None)?;
            }
        }
        catalog.set_layout(layout.words());
        Ok(())
    }

    fn metadata_rules(&self) -> &'static MetadataRules {
        &METADATA
    }

    fn read_metadata(&self, tree: &RawTree, metadata: &mut MetadataBuilder<'_>) {
        let unreadable = VETO.map(|name| name.replace(' ', ""));
        let known_bad: BTreeSet<&str> = unreadable
            .iter()
            .map(String::as_str)
            .chain(BROKEN)
            .collect();
        metadata.by_key(|key, metadata, number| {
            if known_bad.contains(key) {
                metadata.each(&[number], |image| image.known_bad = true);
            }
        });
        metadata.read_also(
            &tree.root,
            &LABELS_LIST,
            &[PATIENT, STUDY],
            &mut |metadata, cells, numbers| {
                let Some(study) = cells.extra(STUDY) else {
                    return;
                };
                // Two patients share the name of a study.
                let study = match cells.extra(PATIENT) {
                    Some(patient) => format!("{patient}/{study}"),
                    None => study,
                };
                for number in numbers {
                    metadata.set_study(*number, &study);
                }
            },
        );
        // The reports have no sections; all of them are about what was found.
        for number in 0..metadata.catalog().len() {
            if let Some(texts) = metadata.texts_of(number) {
                texts.findings.clone_from(&texts.report);
            }
        }
        chexmask::read(tree, metadata, &MASKS);
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        samples::padchest::write(sample)
    }
}

/// The location of images: directly in `images/`, or in the folders that the archives unpack to.
struct Layout<'a> {
    tree: &'a RawTree,
    flat: FolderId,
    is_flat: bool,
    /// By ImageDir.
    known: HashMap<String, FolderId>,
    split: u32,
}

impl<'a> Layout<'a> {
    /// The layout is flat if `images/` directly contains images: left-over empty folders do not
    /// count.
    fn new(tree: &'a RawTree, catalog: &mut CatalogBuilder) -> Self {
        let images = tree.root.join("images");
        catalog.input(&images);
        let is_png = |name: &OsStr| name.as_encoded_bytes().ends_with(b".png");
        let is_flat = tree.storage.list(&images).is_ok_and(|mut names| {
            names.any(|listed| listed.is_ok_and(|listed| is_png(&listed.name)))
        });
        let flat = catalog.folder(&images);
        Self {
            tree,
            flat,
            is_flat,
            known: HashMap::new(),
            split: 0,
        }
    }

    /// The folder of the images of one ImageDir.
    fn folder(&mut self, directory: &str, catalog: &mut CatalogBuilder) -> FolderId {
        if self.is_flat {
            return self.flat;
        }
        if let Some(folder) = self.known.get(directory) {
            return *folder;
        }
        // A number such as 0 to 50 or 54; anything else is not a folder of images.
        let is_number =
            !directory.is_empty() && directory.bytes().all(|byte| byte.is_ascii_digit());
        let root = &self.tree.root;
        let candidates = [root.join("images").join(directory), root.join(directory)];
        let is_there = |path: &&PathBuf| is_number && self.tree.storage.is_folder(path);
        let folder = match candidates.iter().find(is_there) {
            Some(path) => {
                self.split += 1;
                catalog.folder(path)
            }
            None => self.flat,
        };
        self.known.insert(directory.to_owned(), folder);
        folder
    }

    fn words(&self) -> String {
        match self.split {
            0 => "images/".to_owned(),
            split => format!("{split} folders by ImageDir"),
        }
    }
}
