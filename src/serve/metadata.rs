//! The `metadata.parquet` of a mount: made when a reader first needs it, and kept in the cache. Its
//! bytes are those that `machex materialize --metadata` writes.
//!
//! The headers of all images are part of it, and reading them is most of the work. The key of the
//! file does not depend on them: a million `stat` calls at the first read of each mount would cost
//! more than they are worth, since machex assumes that published images do not change. So the table
//! is made again when the catalog, a list or a report changes.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rayon::ThreadPool;

use super::ServedDataset;
use crate::datasets::RawTree;
use crate::files::is_absent;
use crate::metadata::vocabulary;
use crate::metadata_table::{DatasetTable, TableOptions};
use crate::storage::{Storage, Watched};
use crate::store::ContentKey;
use crate::store::tier::Output;
use crate::waits::Waiting;

/// Raise this when the content of a table, or the way its key is computed, changes.
const VERSION: &[u8] = b"metadata 2";

/// How many warnings of a table are logged.
const LOGGED: usize = 5;

/// Content key of a dataset's metadata. It depends on the catalog, on what the storage says of
/// every list and report, and on this version of machex, which the file names. `answered` is called
/// after each list.
pub(super) fn key(dataset: &ServedDataset, reports: u64, answered: &dyn Fn()) -> ContentKey {
    let digest = dataset.catalog.digest().to_le_bytes();
    let lists = state_of_lists(&dataset.tree, answered);
    ContentKey::of_parts([
        VERSION,
        env!("CARGO_PKG_VERSION").as_bytes(),
        vocabulary::VERSION.as_bytes(),
        dataset.name().as_bytes(),
        &digest,
        &reports.to_le_bytes(),
        &lists,
        &dataset.params.size.to_le_bytes(),
    ])
}

/// The state of all files that the dataset's lists can be in, and of files that the config names,
/// with the names that the table has for them: those do not depend on where the folders are. A list
/// that is absent counts, since it may appear later.
fn state_of_lists(tree: &RawTree, answered: &dyn Fn()) -> Vec<u8> {
    let mut state = Vec::new();
    let mut add = |path: &Path| {
        let name = tree.name_of(path);
        state.extend((name.len() as u64).to_le_bytes());
        state.extend(name.as_bytes());
        match tree.storage.stat(path) {
            Ok(stat) => {
                state.push(1);
                state.extend(stat.stamp.to_bytes());
            }
            Err(error) => state.push(if is_absent(&error) { 0 } else { 2 }),
        }
        answered();
    };
    let lists = tree.dataset.metadata_rules().lists.iter();
    for list in lists {
        let folders = tree.folders_of(list);
        list.places(&folders).for_each(|path| add(&path));
    }
    tree.files().for_each(add);
    state
}

/// Writes the table, with `cache` as the folder for temporary files; a fault of a list or an image
/// does not stop that. Returns whether everything that the table is made of was there and could be
/// read.
pub(super) fn write(
    out: &mut Output<'_>,
    dataset: &ServedDataset,
    cache: &Path,
    readers: &ThreadPool,
    waiting: &Arc<Waiting>,
    stop: &AtomicBool,
) -> io::Result<bool> {
    let waiting = Arc::clone(waiting);
    let storage = Arc::clone(&dataset.tree.storage);
    let storage = Arc::new(Watched::new(storage, move || waiting.answered()));
    let tree = RawTree {
        storage: Arc::clone(&storage) as Arc<dyn Storage>,
        ..dataset.tree.clone()
    };
    readers.install(|| {
        let options = TableOptions::of_tree(dataset.params, cache, stop);
        let table = DatasetTable::read(&tree, &dataset.catalog, options);
        table.write_parquet(out)?;
        log_warnings(dataset, &table);
        Ok(!storage.has_failed() && !table.lacks_sources() && table.masks_fault().is_none())
    })
}

fn log_warnings(dataset: &ServedDataset, table: &DatasetTable<'_>) {
    let name = dataset.name();
    let warnings = table.all_warnings();
    for warning in warnings.iter().take(LOGGED) {
        tracing::warn!(dataset = name, "{warning}");
    }
    if warnings.len() > LOGGED {
        let more = warnings.len() - LOGGED;
        tracing::warn!(
            dataset = name,
            "{more} more warnings about its lists; \"machex metadata\" shows all"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{ALL, OptionValue};
    use crate::storage::Folder;
    use std::collections::BTreeMap;
    use std::fs;

    fn chexpert(root: &Path, options: BTreeMap<&'static str, OptionValue>) -> RawTree {
        let dataset = ALL.iter().find(|dataset| dataset.folder() == "chexpert");
        RawTree {
            dataset: *dataset.unwrap(),
            known: ALL,
            root: root.to_owned(),
            storage: Folder::shared(),
            frontal_only: true,
            only_present: false,
            options,
        }
    }

    #[test]
    fn a_list_that_comes_changes_or_goes_changes_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let tree = chexpert(folder.path(), BTreeMap::new());
        let state = || state_of_lists(&tree, &|| {});
        let name = tree.dataset.metadata_rules().lists[0].files[0];
        let (plain, packed) = (
            folder.path().join(name),
            folder.path().join(format!("{name}.gz")),
        );
        let none = state();
        assert_eq!(none, state());
        let mut seen = vec![none.clone()];
        let mut is_new = || {
            let is_new = !seen.contains(&state());
            seen.push(state());
            is_new
        };
        fs::create_dir_all(plain.parent().unwrap()).unwrap();
        fs::write(&packed, "a").unwrap();
        assert!(is_new());
        fs::rename(&packed, &plain).unwrap();
        assert!(is_new());
        fs::write(&plain, "ab").unwrap();
        assert!(is_new());
        fs::remove_file(&plain).unwrap();
        assert_eq!(none, state());
    }

    #[test]
    fn lists_in_the_folder_of_an_option_count_too() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let with = |option, value| {
            let tree = chexpert(folder.path(), BTreeMap::from([(option, value)]));
            state_of_lists(&tree, &|| {})
        };
        let state = |given: &Path| with("CHEXMASK_ROOT", OptionValue::Folder(given.to_owned()));
        let given = other.path().join("a");
        fs::create_dir(&given).unwrap();
        let none = state(&given);
        fs::write(given.join("CheXpert.csv"), "a").unwrap();
        let some = state(&given);
        assert_ne!(some, none);
        // The table has the same bytes wherever the folder is.
        let (beside, in_root) = (other.path().join("b"), folder.path().join("c"));
        fs::rename(&given, &beside).unwrap();
        assert_eq!(state(&beside), some);
        fs::rename(&beside, &in_root).unwrap();
        assert_eq!(state(&in_root), some);
        // It has the name of a file that an option names.
        let of_file = |name| with("RSNA_MAPPING", OptionValue::File(in_root.join(name)));
        let plain = of_file("CheXpert.csv");
        fs::rename(in_root.join("CheXpert.csv"), in_root.join("renamed.csv")).unwrap();
        assert_ne!(of_file("renamed.csv"), plain);
    }
}
