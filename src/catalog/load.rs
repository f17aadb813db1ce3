//! A dataset's catalog, from its stored form where that is still true.

use std::path::Path;

use super::stored::Stored;
use super::{Catalog, CatalogBuilder, CatalogError};
use crate::datasets::RawTree;

/// Reads the catalog of `tree`. With `cache`, the parsed form is kept in that folder and used again
/// while the list files and settings from which it follows are unchanged; a folder that cannot be
/// written costs a warning in the log and nothing else.
pub fn load(tree: &RawTree, cache: Option<&Path>) -> Result<Catalog, CatalogError> {
    let stored = cache.map(|cache| Stored::of(tree, cache));
    if let Some(catalog) = stored.as_ref().and_then(Stored::read) {
        return Ok(catalog);
    }
    let mut builder = CatalogBuilder::new(tree.dataset.root_key());
    tree.dataset.read(tree, &mut builder)?;
    let (catalog, inputs) = builder.finish();
    if let Some(stored) = stored
        && let Err(error) = stored.write(&catalog, &inputs)
    {
        let path = stored.path().display();
        tracing::warn!("{path}: {error}; the lists will be read again the next time");
    }
    Ok(catalog)
}
