//! A dataset's catalog, from its stored form where that is still true.

use std::path::Path;

use super::{Catalog, CatalogError};
use crate::datasets::RawTree;

/// Reads the catalog of `tree`. With `cache`, the parsed form is kept in that folder and used again
/// while the list files and settings from which it follows are unchanged; a folder that cannot be
/// written costs a warning in the log and nothing else.
pub fn load(_tree: &RawTree, _cache: Option<&Path>) -> Result<Catalog, CatalogError> {
    todo!()
}
