//! Surveys a finished tree, materialized or mounted.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::index_reader::{IndexEntry, read_index};
use super::pick::ImageBytes;
use super::{
    DatasetSurvey, FailedImage, Findings, MetadataSummary, Options, Origin, Pick, Survey, mounted,
    raw,
};
use crate::catalog::Views;
use crate::config::Config;
use crate::datasets::{self, KnownDatasets};
use crate::files::{is_disconnected, is_folder, real_path};
use crate::metadata_table;
use crate::names;
use crate::shown::Show as _;
use crate::spread;

/// A finished tree: the folders in its root are datasets.
pub struct Tree {
    root: PathBuf,
    /// Datasets that a mount's config may have.
    known: KnownDatasets,
    /// Datasets by name, sorted.
    folders: Vec<(String, PathBuf)>,
}

/// Why a folder is not a finished tree.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error(
        "{root}: its process has gone; mount again with --replace, or: machex unmount {root}",
        root = .0.shown()
    )]
    Stale(PathBuf),
    #[error(
        "{root} is a mount that does not answer: its process is stopped, or waits for a server; mount \
         again with --replace, or: machex unmount --lazy {root}",
        root = .0.shown()
    )]
    Silent(PathBuf),
    #[error("{path}: {source}", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
    #[error("{root} is no MaCheX tree: none of its folders has an index.json", root = .0.shown())]
    NoTree(PathBuf),
    #[error(
        "{root} is one dataset of a tree; give the tree, {parent}",
        root = root.shown(), parent = parent.shown()
    )]
    Dataset { root: PathBuf, parent: PathBuf },
}

/// What the lists of a mount tell about a dataset.
struct Listed {
    views: Views,
    left_out: String,
    faults: Vec<FailedImage>,
}

impl Tree {
    /// Finds the datasets in `root`, except hidden folders. The config of a mount may have the
    /// `known` datasets.
    pub fn open(root: &Path, known: KnownDatasets) -> Result<Self, TreeError> {
        let root = std::path::absolute(root).map_err(|error| TreeError::of(root, error))?;
        let failed = |error| TreeError::of(&root, error);
        // Checked before anything may have to wait for it.
        is_folder(&root).map_err(failed)?;
        let mut folders = Vec::new();
        for entry in fs::read_dir(&root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().shown().to_string();
            // The root of a disk has this folder, which is not a dataset.
            let is_ours = !name.starts_with('.') && name != "lost+found";
            if is_ours && entry.path().is_dir() {
                folders.push((name, entry.path()));
            }
        }
        folders.sort();
        let has_index = |folder: &Path| folder.join(names::INDEX_NAME).is_file();
        if folders.iter().any(|(_, folder)| has_index(folder)) {
            return Ok(Self {
                root,
                known,
                folders,
            });
        }
        Err(match real_path(&root).parent() {
            Some(parent) if has_index(&root) => TreeError::Dataset {
                parent: parent.to_owned(),
                root,
            },
            _ => TreeError::NoTree(root),
        })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Names of the datasets.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.folders.iter().map(|(name, _)| name.as_str())
    }

    /// The config of a mount, if it can be read.
    pub fn config(&self) -> Option<Config> {
        let status = mounted::status(&self.root)?;
        Config::load(Path::new(&status.config), self.known).ok()
    }

    /// Reads the indexes. Does not look for images.
    pub fn survey(&self, options: &Options) -> Survey {
        let config = mounted::status(&self.root).map(|status| PathBuf::from(status.config));
        let chosen: Vec<&(String, PathBuf)> = self
            .folders
            .iter()
            .filter(|(name, _)| options.includes(name))
            .collect();
        let mut from_lists = match &config {
            Some(file) => from_lists(file, self.known, options),
            None => BTreeMap::new(),
        };
        let mut datasets: Vec<DatasetSurvey> = chosen
            .into_par_iter()
            .map(|(name, folder)| {
                look(&self.root, name, folder, options)
                    .unwrap_or_else(|error| DatasetSurvey::unreadable(name.clone(), error))
            })
            .collect();
        for dataset in &mut datasets {
            if let Some(listed) = from_lists.remove(&dataset.name) {
                dataset.views = Some(listed.views);
                dataset.faults = listed.faults;
                dataset.left_out = listed.left_out;
            }
        }
        let root = self.root.clone();
        Survey {
            origin: match config {
                Some(config) => Origin::Mount { root, config },
                None => Origin::Tree { root },
            },
            datasets,
        }
    }
}

impl TreeError {
    fn of(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::TimedOut => Self::Silent(path),
            _ if is_disconnected(&source) => Self::Stale(path),
            _ => Self::Io { path, source },
        }
    }
}

/// What the lists of a mount say, as far as they can be read.
fn from_lists(config: &Path, known: KnownDatasets, options: &Options) -> BTreeMap<String, Listed> {
    let Ok(config) = Config::load(config, known) else {
        return BTreeMap::new();
    };
    config
        .trees
        .par_iter()
        .filter(|tree| options.includes(tree.dataset.folder()))
        .filter_map(|tree| {
            let catalog = datasets::load(tree, Some(&config.cache_path)).ok()?;
            let name = tree.dataset.folder();
            let listed = Listed {
                views: catalog.views(),
                left_out: catalog.left_out().to_string(),
                faults: raw::faults(name, &catalog),
            };
            Some((name.to_owned(), listed))
        })
        .collect()
}

fn look(
    root: &Path,
    name: &str,
    folder: &Path,
    options: &Options,
) -> Result<DatasetSurvey, String> {
    let path = folder.join(names::INDEX_NAME);
    let read = |each: &mut dyn FnMut(u32, IndexEntry)| {
        let file = open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "has no index.json: materialize writes it last".to_owned(),
            _ => format!("{}: {error}", path.shown()),
        })?;
        read_index(file, each).map_err(|error| format!("{}: {error}", path.shown()))
    };
    // Reads the index twice: evenly spread entries can only be picked once their number is known.
    let mut survey = DatasetSurvey {
        name: name.to_owned(),
        ..DatasetSurvey::default()
    };
    let (mut findings, mut odd) = (Findings::of_class_labels(), 0u32);
    read(&mut |number, entry| {
        survey.images = number + 1;
        odd += u32::from(entry.has_odd_label);
        let label = entry.label.iter();
        label.for_each(|label| findings.add_class_label(label));
    })?;
    survey.findings = (findings.labelled() > 0).then_some(findings);
    if options.metadata {
        add_metadata(folder, &mut survey);
    }
    if odd > 0 {
        survey.warnings.push(format!(
            "the class_label of {odd} images is not a list of 13 numbers"
        ));
    }
    let mut wanted = spread::evenly(survey.images, options.images)
        .into_iter()
        .peekable();
    if wanted.peek().is_none() {
        return Ok(survey);
    }
    read(&mut |number, entry| {
        if wanted.next_if_eq(&number).is_some() {
            survey.picks.push(pick(root, folder, entry));
        }
    })?;
    Ok(survey)
}

/// Adds what the table of the dataset tells, if it has one.
fn add_metadata(folder: &Path, survey: &mut DatasetSurvey) {
    let path = folder.join(metadata_table::FILE_NAME);
    let read = match open(&path) {
        Ok(file) => MetadataSummary::of_table(&path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => Err(error.into()),
    };
    match read {
        Ok(summary) => {
            if summary.findings.labelled() > 0 || survey.findings.is_none() {
                survey.findings = Some(summary.findings.clone());
            }
            survey.metadata = Some(summary);
        }
        Err(error) => {
            let name = metadata_table::FILE_NAME;
            survey.warnings.push(format!("{name}: {error}"));
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Opening a pipe could block.
    if fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::other("it is not a file"))
    }
}

/// Picks an entry. Its usual path in the tree comes first, since trees are moved; an id in another
/// form has none.
fn pick(root: &Path, folder: &Path, entry: IndexEntry) -> Pick {
    let number = names::parse_image_name(&format!("{}.jpg", entry.id));
    let place = number.map(|number| folder.join(names::image_path(number)));
    let named = entry.path.map(|path| root.join(path));
    Pick {
        id: entry.id,
        key: entry.key,
        label: entry.label,
        place: ImageBytes::Finished(place.into_iter().chain(named).collect()),
    }
}
