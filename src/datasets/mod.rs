//! The differences between the public datasets: one small file each, all behind [`Dataset`]. To add
//! a dataset, add one file and one line in [`ALL`].

mod brax;
mod chexmask;
mod chexpert;
mod chexray14;
mod empty;
mod finder;
mod hint;
mod known_datasets;
mod labeller;
mod links;
mod load;
mod marks;
mod mimic;
mod nih_mapping;
mod objcxr;
mod openi;
mod padchest;
mod patients;
mod reports;
mod rsna;
mod samples;
mod siim;
mod vindrcxr;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::catalog::{CatalogBuilder, CatalogError};
use crate::files::is_absent;
use crate::metadata::image::Texts;
use crate::metadata::{MetadataBuilder, MetadataList, MetadataRules};
use crate::shown::Show as _;
use crate::storage::Storage;
use crate::store::SourceId;
use crate::synthetic::{SampleError, SampleTree};

pub use empty::why_empty;
pub use hint::{explain, near, why_missing};
pub use known_datasets::{KnownDatasets, conflict};
pub use load::load;
pub use marks::{Marks, Release};
use patients::{NIH_PATIENTS, nih_patient};
pub use patients::{PatientPool, PatientRule};
pub use reports::reports_digest;

/// The datasets that machex knows, in the order of the original script. A program can add its own:
/// see `examples/own_dataset.rs`.
pub const ALL: KnownDatasets = &[
    &chexray14::ChexRay14,
    &chexpert::Chexpert,
    &padchest::PadChest,
    &mimic::Mimic,
    &vindrcxr::VinDrCxr,
    &brax::Brax,
    &rsna::Rsna,
    &openi::OpenI,
    &siim::SiimAcr,
    &objcxr::ObjectCxr,
];

/// The fixed properties of a dataset.
#[derive(Debug)]
pub struct DatasetInfo {
    /// Identifies the dataset in inode numbers. It is not 0, never changes, and is never reused for
    /// another dataset; otherwise programs that identify files by inode would confuse images.
    pub number: u8,
    /// Folder in the tree, such as `chex-ray14`. Also the name on the command line.
    pub folder: &'static str,
    /// Config key of the root of the raw data, such as `CHEXRAY14_ROOT`.
    pub root_key: &'static str,
    /// Config keys of this dataset, besides its root.
    pub options: &'static [OptionKey],
    /// Number of images in the published lists, for samples of that size.
    pub real_count: u32,
    /// What numbers the images.
    pub numbering: Numbering,
    /// How to find the patient of an image.
    pub patients: PatientRule,
    /// Datasets of the same pool share patients, under names that no key reveals.
    pub patient_pool: Option<PatientPool>,
    /// What identifies its folder, and other releases.
    pub marks: Marks,
}

/// What numbers a dataset's images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// Lists that are part of the dataset. They do not change if images are missing.
    Lists,
    /// A listing of the folder `images` below the root. If files are missing, all later images get
    /// other numbers.
    Folder { images: &'static str },
}

/// One public dataset: its keys, the files of its keys, and its metadata.
pub trait Dataset: Sync + Send {
    fn info(&self) -> &'static DatasetInfo;

    /// Reads the lists (or folders) below the tree's root into numbered entries.
    fn read(&self, tree: &RawTree, catalog: &mut CatalogBuilder) -> Result<(), CatalogError>;

    /// Possible files of the free-text report of the image `key`; the first that exists counts.
    /// `None` if a dataset has no reports.
    fn report_files(&self, _tree: &RawTree, _key: &str) -> Option<Vec<PathBuf>> {
        None
    }

    /// Whether images have reports, so that [`Self::report_files`] is `Some`.
    fn has_reports(&self) -> bool {
        false
    }

    /// The lists that say more about images than [`Self::read`] needs.
    fn metadata_rules(&self) -> &'static MetadataRules {
        &MetadataRules::NONE
    }

    /// Reads what the lists say about the images of a catalog of this dataset. A list that is
    /// missing or damaged only leaves its part of the metadata empty.
    fn read_metadata(&self, tree: &RawTree, metadata: &mut MetadataBuilder<'_>) {
        for list in self.metadata_rules().lists {
            metadata.read(&tree.root, list);
        }
    }

    /// The report of the image `key`, and its sections, if [`Self::report_files`] is `Some`. Lists
    /// with reports are read by [`Self::read_metadata`].
    fn report_texts(&self, _tree: &RawTree, _key: &str) -> Option<Texts> {
        None
    }

    /// Writes a synthetic raw tree in this dataset's own layout.
    fn write_sample(&self, sample: &mut SampleTree) -> Result<(), SampleError>;
}

impl dyn Dataset {
    /// See [`DatasetInfo::folder`].
    pub fn folder(&self) -> &'static str {
        self.info().folder
    }

    /// See [`DatasetInfo::root_key`].
    pub fn root_key(&self) -> &'static str {
        self.info().root_key
    }
}

/// A config key that belongs to one dataset, or to several that share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OptionKey {
    pub name: &'static str,
    pub kind: OptionKind,
}

/// The type of an [`OptionKey`]'s value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptionKind {
    /// An existing folder; relative paths start at the config file's folder.
    Folder,
    /// An existing file; relative paths as for [`Self::Folder`].
    File,
    Bool,
}

/// The checked value of an [`OptionKey`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    Folder(PathBuf),
    File(PathBuf),
    Bool(bool),
}

/// One dataset on this machine: its root and its settings.
#[derive(Clone)]
pub struct RawTree {
    pub dataset: &'static dyn Dataset,
    /// All datasets that the program knows, to recognize another one at this root.
    pub known: KnownDatasets,
    /// Absolute, lexically normalised.
    pub root: PathBuf,
    /// Gives access to the files in the root and in the folders of options.
    pub storage: Arc<dyn Storage>,
    pub frontal_only: bool,
    /// Leaves out images without a source. See [`crate::datasets::load`].
    pub only_present: bool,
    /// Values of the dataset's own [`DatasetInfo::options`], without absent keys.
    pub options: BTreeMap<&'static str, OptionValue>,
}

impl RawTree {
    /// The folder of the option `name`, if the config has it.
    pub fn folder_option(&self, name: &str) -> Option<&Path> {
        match self.options.get(name) {
            Some(OptionValue::Folder(path)) => Some(path),
            _ => None,
        }
    }

    /// The file of the option `name`, if the config has it.
    pub fn file_option(&self, name: &str) -> Option<&Path> {
        match self.options.get(name) {
            Some(OptionValue::File(path)) => Some(path),
            _ => None,
        }
    }

    /// The root for messages: `MIMIC_ROOT, /data/mimic`.
    pub fn shown_root(&self) -> String {
        format!("{}, {}", self.dataset.root_key(), self.root.shown())
    }

    /// The root, and the folders of options.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        let options = self.options.values().filter_map(|value| match value {
            OptionValue::Folder(path) => Some(path.as_path()),
            OptionValue::File(_) | OptionValue::Bool(_) => None,
        });
        std::iter::once(self.root.as_path()).chain(options)
    }

    /// The folders in which `list` may be: first the one that the config gives for it.
    pub fn folders_of(&self, list: &MetadataList) -> Vec<PathBuf> {
        let given = list.option.and_then(|name| self.folder_option(name));
        let folders = given.into_iter().chain([self.root.as_path()]);
        folders.map(Path::to_owned).collect()
    }

    /// The file or folder of `list`, if there is one. Opens nothing.
    pub fn find_list(&self, list: &MetadataList) -> Option<PathBuf> {
        match list.option.and_then(|name| self.file_option(name)) {
            // It may have gone since the config was read.
            Some(given) => self.storage.stat(given).is_ok().then(|| given.to_owned()),
            None => list.find(&*self.storage, &self.folders_of(list)),
        }
    }

    /// Whether there is certainly no such list.
    pub fn lacks_list(&self, list: &MetadataList) -> bool {
        let folders = self.folders_of(list);
        let mut places = list.places(&folders);
        places.all(|path| {
            self.storage
                .stat(&path)
                .is_err_and(|error| is_absent(&error))
        })
    }

    /// The folders and files that options name, with the options.
    pub fn paths(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.options.iter().filter_map(|(name, value)| match value {
            OptionValue::Folder(path) | OptionValue::File(path) => Some((*name, path.as_path())),
            OptionValue::Bool(_) => None,
        })
    }

    /// The files that options name.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.options.values().filter_map(|value| match value {
            OptionValue::File(path) => Some(path.as_path()),
            OptionValue::Folder(_) | OptionValue::Bool(_) => None,
        })
    }

    /// What to call a file, wherever the root and the folders of options are: its path below the
    /// folder of an option, after the name of the option, or else its path below the root.
    pub fn name_of(&self, path: &Path) -> String {
        let mut options = self.options.iter();
        let in_option = options.find_map(|(option, value)| match value {
            // A root can be in the folder of an option.
            OptionValue::Folder(folder) if !self.root.starts_with(folder) => {
                let below = path.strip_prefix(folder).ok()?;
                Some(format!("{option}/{}", below.shown()))
            }
            OptionValue::File(file) if file == path => {
                let name = Path::new(file.file_name()?).shown();
                Some(format!("{option}/{name}"))
            }
            OptionValue::Folder(_) | OptionValue::File(_) | OptionValue::Bool(_) => None,
        });
        in_option.unwrap_or_else(|| {
            let below = path.strip_prefix(&self.root).unwrap_or(path);
            below.shown().to_string()
        })
    }

    /// Identifies the source `path`, wherever the root is. See [`SourceId`].
    pub fn source_id<'a>(&'a self, path: &'a Path) -> SourceId<'a> {
        let root = self.root.as_os_str().as_encoded_bytes();
        let path = path.as_os_str().as_encoded_bytes();
        // As bytes, for speed: a path is the root and a part joined to it, and there are a million
        // paths.
        let below_root = path.strip_prefix(root).unwrap_or(path);
        SourceId {
            dataset: self.dataset.folder(),
            below_root: below_root.strip_prefix(b"/").unwrap_or(below_root),
        }
    }

    /// A digest of the settings that, besides the lists, determine the catalog.
    fn settings_digest(&self) -> u64 {
        let mut settings = Xxh3::new();
        let mut add = |bytes: &[u8]| {
            settings.update(&(bytes.len() as u64).to_le_bytes());
            settings.update(bytes);
        };
        add(self.root.as_os_str().as_encoded_bytes());
        add(&[u8::from(self.frontal_only)]);
        for (name, value) in &self.options {
            add(name.as_bytes());
            match value {
                OptionValue::Folder(path) | OptionValue::File(path) => {
                    add(path.as_os_str().as_encoded_bytes())
                }
                OptionValue::Bool(value) => add(&[u8::from(*value)]),
            }
        }
        settings.digest()
    }

    /// The boolean option `name`; false if the config does not have it.
    pub fn bool_option(&self, name: &str) -> bool {
        matches!(self.options.get(name), Some(OptionValue::Bool(true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_published_versions_stay() {
        let numbers = ALL
            .iter()
            .map(|dataset| (dataset.info().number, dataset.folder()));
        let numbers: Vec<(u8, &str)> = numbers.take(10).collect();
        let published = [
            (1, "chex-ray14"),
            (2, "chexpert"),
            (3, "padchest"),
            (4, "mimic"),
            (5, "vindrcxr"),
            (6, "brax"),
            (7, "rsna"),
            (8, "openi"),
            (9, "siim"),
            (10, "objcxr"),
        ];
        assert_eq!(numbers, published);
    }
}
