//! The description of a list: which file, which row is about which image, and what its columns
//! mean. Each dataset has a table of these.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::image::{LabelSource, Negatives, Sex, Split, View};
use crate::storage::Storage;

/// One list of a dataset that says something about its images.
#[derive(Debug, Clone, Copy)]
pub struct MetadataList {
    /// Paths below the root; the first that exists is read, plain or as `.gz`. One that ends with
    /// `/` is a folder of files.
    pub files: &'static [&'static str],
    /// Config key of the file, or of another folder in which it may be.
    pub option: Option<&'static str>,
    /// Bytes that it may have, uncompressed, if that is more than of usual lists.
    pub max_bytes: Option<u64>,
    /// What the list adds to the table, as `machex check` shows it.
    pub adds: &'static str,
    /// The edition of the release that has the list: the lists of one edition are enough.
    pub edition: Option<&'static str>,
    /// Whether each image of the tree should have a row.
    pub covers_all: bool,
    pub join: Join,
    pub columns: &'static [Column],
    pub labels: Option<Labels>,
    pub boxes: Option<Boxes>,
}

impl MetadataList {
    /// A list of all images, whose columns say nothing.
    pub const PLAIN: Self = Self {
        files: &[],
        option: None,
        max_bytes: None,
        adds: "",
        edition: None,
        covers_all: true,
        join: Join::key(&[]),
        columns: &[],
        labels: None,
        boxes: None,
    };

    /// The file or folder that would be read: the first in the first of `folders` that has one.
    /// Opens nothing.
    pub fn find(&self, storage: &dyn Storage, folders: &[PathBuf]) -> Option<PathBuf> {
        let is_file = |path: &PathBuf| {
            let stat = storage.stat(path);
            stat.is_ok_and(|stat| stat.kind.unless_file().is_none())
        };
        let in_folder = |name: &str, folder: &PathBuf| {
            if name.ends_with('/') {
                let path = folder.join(name);
                return storage.is_folder(&path).then_some(path);
            }
            places(folder, name).into_iter().find(is_file)
        };
        let mut folders = folders.iter();
        folders.find_map(|folder| self.files.iter().find_map(|name| in_folder(name, folder)))
    }

    /// All paths at which the list may be, in `folders`.
    pub fn places(&self, folders: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
        let names = self.files;
        let folders = folders.iter();
        folders.flat_map(move |folder| names.iter().flat_map(move |name| places(folder, name)))
    }
}

/// A list in a folder: plain, or compressed.
fn places(folder: &Path, name: &str) -> [PathBuf; 2] {
    [folder.join(name), folder.join(format!("{name}.gz"))]
}

/// How a row finds its images.
#[derive(Debug, Clone, Copy)]
pub struct Join {
    /// The column that names the image or its study; the first that exists.
    pub column: &'static [&'static str],
    /// What a cell is compared as.
    pub of_cell: for<'a> fn(&'a str) -> Cow<'a, str>,
    /// What the key of an image is compared as; `None` if it cannot be meant by any row.
    pub of_key: fn(&str) -> Option<&str>,
    pub rows: Rows,
}

/// Whether the tree takes a row, by its cell in a column and FRONTAL_ONLY.
pub type Takes = fn(&str, bool) -> bool;

/// How many rows and images belong together.
#[derive(Debug, Clone, Copy)]
pub enum Rows {
    /// A row is about all images with its name, and the last row of a name counts.
    Last,
    /// The list names the images of the tree: if it names one twice, each row that the tree `takes`,
    /// by its cell in a column and FRONTAL_ONLY, has its own image.
    Each { column: &'static str, takes: Takes },
    /// Any number of rows belong to an image.
    Many,
}

impl Join {
    /// Rows that name the key of an image.
    pub const fn key(column: &'static [&'static str]) -> Self {
        Self {
            column,
            of_cell: |cell| Cow::Borrowed(cell),
            of_key: |key| Some(key),
            rows: Rows::Last,
        }
    }

    /// Rows that name the file of an image without folder and extension.
    pub const fn stem(column: &'static [&'static str]) -> Self {
        Self {
            of_key: stem,
            ..Self::key(column)
        }
    }

    pub const fn with(self, rows: Rows) -> Self {
        Self { rows, ..self }
    }
}

/// The file name of a key, without its extension.
pub fn stem(key: &str) -> Option<&str> {
    let name = key.rsplit('/').next().unwrap_or(key);
    Some(name.rsplit_once('.').map_or(name, |(stem, _)| stem))
}

/// A column, and its meaning.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its names in different releases, compared without regard to case and blanks around them.
    pub names: &'static [&'static str],
    pub meaning: Meaning,
}

/// What a cell of a column says.
#[derive(Debug, Clone, Copy)]
pub enum Meaning {
    /// The patient, unique within the dataset.
    Patient,
    /// The study, unique within the dataset.
    Study,
    /// The words for each sex, in any case.
    Sex(&'static [(&'static str, Option<Sex>)]),
    /// Years, or a number with a unit (`058Y`, `011M`).
    Age {
        zero_is_an_age: bool,
    },
    /// As for [`Meaning::Age`], but the number stands for a group of ages.
    AgeGroup,
    /// The year of birth: the age is its difference from the year of the study.
    YearOfBirth,
    /// The date of birth: the age in whole years at the date of the study.
    DateOfBirth,
    /// The names of views.
    View(&'static [ViewName]),
    /// Words that tell whether a view is frontal if the view itself is blank.
    Frontal(&'static [(&'static str, bool)]),
    /// A date such as `20140915`.
    Date,
    /// The words for each part of the release.
    Split(&'static [(&'static str, Split)]),
    /// The words for each source of labels.
    LabelSource(&'static [(&'static str, LabelSource)]),
    /// The report as a whole, in a language (ISO 639-1).
    Report(&'static str),
    /// The findings and the impression of a report.
    Findings(&'static str),
    Impression(&'static str),
    Indication(&'static str),
    Comparison(&'static str),
}

/// A view as a list names it.
#[derive(Debug, Clone, Copy)]
pub struct ViewName {
    pub name: &'static str,
    pub view: Option<View>,
    pub frontal: Option<bool>,
}

impl ViewName {
    /// A name for `view`, which tells whether it is frontal.
    pub const fn of(name: &'static str, view: View) -> Self {
        let frontal = match view {
            View::Pa | View::Ap | View::ApSupine => Some(true),
            View::Lateral | View::LeftLateral | View::RightLateral => Some(false),
            View::Oblique | View::Other => None,
        };
        Self {
            name,
            view: Some(view),
            frontal,
        }
    }

    /// A name that does not tell the view.
    pub const fn unknown(name: &'static str) -> Self {
        Self {
            name,
            view: None,
            frontal: None,
        }
    }
}

/// The names that DICOM files and the lists made of them use.
pub const DICOM_VIEWS: &[ViewName] = &[
    ViewName::of("PA", View::Pa),
    ViewName::of("AP", View::Ap),
    ViewName::of("LATERAL", View::Lateral),
    ViewName::of("LL", View::LeftLateral),
    ViewName::of("RL", View::RightLateral),
];

/// M, F and O as in DICOM.
pub const DICOM_SEX: &[(&str, Option<Sex>)] = &[
    ("M", Some(Sex::Male)),
    ("F", Some(Sex::Female)),
    ("O", Some(Sex::Other)),
];

/// The labels of a row.
#[derive(Debug, Clone, Copy)]
pub struct Labels {
    /// The name of the labels in the vocabulary.
    pub set: &'static str,
    pub cells: LabelCells,
    /// Who made them; `None` if a column tells.
    pub source: Option<LabelSource>,
    /// Do not replace what another list says.
    pub fills: bool,
}

/// Where the labels of a row stand.
#[derive(Debug, Clone, Copy)]
pub enum LabelCells {
    /// Each term is a column: 1 present, 0 absent, -1 uncertain, blank not labelled. `No Finding`
    /// implies the absence of every blank term but `except`.
    States { except: &'static [&'static str] },
    /// Each term is a column of words.
    Words {
        present: &'static str,
        absent: &'static str,
    },
    /// One column lists what is present. `items` splits the cell; `None` if it is no list.
    Items {
        column: &'static str,
        items: fn(&str) -> Option<Vec<String>>,
        /// Whether every item is a term of the vocabulary, so that another one is a fault.
        are_known: bool,
        /// Whether a row with these items is labelled at all.
        is_labelled: fn(&[String]) -> bool,
    },
}

/// The box of a row.
#[derive(Debug, Clone, Copy)]
pub struct Boxes {
    /// The name of the terms in the vocabulary.
    pub set: &'static str,
    pub term: BoxTerm,
    pub reader: Option<&'static str>,
    pub corners: Corners,
}

/// What a box shows.
#[derive(Debug, Clone, Copy)]
pub enum BoxTerm {
    /// The column, and terms that are spelt otherwise elsewhere.
    Column(&'static str, &'static [(&'static str, &'static str)]),
    /// All boxes show this.
    Always(&'static str),
}

/// The columns of a box. A row in which all four are blank has no box.
#[derive(Debug, Clone, Copy)]
pub enum Corners {
    /// Left, top, width, height.
    Size([&'static str; 4]),
    /// Left, top, right, bottom.
    Edges([&'static str; 4]),
}

impl LabelCells {
    /// How absent findings arise from these cells.
    pub fn negatives(&self) -> Negatives {
        match self {
            LabelCells::States { .. } => Negatives::Negated,
            LabelCells::Words { .. } => Negatives::Explicit,
            LabelCells::Items { .. } => Negatives::Unmentioned,
        }
    }
}
