//! Loads a dataset's catalog, from its stored form if that is still valid.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Numbering, RawTree, explain};
use crate::catalog::{Catalog, CatalogBuilder, CatalogError, Stored};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;

/// Whether an unusable folder was logged: all datasets use the same.
static COMPLAINED: AtomicBool = AtomicBool::new(false);

/// Reads the catalog of `tree`. With `cache`, the parsed form is stored in that folder and reused
/// as long as its list files and settings are unchanged; if the folder cannot be written or belongs
/// to another user, this only logs a warning. Which images exist (`ONLY_PRESENT`) is checked every
/// time.
pub fn load(tree: &RawTree, cache: Option<&Path>) -> Result<Catalog, CatalogError> {
    let root = tree.shown_root();
    let doing = format!("reading the lists of {root}");
    let mut catalog = announce_if_slow(doing, || load_at_once(tree, cache))?;
    // A listing only names existing files.
    if tree.only_present && tree.dataset.info().numbering == Numbering::Lists {
        let doing = format!("looking which images of {root} are there");
        let looked = announce_if_slow(doing, || catalog.leave_out_absent(&*tree.storage));
        looked.map_err(|source| CatalogError::Io {
            config_key: tree.dataset.root_key(),
            path: tree.root.clone(),
            source,
        })?;
    }
    Ok(catalog)
}

fn load_at_once(tree: &RawTree, cache: Option<&Path>) -> Result<Catalog, CatalogError> {
    let stored =
        cache.map(|cache| Stored::of(tree.dataset.folder(), tree.settings_digest(), cache));
    if let Some(stored) = &stored {
        match stored.read(&*tree.storage) {
            Ok(Some(catalog)) => return Ok(catalog),
            Ok(None) => {}
            Err(error) => complain(&stored.path(), &error),
        }
    }
    let mut builder = CatalogBuilder::new(tree.dataset.root_key(), Arc::clone(&tree.storage));
    tree.dataset
        .read(tree, &mut builder)
        .map_err(|error| explain(tree, error))?;
    let (catalog, inputs) = builder.finish();
    if let Some(stored) = stored
        && let Err(error) = stored.write(&catalog, &inputs)
    {
        complain(&stored.path(), &error);
    }
    Ok(catalog)
}

fn complain(path: &Path, error: &io::Error) {
    if !COMPLAINED.swap(true, Ordering::Relaxed) {
        let path = path.shown();
        tracing::warn!("{path}: {error}; the lists will be read again next time");
    }
}
