//! The `index.json` of a mount: built on first need, kept in the cache.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::ServedDataset;
use crate::catalog::index;
use crate::store::ContentKey;

/// Raised by every change of what is in an index.
const VERSION: &[u8] = b"index 1";

/// Key of a dataset's index: it follows from the catalog, from where the mount is, and from the
/// folders in which reports may be. Reports are published data and not looked at one by one.
pub(super) fn key(dataset: &ServedDataset, mountpoint: &Path) -> ContentKey {
    let digest = dataset.catalog.digest().to_le_bytes();
    let states: Vec<u8> = dataset.tree.folders().flat_map(state).collect();
    ContentKey::of_parts([
        VERSION,
        dataset.name().as_bytes(),
        mountpoint.as_os_str().as_encoded_bytes(),
        &digest,
        &states,
    ])
}

/// Writes the index. Entries that can only fail are left out, as `materialize` leaves them out.
pub(super) fn write(
    out: &mut dyn Write,
    dataset: &ServedDataset,
    mountpoint: &Path,
) -> io::Result<()> {
    let include = |number| !dataset.catalog.is_faulty(number);
    let warnings = index::write(out, &dataset.catalog, &dataset.tree, mountpoint, &include)?;
    if let Some(first) = warnings.first() {
        let more = warnings.len() - 1;
        tracing::warn!(
            dataset = dataset.name(),
            "{first} (and {more} more of this kind)"
        );
    }
    Ok(())
}

/// A folder's path and modification time.
fn state(folder: &Path) -> Vec<u8> {
    let mut state = folder.as_os_str().as_encoded_bytes().to_vec();
    if let Ok(metadata) = fs::metadata(folder) {
        state.extend(metadata.mtime().to_le_bytes());
        state.extend(metadata.mtime_nsec().to_le_bytes());
    }
    state
}
