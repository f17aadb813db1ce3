//! Builds a catalog entry by entry, while the lists stream past.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Catalog, CatalogError, ClassLabel, EntryFault, Views};

/// A folder in which a catalog's sources are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderId(pub(super) u16);

/// Where a key's source is: `folder` joined with the key less its first `skip` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub folder: FolderId,
    pub skip: u16,
}

/// Collects the entries of one dataset.
pub struct CatalogBuilder {
    config_key: &'static str,
    catalog: Catalog,
    /// Files and folders from which the catalog follows, for its stored form.
    inputs: Vec<PathBuf>,
}

impl CatalogBuilder {
    /// `config_key` is named in errors.
    pub fn new(config_key: &'static str) -> Self {
        todo!("{config_key}")
    }

    /// Registers a folder of sources.
    pub fn folder(&mut self, _path: &Path) -> FolderId {
        todo!()
    }

    /// Adds the next entry and returns its number. A key that would leave its folder (`..`, an
    /// absolute path) becomes an entry that fails.
    pub fn push(
        &mut self,
        _key: &str,
        _place: Place,
        _label: Option<ClassLabel>,
    ) -> Result<u32, CatalogError> {
        todo!()
    }

    /// Adds an entry that can only fail, such as one with an empty key. It keeps its number.
    pub fn push_faulty(&mut self, _key: &str, _fault: EntryFault) -> Result<u32, CatalogError> {
        todo!()
    }

    /// Replaces the label of an entry (CheXpert: the last row of a path wins).
    pub fn set_label(&mut self, _number: u32, _label: Option<ClassLabel>) {
        todo!()
    }

    /// The counts of views, to be added to.
    pub fn views(&mut self) -> &mut Views {
        &mut self.catalog.views
    }

    /// Says which layout was found.
    pub fn set_layout(&mut self, layout: impl Into<String>) {
        self.catalog.layout = layout.into();
    }

    /// Remembers something a person should know.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.catalog.warnings.push(warning.into());
    }

    /// Records a file or folder from which the catalog follows: when its size or modification time
    /// changes, the stored form is not used any more.
    pub fn input(&mut self, path: &Path) {
        self.inputs.push(path.to_owned());
    }

    /// Config key of the dataset's root, for errors.
    pub fn config_key(&self) -> &'static str {
        self.config_key
    }
}
