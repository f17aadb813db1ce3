//! The stored form of a catalog: `<CACHE_PATH>/catalogs/<dataset>-<settings>.catalog`.
//!
//! ```text
//! magic and version (8 bytes) | XXH3-64 of the rest (8 bytes, LE) | postcard: inputs, catalog
//! ```
//!
//! Inputs are the list files and folders from which the catalog follows, with what the file system
//! said of them when it was made. One that differs now, or a byte that does, and the form is not
//! used.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::Catalog;
use crate::datasets::{OptionValue, RawTree};
use crate::store::{Durability, write_atomically};

/// The last digit is the version: raised by every change of [`Content`] or of what a dataset
/// reads out of the same lists.
const MAGIC: &[u8; 8] = b"MXCATLG1";

/// Seconds after which a file's time is its own: some file systems count whole seconds.
const SETTLED: i64 = 2;

#[derive(Serialize, Deserialize)]
struct Content<Inputs, Catalog> {
    inputs: Inputs,
    catalog: Catalog,
}

/// A file or folder, and what changes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Input {
    path: PathBuf,
    /// `None` when there is no such thing.
    state: Option<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Input {
    pub(super) fn of(path: &Path) -> Self {
        let state = fs::metadata(path).ok().map(|metadata| State {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        });
        Self {
            path: path.to_owned(),
            state,
        }
    }

    fn is_unchanged(&self) -> bool {
        Input::of(&self.path) == *self
    }

    /// Whether it was changed so lately that another change could bear the same time.
    fn is_fresh(&self, now: i64) -> bool {
        self.state.is_some_and(|state| {
            [state.modified, state.changed]
                .iter()
                .any(|(seconds, _)| now - seconds < SETTLED)
        })
    }
}

/// Where the stored form of one catalog is.
pub(super) struct Stored {
    path: PathBuf,
}

impl Stored {
    /// The stored form for `tree` and its settings.
    pub(super) fn of(tree: &RawTree, cache: &Path) -> Self {
        let mut settings = Xxh3::new();
        let mut add = |bytes: &[u8]| {
            settings.update(&(bytes.len() as u64).to_le_bytes());
            settings.update(bytes);
        };
        add(tree.root.as_os_str().as_encoded_bytes());
        add(&[u8::from(tree.frontal_only)]);
        for (name, value) in &tree.options {
            add(name.as_bytes());
            match value {
                OptionValue::Folder(path) => add(path.as_os_str().as_encoded_bytes()),
                OptionValue::Bool(value) => add(&[u8::from(*value)]),
            }
        }
        let name = format!(
            "{}-{:016x}.catalog",
            tree.dataset.folder(),
            settings.digest()
        );
        Self {
            path: cache.join("catalogs").join(name),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The catalog; `None` where there is none that is whole and still true.
    pub(super) fn read(&self) -> Option<Catalog> {
        let bytes = fs::read(&self.path).ok()?;
        let (sum, content) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        if xxh3_64(content) != u64::from_le_bytes(*sum) {
            return None;
        }
        let content: Content<Vec<Input>, Catalog> = postcard::from_bytes(content).ok()?;
        content
            .inputs
            .iter()
            .all(Input::is_unchanged)
            .then_some(content.catalog)
    }

    /// Keeps `catalog`, which follows from `inputs`, unless one of these was changed only now.
    pub(super) fn write(&self, catalog: &Catalog, inputs: &[Input]) -> io::Result<()> {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = since.as_secs().try_into().unwrap_or(i64::MAX);
        if inputs.iter().any(|input| input.is_fresh(now)) {
            return Ok(());
        }
        let content =
            postcard::to_stdvec(&Content { inputs, catalog }).map_err(io::Error::other)?;
        if let Some(folder) = self.path.parent() {
            // Keys can tell of patients.
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        write_atomically(&self.path, Durability::Accepted, |file| {
            file.write_all(MAGIC)?;
            file.write_all(&xxh3_64(&content).to_le_bytes())?;
            file.write_all(&content)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CatalogBuilder, EntryFault, Place};

    fn example(folder: &Path) -> (Catalog, Vec<Input>) {
        let list = folder.join("list.csv");
        fs::write(&list, "a,b\n").unwrap();
        let mut builder = CatalogBuilder::new("SOME_ROOT");
        let place = Place::below(builder.folder(Path::new("/data")));
        builder
            .push(
                "k\u{fc}/1.png",
                place,
                Some([1, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            )
            .unwrap();
        builder.push("2.png", place, None).unwrap();
        builder.fail(1, EntryFault("no".to_owned()));
        builder.set_layout("as downloaded");
        builder.warn("something");
        builder.views().frontal = 2;
        builder.input(&list);
        builder.finish()
    }

    #[test]
    fn a_catalog_survives_and_a_changed_list_or_byte_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let stored = Stored {
            path: folder.path().join("x/y.catalog"),
        };
        assert_eq!(stored.read(), None);
        let (catalog, inputs) = example(folder.path());
        let list = inputs[0].path.clone();
        stored.write(&catalog, &inputs).unwrap();
        assert_eq!(stored.read(), None, "a list that was changed only now");
        // A change of owner or name cannot be set back: time has to pass.
        std::thread::sleep(std::time::Duration::from_secs(SETTLED as u64 + 1));
        stored.write(&catalog, &inputs).unwrap();
        assert_eq!(stored.read().as_ref(), Some(&catalog));

        let bytes = fs::read(&stored.path).unwrap();
        for at in [3, 9, bytes.len() / 2, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            fs::write(&stored.path, damaged).unwrap();
            assert_eq!(stored.read(), None, "byte {at}");
        }
        fs::write(&stored.path, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(stored.read(), None);

        fs::write(&stored.path, &bytes).unwrap();
        assert!(stored.read().is_some());
        fs::write(&list, "a,b\nc").unwrap();
        assert_eq!(stored.read(), None);
    }

    /// When this fails, raise the version in [`MAGIC`] and write down the new sum.
    #[test]
    fn the_format_does_not_change_without_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let (catalog, _) = example(folder.path());
        let inputs = vec![Input {
            path: PathBuf::from("/list"),
            state: Some(State {
                inode: 8,
                size: 3,
                modified: (4, 5),
                changed: (6, 7),
            }),
        }];
        let content = postcard::to_stdvec(&Content { inputs, catalog }).unwrap();
        assert_eq!(
            (MAGIC[7], xxh3_64(&content)),
            (b'1', 8_578_821_401_267_291_344)
        );
    }
}
