//! Open-i (NLM): a folder of PNGs whose views are not recorded. Kaggle's edition has the same
//! images in `images/images_normalized/`.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::{
    Dataset, DatasetInfo, Marks, Numbering, OptionKey, OptionKind, PatientRule, RawTree, Release,
    samples,
};
use crate::catalog::{CatalogBuilder, CatalogError, SourceLocation};
use crate::lists::{ListFile, Table, sorted_files};
use crate::metadata::image::{LabelSource, Negatives, Texts, View};
use crate::metadata::list::{DICOM_SEX, LabelCells, Labels};
use crate::metadata::{
    Column, DateKind, Join, ListNote, Meaning, MetadataBuilder, MetadataList, MetadataRules,
    ViewName, Vocabulary, ecgen, glob,
};
use crate::shown::Show as _;
use crate::synthetic::{SampleError, SampleTree};

/// Folder of the images in the edition `raddar/chest-xrays-indiana-university`.
const KAGGLE: &str = "images/images_normalized";

const MARKS: Marks = Marks {
    title: "Open-i",
    home: "openi.nlm.nih.gov/faq, \"NLMCXR_png.tgz\"",
    root: &[&["CXR*.png"], &["images/images_normalized/*.png"]],
    parts: &["indiana_reports.csv", "indiana_projections.csv"],
    archives: &["NLMCXR_png*", "archive.zip"],
    files: ".png",
    others: &[
        Release {
            marks: &["*.dcm", "NLMCXR_dcm*", "*/*.dcm"],
            unless: &[],
            name: "Open-i as DICOM",
            advice: "machex reads its PNGs: get those (openi.nlm.nih.gov/faq, \"NLMCXR_png.tgz\"), or set OPENI_ROOT: null",
        },
        Release {
            marks: &["ecgen-radiology", "NLMCXR_reports*"],
            unless: &[],
            name: "the download of Open-i's reports, without images",
            advice: "get the images (openi.nlm.nih.gov/faq, \"NLMCXR_png.tgz\"), or set OPENI_ROOT: null",
        },
    ],
};

const INFO: DatasetInfo = DatasetInfo {
    number: 8,
    folder: "openi",
    root_key: "OPENI_ROOT",
    options: &[USE_VIEWS],
    real_count: 7_470,
    numbering: Numbering::Folder { images: "" },
    // CXR1_1_IM-0001-3001.png: the number of the report, of which every patient has one
    patients: PatientRule::InKey(r"^CXR(\d+)_"),
    patient_pool: None,
    marks: MARKS,
};

/// Takes the frontal images, by the views that a list has, if FRONTAL_ONLY is set.
const USE_VIEWS: OptionKey = OptionKey {
    name: "OPENI_VIEWS",
    kind: OptionKind::Bool,
};

/// The part of a name that NLM's and Kaggle's editions have in common: `1000_IM-0003-1001` of
/// `CXR1000_IM-0003-1001.png` and of `1000_IM-0003-1001.dcm.png`. NLM's names of the first report
/// have its number twice.
fn common_name(name: &str) -> &str {
    let name = name.strip_suffix(".png").unwrap_or(name);
    let name = name.strip_suffix(".dcm").unwrap_or(name);
    let name = name.strip_prefix("CXR").unwrap_or(name);
    match name.strip_prefix("1_") {
        Some(second) if second.starts_with("1_IM-") => second,
        _ => name,
    }
}

/// The number of the report in the name of an image.
fn report_of(name: &str) -> Option<&str> {
    let (report, _) = common_name(name).split_once('_')?;
    let is_number = !report.is_empty() && report.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(report)
}

/// Rows that name an image in one of these ways.
const fn by_image(column: &'static [&'static str]) -> Join {
    Join {
        of_cell: |cell| Cow::Borrowed(common_name(cell)),
        of_key: |key| Some(common_name(key)),
        ..Join::key(column)
    }
}

/// Views by eye, in Kaggle's edition.
const PROJECTIONS: MetadataList = MetadataList {
    files: &["indiana_projections.csv"],
    adds: "which images are frontal",
    join: by_image(&["filename"]),
    columns: &[Column {
        names: &["projection"],
        meaning: Meaning::View(&[
            ViewName {
                name: "Frontal",
                view: None,
                frontal: Some(true),
            },
            ViewName::of("Lateral", View::Lateral),
        ]),
    }],
    ..MetadataList::PLAIN
};

/// A dump of the headers of the DICOM files. Some of its views are wrong.
const HEADERS: MetadataList = MetadataList {
    files: &["nlmcxr_dicom_metadata.csv"],
    adds: "view, age, date",
    join: by_image(&["imageid"]),
    columns: &[
        Column {
            names: &["View Position"],
            meaning: Meaning::View(&[
                ViewName::of("PA", View::Pa),
                ViewName::of("AP", View::Ap),
                ViewName::of("LL", View::LeftLateral),
                ViewName::of("RL", View::RightLateral),
                ViewName::of("LATERAL", View::Lateral),
                ViewName::of("LARGE LATERAL", View::Lateral),
            ]),
        },
        Column {
            names: &["Study Date"],
            meaning: Meaning::Date,
        },
        Column {
            names: &["Patient's Birth Date"],
            meaning: Meaning::DateOfBirth,
        },
        Column {
            names: &["Patient's Sex"],
            meaning: Meaning::Sex(DICOM_SEX),
        },
    ],
    ..MetadataList::PLAIN
};

/// The terms of the human indexers.
const MESH: &str = "MeSH";

/// The terms in a cell of [`MESH`].
fn mesh_terms(cell: &str) -> Option<Vec<String>> {
    let terms = cell.split(';').map(str::trim);
    let terms = terms.filter(|term| !term.is_empty()).map(str::to_owned);
    (!cell.is_empty()).then(|| terms.collect())
}

/// The reports of Kaggle's edition; NLM's are XML files.
const REPORTS: MetadataList = MetadataList {
    files: &["indiana_reports.csv"],
    adds: "labels, reports (Kaggle's edition)",
    edition: Some("Kaggle"),
    join: Join {
        of_key: report_of,
        ..Join::key(&["uid"])
    },
    columns: &[
        Column {
            names: &["findings"],
            meaning: Meaning::Findings("en"),
        },
        Column {
            names: &["impression"],
            meaning: Meaning::Impression("en"),
        },
        Column {
            names: &["indication"],
            meaning: Meaning::Indication("en"),
        },
        Column {
            names: &["comparison"],
            meaning: Meaning::Comparison("en"),
        },
    ],
    labels: Some(Labels {
        set: INFO.folder,
        cells: LabelCells::Items {
            column: MESH,
            items: mesh_terms,
            are_known: false,
            is_labelled,
        },
        source: Some(LabelSource::Indexers),
        fills: false,
    }),
    ..MetadataList::PLAIN
};

/// NLM's reports: a folder with an XML file for each one.
const XML: MetadataList = MetadataList {
    files: &["ecgen-radiology/"],
    adds: "labels, reports",
    edition: Some("NLM"),
    join: by_image(&[]),
    columns: &[],
    labels: None,
    ..REPORTS
};

/// Number of reports whose faults are listed one by one.
const MAX_BAD_REPORTS: usize = 5;

/// Several times the number of images of any report, each of which gets its text.
const MAX_IMAGES: usize = 50;

/// Larger than any report.
const MAX_REPORT_BYTES: u64 = 1 << 20;

const METADATA: MetadataRules = MetadataRules {
    lists: &[XML, REPORTS, HEADERS, PROJECTIONS],
    dates: DateKind::Shifted,
    header: None,
};

/// How the findings came to be absent if a report has these terms.
fn negatives(terms: &[impl AsRef<str>]) -> Negatives {
    match terms {
        [only] if only.as_ref() == "normal" => Negatives::Implied,
        _ => Negatives::Unmentioned,
    }
}

/// Whether a report was indexed, and its picture good enough for that.
fn is_labelled(terms: &[String]) -> bool {
    let is_about_it = |term: &String| {
        let heading = glob::heading(term);
        heading != "No Indexing" && heading != "Technical Quality of Image Unsatisfactory"
    };
    let is_left_out = |term: &String| glob::heading(term) == "No Indexing";
    terms.iter().any(is_about_it) && !terms.iter().any(is_left_out)
}

/// Reads NLM's reports; returns whether there are any.
fn read_xml(tree: &RawTree, metadata: &mut MetadataBuilder<'_>) -> bool {
    let folder = tree.root.join(XML.files[0]);
    if !tree.storage.is_folder(&folder) {
        return false;
    }
    let names = match sorted_files(metadata.lists(), &folder, &[".xml"], false) {
        Ok(names) => names,
        Err(error) => {
            metadata.warn(error.to_string());
            return false;
        }
    };
    let index = metadata.index(&XML.join);
    let set = Vocabulary::get().label_set(INFO.folder);
    let mut note = ListNote::new(&folder);
    note.covers_all = XML.covers_all;
    let (mut seen, mut bad_reports) = (BTreeSet::new(), 0);
    for name in names {
        if metadata.is_stopped() {
            break;
        }
        let path = folder.join(&name);
        let bytes = tree.storage.read(&path, MAX_REPORT_BYTES);
        let report = bytes
            .map_err(|error| error.to_string())
            .and_then(|bytes| ecgen::report(&bytes).map_err(|error| error.to_string()));
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                bad_reports += 1;
                if bad_reports <= MAX_BAD_REPORTS {
                    metadata.warn(format!("{}: {}", path.shown(), error.shown()));
                }
                continue;
            }
        };
        note.rows += 1;
        if report.images.len() > MAX_IMAGES {
            let images = report.images.len();
            let report = path.shown();
            metadata.warn(format!(
                "{report}: it names {images} images, and is left out"
            ));
            continue;
        }
        let images = report.images.iter();
        let numbers: Vec<u32> = images
            .flat_map(|image| index.find(common_name(image)))
            .collect();
        if numbers.is_empty() {
            note.unmatched_rows.add(&report.uid);
            continue;
        }
        seen.extend(numbers.iter().copied());
        let states = match is_labelled(&report.major) {
            true => set.listed(&report.major.iter().map(String::as_str).collect::<Vec<_>>()),
            false => Vec::new(),
        };
        let findings = set.combine(&states, true, metadata.is_loose());
        let terms: Vec<&str> = report.major.iter().map(String::as_str).collect();
        let terms = metadata.shared_terms(&terms);
        let negatives = (!states.is_empty()).then(|| negatives(&report.major));
        let whole = [&report.findings, &report.impression].into_iter().flatten();
        let whole = whole.map(String::as_str).collect::<Vec<_>>().join("\n");
        for number in numbers {
            metadata.each(&[number], |image| {
                image.findings = findings;
                image.terms = Some(terms.clone());
                image.negatives = negatives;
                image.label_source = negatives.map(|_| LabelSource::Indexers);
            });
            if let Some(texts) = metadata.texts_mut(number, "en") {
                *texts = Texts {
                    report: (!whole.is_empty()).then(|| whole.clone()),
                    findings: report.findings.clone(),
                    impression: report.impression.clone(),
                    indication: report.indication.clone(),
                    comparison: report.comparison.clone(),
                    ..std::mem::take(texts)
                };
            }
        }
    }
    if bad_reports > MAX_BAD_REPORTS {
        let more = bad_reports - MAX_BAD_REPORTS;
        let folder = folder.shown();
        metadata.warn(format!("{folder}: {more} more reports cannot be read"));
    }
    metadata.note_unmatched_images(&mut note, |number| seen.contains(&number));
    metadata.note(note);
    true
}

/// The views that lists have: whether an image is frontal, by its common name. Those by eye count
/// more than those of headers.
fn frontal_by_lists(
    tree: &RawTree,
    catalog: &CatalogBuilder,
) -> Result<HashMap<String, bool>, CatalogError> {
    let (mut frontal, mut unusable) = (HashMap::new(), Vec::new());
    for list in [HEADERS, PROJECTIONS] {
        match read_views(tree, catalog, &list, &mut frontal) {
            Ok(()) => {}
            Err(CatalogError::MissingList { .. }) => {
                // It may appear later.
                catalog.input(&tree.root.join(list.files[0]));
            }
            Err(error) => unusable.push(error),
        }
    }
    if frontal.is_empty() {
        return unusable.into_iter().next().map_or(Ok(frontal), Err);
    }
    for error in unusable {
        catalog.lists().warnings().add(error.to_string());
    }
    Ok(frontal)
}

/// Reads the views of one list.
fn read_views(
    tree: &RawTree,
    catalog: &CatalogBuilder,
    list: &MetadataList,
    frontal: &mut HashMap<String, bool>,
) -> Result<(), CatalogError> {
    let root = std::slice::from_ref(&tree.root);
    let file = ListFile::find(catalog.lists(), root, list.files[0])?;
    let mut table = Table::open(catalog.lists(), &file)?;
    let column = |table: &Table, name: &'static str| {
        let like = table.find_like(name);
        like.map_or_else(|| table.column(name), Ok)
    };
    let name = column(&table, list.join.column[0])?;
    let [first, ..] = list.columns else {
        return Ok(());
    };
    let Meaning::View(views) = first.meaning else {
        return Ok(());
    };
    let view = column(&table, first.names[0])?;
    loop {
        let row = match table.next_row() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(error) if error.is_about_one_row() => continue,
            Err(error) => return Err(error),
        };
        let (Some(name), Some(view)) = (row.get(name), row.get(view)) else {
            continue;
        };
        let known = views.iter().find(|known| known.name == view.trim());
        if let Some(is_frontal) = known.and_then(|known| known.frontal) {
            frontal.insert(common_name(name.trim()).to_owned(), is_frontal);
        }
    }
}

pub struct OpenI;

impl Dataset for OpenI {
    fn info(&self) -> &'static DatasetInfo {
        &INFO
    }

    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        let mut folder = tree.root.clone();
        catalog.set_layout("PNGs in the root");
        let mut names = sorted_files(catalog.lists(), &folder, &[".png"], false)?;
        if names.is_empty() {
            let kaggle = tree.root.join(KAGGLE);
            // Either folder may appear later.
            kaggle
                .parent()
                .into_iter()
                .for_each(|above| catalog.input(above));
            catalog.input(&kaggle);
            if tree.storage.is_folder(&kaggle) {
                catalog.set_layout(format!("{KAGGLE}/"));
                names = sorted_files(catalog.lists(), &kaggle, &[".png"], false)?;
                folder = kaggle;
            }
        }
        let frontal = match tree.frontal_only && tree.bool_option(USE_VIEWS.name) {
            true => frontal_by_lists(tree, catalog)?,
            false => HashMap::new(),
        };
        let folder = catalog.folder(&folder);
        for name in &names {
            let known = name
                .to_str()
                .and_then(|name| frontal.get(common_name(name)));
            let views = catalog.views();
            let left_out = match known {
                Some(true) => {
                    views.frontal += 1;
                    None
                }
                Some(false) => {
                    views.lateral += 1;
                    Some("lateral")
                }
                None => {
                    views.other += 1;
                    Some("view not known")
                }
            };
            match left_out {
                Some(why) if tree.frontal_only => catalog.leave_out(why, 1),
                _ => drop(catalog.push_file(name, SourceLocation::below(folder))?),
            }
        }
        Ok(())
    }

    fn metadata_rules(&self) -> &'static MetadataRules {
        &METADATA
    }

    fn read_metadata(&self, tree: &RawTree, metadata: &mut MetadataBuilder<'_>) {
        metadata.by_key(|key, metadata, number| {
            // Every report is of another study; which are of the same patient is not known.
            if let Some(report) = report_of(key) {
                let report = format!("CXR{report}");
                metadata.set_patient(number, &report);
                metadata.set_study(number, &report);
            }
        });
        if !read_xml(tree, metadata) {
            metadata.read_also(
                &tree.root,
                &REPORTS,
                &[MESH],
                &mut |metadata, cells, numbers| {
                    let terms = cells.extra(MESH).as_deref().and_then(mesh_terms);
                    let negatives = negatives(&terms.unwrap_or_default());
                    metadata.each(numbers, |image| {
                        image.negatives = image.negatives.map(|_| negatives);
                    });
                },
            );
        }
        // Views by eye replace those of headers, but do not tell PA from AP.
        metadata.read(&tree.root, &PROJECTIONS);
        let by_eye: Vec<_> = (0..metadata.catalog().len())
            .map(|number| {
                metadata
                    .get_mut(number)
                    .map(|image| (image.frontal, image.view_raw.clone()))
            })
            .collect();
        metadata.read(&tree.root, &HEADERS);
        for (number, seen) in (0..).zip(by_eye) {
            let (Some((Some(frontal), raw)), Some(image)) = (seen, metadata.get_mut(number)) else {
                continue;
            };
            if image.frontal != Some(frontal) {
                image.frontal = Some(frontal);
                image.view = (!frontal).then_some(View::Lateral);
                image.view_raw = raw;
            }
        }
    }

    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError> {
        samples::openi::write(sample)
    }
}
