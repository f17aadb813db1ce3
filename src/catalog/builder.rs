//! Builds a catalog entry by entry while the lists are read.

use std::ffi::OsStr;
use std::path::{Component, Path};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::stored::Input;
use super::{Catalog, CatalogError, ClassLabel, EntryFault, ListContext, Views};
use crate::names::MAX_IMAGES;
use crate::shown::Show as _;
use crate::storage::Storage;
use crate::words::start_of;

/// A folder that contains sources of a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderId(pub(super) u32);

/// Location of a key's source: `folder` joined with the key without its first `skip` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLocation {
    pub folder: FolderId,
    pub skip: u16,
}

impl SourceLocation {
    /// The whole key below `folder`.
    pub fn below(folder: FolderId) -> Self {
        Self { folder, skip: 0 }
    }
}

/// Maximum length of a key in bytes: that of a path (PATH_MAX).
const MAX_KEY_BYTES: usize = 4095;

/// Maximum length of all keys of a dataset together: a million of twice the usual length.
const MAX_KEYS_BYTES: usize = 256 << 20;

/// Characters of a key to show in a fault.
const TOLD: usize = 200;

/// Collects the entries of one dataset.
pub struct CatalogBuilder {
    /// Also has the inputs of the catalog, for its stored form.
    lists: ListContext,
    catalog: Catalog,
    /// Total length of all keys.
    key_bytes: usize,
}

impl CatalogBuilder {
    /// `config_key` appears in errors; lists and folders are read from `storage`.
    pub fn new(config_key: &'static str, storage: Arc<dyn Storage>) -> Self {
        Self {
            lists: ListContext::new(config_key, storage),
            catalog: Catalog::default(),
            key_bytes: 0,
        }
    }

    /// Registers a folder of sources.
    pub fn folder(&mut self, path: &Path) -> FolderId {
        let known = self.catalog.folders.iter().position(|known| known == path);
        let number = known.unwrap_or_else(|| {
            self.catalog.folders.push(path.to_owned());
            self.catalog.folders.len() - 1
        });
        FolderId(number as u32)
    }

    /// Adds the next entry and returns its number. A key that is empty, longer than any path, or
    /// leads out of its folder (`..`, an absolute path) becomes an entry that fails.
    pub fn push(
        &mut self,
        key: &str,
        place: SourceLocation,
        label: Option<ClassLabel>,
    ) -> Result<u32, CatalogError> {
        let catalog = &mut self.catalog;
        let number = catalog.len();
        if number == MAX_IMAGES {
            return Err(CatalogError::TooMany {
                config_key: self.lists.config_key(),
            });
        }
        // Counted in full, since datasets may keep whole keys while they read.
        self.key_bytes = self.key_bytes.saturating_add(key.len());
        let is_long = key.len() > MAX_KEY_BYTES;
        let key = if is_long { start_of(key, TOLD) } else { key };
        if self.key_bytes > MAX_KEYS_BYTES || catalog.keys.try_reserve(key.len()).is_err() {
            return Err(CatalogError::LongKeys {
                config_key: self.lists.config_key(),
                limit: MAX_KEYS_BYTES as u64,
            });
        }
        catalog.keys.push_str(key);
        // All keys together are far below 4 GB.
        let end = u32::try_from(catalog.keys.len()).map_err(|_| CatalogError::TooMany {
            config_key: self.lists.config_key(),
        })?;
        catalog.ends.push(end);
        catalog.places.push(place);
        if label.is_some() && catalog.labels.is_empty() {
            catalog.labels.resize(number as usize, None);
        }
        if label.is_some() || !catalog.labels.is_empty() {
            catalog.labels.push(label);
        }
        if let Some(fault) = key
            .get(usize::from(place.skip)..)
            .map_or(Some("empty"), fault_of)
            .or(is_long.then_some("the beginning of one that is longer than any path"))
        {
            let key = start_of(key, TOLD).shown();
            self.fail(number, EntryFault(format!("the key \"{key}\" is {fault}")));
        }
        Ok(number)
    }

    /// Adds a file as the next entry, with its name as the key. A name that is not UTF-8 is escaped
    /// and the entry fails, since `index.json` can only contain UTF-8.
    pub fn push_file(&mut self, name: &OsStr, place: SourceLocation) -> Result<u32, CatalogError> {
        if let Some(name) = name.to_str() {
            return self.push(name, place, None);
        }
        let name = name.shown().to_string();
        let number = self.push(&name, SourceLocation { skip: 0, ..place }, None)?;
        let fault = format!("the file name {name} is not UTF-8; rename it");
        self.fail(number, EntryFault(fault));
        Ok(number)
    }

    /// Marks an entry as one that can only fail.
    pub fn fail(&mut self, number: u32, fault: EntryFault) {
        self.catalog.faults.insert(number, fault);
    }

    /// Undoes [`Self::fail`], since a later row of the list is good.
    pub fn restore(&mut self, number: u32) {
        self.catalog.faults.remove(&number);
    }

    /// Replaces the label of an entry, since a later row of the list has another.
    pub fn set_label(&mut self, number: u32, label: Option<ClassLabel>) {
        if let Some(known) = self.catalog.labels.get_mut(number as usize) {
            *known = label;
        }
    }

    /// The counts of views, to add to.
    pub fn views(&mut self) -> &mut Views {
        &mut self.catalog.views
    }

    /// Counts images that the settings leave out because of `value`, such as a view.
    pub fn leave_out(&mut self, value: &str, count: u32) {
        self.catalog.left_out.add(value, count);
    }

    /// Records which list names the images.
    pub fn set_list(&mut self, path: &Path) {
        self.catalog.list = Some(path.to_owned());
    }

    /// Records which layout was found.
    pub fn set_layout(&mut self, layout: impl Into<String>) {
        self.catalog.layout = layout.into();
    }

    /// Remembers something a person should know.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.catalog.warnings.push(warning.into());
    }

    /// For readers of lists and folders.
    pub fn lists(&self) -> &ListContext {
        &self.lists
    }

    /// See [`ListContext::input`].
    pub fn input(&self, path: &Path) {
        self.lists.input(path);
    }

    /// The catalog, and what it depends on.
    pub fn finish(mut self) -> (Catalog, Vec<Input>) {
        self.catalog
            .warnings
            .append(&mut self.lists.warnings().take());
        self.catalog.keys.shrink_to_fit();
        self.catalog.ends.shrink_to_fit();
        self.catalog.places.shrink_to_fit();
        self.catalog.labels.shrink_to_fit();
        (self.catalog, self.lists.take_inputs())
    }
}

/// Why a path is not valid below a folder.
fn fault_of(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("empty");
    }
    if path.contains('\0') {
        return Some("not a file name");
    }
    let leaves = |component| {
        matches!(
            component,
            Component::ParentDir | Component::RootDir | Component::Prefix(_)
        )
    };
    Path::new(path)
        .components()
        .any(leaves)
        .then_some("outside of the dataset's folder")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Folder;

    fn builder() -> CatalogBuilder {
        CatalogBuilder::new("SOME_ROOT", Folder::shared())
    }

    #[test]
    fn keys_that_leave_their_folder_keep_their_number_and_fail() {
        let mut builder = builder();
        let place = SourceLocation::below(builder.folder(Path::new("/data")));
        for key in [
            "a/b.png",
            "../c.png",
            "/etc/passwd",
            "",
            "d..png",
            "a/../../x",
        ] {
            builder.push(key, place, None).unwrap();
        }
        let (catalog, _) = builder.finish();
        let numbers: Vec<u32> = catalog.faults().map(|(number, _)| number).collect();
        assert_eq!(numbers, [1, 2, 3, 5]);
        assert_eq!(
            catalog.get(0).unwrap().source().unwrap(),
            Path::new("/data/a/b.png")
        );
        assert_eq!(
            catalog.get(4).unwrap().source().unwrap(),
            Path::new("/data/d..png")
        );
        assert!(catalog.get(6).is_none());
    }

    #[test]
    fn part_of_a_key_need_not_be_part_of_the_path() {
        let mut builder = builder();
        let folder = builder.folder(Path::new("/data/batch"));
        builder
            .push(
                "train/p/x.jpg",
                SourceLocation { folder, skip: 6 },
                Some([1; 13]),
            )
            .unwrap();
        builder
            .push("train/", SourceLocation { folder, skip: 6 }, None)
            .unwrap();
        let (catalog, _) = builder.finish();
        let entry = catalog.get(0).unwrap();
        assert_eq!(entry.source().unwrap(), Path::new("/data/batch/p/x.jpg"));
        assert_eq!(entry.class_label(), Some(&[1; 13]));
        assert!(catalog.get(1).unwrap().source().is_err());
    }

    #[test]
    fn keys_that_are_longer_than_any_path_fail_and_take_little_memory() {
        let mut builder = builder();
        let place = SourceLocation::below(builder.folder(Path::new("/data")));
        let longest = "\u{e9}".repeat(MAX_KEY_BYTES / 2);
        builder.push(&longest, place, None).unwrap();
        builder.push(&longest.repeat(2), place, None).unwrap();
        assert!(!builder.catalog.is_faulty(0) && builder.catalog.is_faulty(1));
        assert!(builder.catalog.keys.len() < longest.len() + TOLD * 2 + 1);
        let huge = "k".repeat(1 << 20);
        let pushed =
            (0..=MAX_KEYS_BYTES >> 20).find_map(|_| builder.push(&huge, place, None).err());
        let error = pushed.unwrap().to_string();
        assert!(error.contains("more than 256.00 MiB"), "{error}");
    }

    #[test]
    fn more_than_six_digits_can_number_are_refused() {
        let mut builder = builder();
        let place = SourceLocation::below(builder.folder(Path::new("/data")));
        for _ in 0..MAX_IMAGES {
            builder.push("k", place, None).unwrap();
        }
        assert!(builder.push("k", place, None).is_err());
    }
}
