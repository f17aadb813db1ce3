//! Datasets that consist of a folder of images.

use std::path::Path;

use super::sorted_files;
use crate::catalog::{CatalogBuilder, CatalogError, SourceLocation};

/// A folder below the root; every image in it is used.
pub struct ImageFolder {
    pub path: &'static str,
    /// In any case. Other files (annotations, `index.html`, hidden ones) are not images.
    pub extensions: &'static [&'static str],
}

impl ImageFolder {
    /// Reads the folder. The file names are the keys, and all images are frontal.
    pub fn read(&self, root: &Path, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        catalog.set_layout(format!("{}/", self.path));
        let path = root.join(self.path);
        let names = sorted_files(catalog.lists(), &path, self.extensions, true)?;
        catalog.views().frontal = names.len() as u32;
        let folder = catalog.folder(&path);
        for name in &names {
            catalog.push_file(name, SourceLocation::below(folder))?;
        }
        Ok(())
    }
}
