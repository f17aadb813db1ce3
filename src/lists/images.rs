//! Datasets that are a folder of images and nothing else.

use std::path::Path;

use super::sorted_files;
use crate::catalog::{CatalogBuilder, CatalogError, SourceLocation};

/// A folder below the root of which every image is taken.
pub struct ImageFolder {
    pub path: &'static str,
    /// In any case. Other files (annotations, `index.html`, hidden ones) are not images.
    pub extensions: &'static [&'static str],
}

impl ImageFolder {
    /// Reads the folder; the keys are the names, and all are frontal.
    pub fn read(&self, root: &Path, catalog: &mut CatalogBuilder) -> Result<(), CatalogError> {
        catalog.set_layout(format!("{}/", self.path));
        let path = root.join(self.path);
        let names = sorted_files(catalog, &path, self.extensions, true)?;
        catalog.views().frontal = names.len() as u32;
        let folder = catalog.folder(&path);
        for name in &names {
            catalog.push_file(name, SourceLocation::below(folder))?;
        }
        Ok(())
    }
}
