//! The stored form of a catalog: `<CACHE_PATH>/catalogs/<dataset>-<settings>.catalog`.
//!
//! ```text
//! magic and version (8 bytes) | XXH3-64 of the rest (8 bytes, LE) | postcard: inputs, catalog
//! ```
//!
//! The folder is private, and is used only if nobody else can have prepared it: keys can identify
//! patients, and a forged catalog would change what a mount shows. The most recently used catalogs
//! of each dataset are kept.
//!
//! Inputs are the list files and folders that the catalog depends on, with their state in the
//! storage when it was made. If one has changed, or a byte of the file is wrong, the stored form is
//! not used.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{OFlags, Timespec, Timestamps, UTIME_NOW};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::Catalog;
use crate::files::read_within;
use crate::files::{
    Durability, Links, ParentFolder, PrivateFolder, Trust, is_left_over, write_atomically,
};
use crate::shown::Show as _;
use crate::storage::{Stat, Storage};

/// The last digit is the version: increased by every change of [`Content`] or of what a dataset
/// reads from the same lists.
const MAGIC: &[u8; 8] = b"MXCATLG3";

/// Larger than any catalog: keys are limited, and a million faults take 300 MB.
const MAX_BYTES: u64 = 1 << 30;

/// After this many seconds, a new change gets a different time: some file systems only store whole
/// seconds.
const SETTLED: i64 = 2;

/// How many catalogs of one dataset to keep: several configs may use one cache.
const KEEP: usize = 4;

/// After this time, a temporary file is abandoned.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// Name of the folder in CACHE_PATH.
const FOLDER: &str = "catalogs";

const SUFFIX: &str = ".catalog";

#[derive(Serialize, Deserialize)]
struct Content<Inputs, Catalog> {
    inputs: Inputs,
    catalog: Catalog,
}

/// A file or folder, and its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    path: PathBuf,
    /// `None` if it does not exist.
    state: Option<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Size and tag: see [`crate::storage::Stamp::to_bytes`].
    stamp: [u8; 24],
    /// Seconds since 1970.
    modified: i64,
    /// Present only in a file system.
    inode: Option<InodeState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct InodeState {
    number: u64,
    /// Seconds and nanoseconds.
    changed: (i64, u32),
}

impl State {
    fn of(stat: &Stat) -> Self {
        Self {
            stamp: stat.stamp.to_bytes(),
            modified: stat.stamp.modified.0,
            // Without the device number, which may differ after each boot.
            inode: stat.inode.map(|inode| InodeState {
                number: inode.number,
                changed: inode.changed,
            }),
        }
    }
}

impl Input {
    pub(super) fn of(storage: &dyn Storage, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            state: storage.stat(path).ok().as_ref().map(State::of),
        }
    }

    fn is_unchanged(&self, storage: &dyn Storage) -> bool {
        Input::of(storage, &self.path) == *self
    }

    /// Whether it was changed so recently that another change could have the same time.
    fn is_fresh(&self, now: i64) -> bool {
        self.state.is_some_and(|state| {
            let changed = state.inode.map(|inode| inode.changed.0);
            std::iter::once(state.modified)
                .chain(changed)
                .any(|seconds| now - seconds < SETTLED)
        })
    }
}

/// Location of the stored form of one catalog.
pub struct Stored {
    /// `<CACHE_PATH>/catalogs`
    cache_path: PathBuf,
    /// Folder of the dataset.
    dataset: &'static str,
    /// Name of the file.
    name: String,
}

impl Stored {
    /// The stored form of a dataset's catalog. `settings` is a digest of everything besides the
    /// lists' contents that determines the catalog, including the location of the lists.
    pub fn of(dataset: &'static str, settings: u64, cache: &Path) -> Self {
        Self {
            cache_path: cache.to_owned(),
            dataset,
            name: format!("{dataset}-{settings:016x}{SUFFIX}"),
        }
    }

    /// The path for messages.
    pub fn path(&self) -> PathBuf {
        self.cache_path.join(FOLDER).join(&self.name)
    }

    /// The catalog; `None` if there is no complete one whose inputs are unchanged in `storage`.
    ///
    /// # Errors
    /// If the file or its folder is not ours.
    pub fn read(&self, storage: &dyn Storage) -> io::Result<Option<Catalog>> {
        let file = self
            .open_folder()
            .and_then(|folder| folder.open_file(&self.name, OFlags::RDONLY));
        let file = match file {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let bytes = read_within(&file, MAX_BYTES)?;
        let catalog = parse(&bytes, storage);
        if is_of_another_version(&bytes) {
            tracing::info!(
                "{}: made by another version of machex; the lists are read again",
                self.path().shown()
            );
        }
        if catalog.is_some() {
            // Only to know which were used last.
            let _ = rustix::fs::futimens(&file, &now());
        }
        Ok(catalog)
    }

    /// Opens the folder of all catalogs, if nobody else can have prepared it.
    fn open_folder(&self) -> io::Result<PrivateFolder> {
        let above = ParentFolder::open(&self.cache_path, Links::Trusted)?;
        above.check()?;
        above.open_private(OsStr::new(FOLDER), Trust::Nobody)
    }

    /// Stores `catalog`, which depends on `inputs`, unless one of these was changed just now.
    pub fn write(&self, catalog: &Catalog, inputs: &[Input]) -> io::Result<()> {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = since.as_secs().try_into().unwrap_or(i64::MAX);
        if inputs.iter().any(|input| input.is_fresh(now)) {
            return Ok(());
        }
        let content =
            postcard::to_stdvec(&Content { inputs, catalog }).map_err(io::Error::other)?;
        let above = ParentFolder::open_or_create(&self.cache_path, Links::Trusted, 0o700)?;
        above.check()?;
        let folder = above.private(OsStr::new(FOLDER), Trust::Nobody, 0o700)?;
        folder.set_mode(0o700)?;
        self.prune(&folder)?;
        // Through the open folder, even if its path has changed.
        write_atomically(
            &folder.handle_path().join(&self.name),
            Durability::Accepted,
            |file| {
                file.set_permissions(Permissions::from_mode(0o600))?;
                file.write_all(MAGIC)?;
                file.write_all(&xxh3_64(&content).to_le_bytes())?;
                file.write_all(&content)
            },
        )
    }

    /// Makes room for one more catalog of the dataset: removes the least recently used ones, and
    /// files left by killed processes. Files with other names are not ours.
    fn prune(&self, folder: &PrivateFolder) -> io::Result<()> {
        let mut others = Vec::new();
        for entry in fs::read_dir(folder.handle_path())? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let used = metadata.modified()?;
            if is_catalog_of(name, self.dataset) {
                if name != self.name {
                    others.push((used, entry.path()));
                }
            } else if is_temporary_of(name, self.dataset)
                && used.elapsed().is_ok_and(|age| age > ABANDONED)
            {
                let _ = fs::remove_file(entry.path());
            }
        }
        others.sort();
        let excess = (others.len() + 1).saturating_sub(KEEP);
        for (_, path) in others.iter().take(excess) {
            // Another process may have removed it first.
            let _ = fs::remove_file(path);
        }
        Ok(())
    }
}

/// Whether a file is a catalog of the dataset: `<dataset>-<16 digits>.catalog`.
fn is_catalog_of(name: &str, dataset: &str) -> bool {
    name.strip_prefix(dataset)
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|rest| rest.strip_suffix(SUFFIX))
        .is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a killed process left this file of a catalog of the dataset.
fn is_temporary_of(name: &str, dataset: &str) -> bool {
    let target = name.strip_prefix('.').and_then(|rest| {
        let end = rest.find(SUFFIX)? + SUFFIX.len();
        rest.get(..end)
    });
    target.is_some_and(|target| is_catalog_of(target, dataset) && is_left_over(name, target))
}

/// Whether a file is a catalog in another version's form.
fn is_of_another_version(bytes: &[u8]) -> bool {
    let (_, name) = MAGIC.split_last().unwrap_or((&0, &[]));
    bytes.starts_with(name) && !bytes.starts_with(MAGIC)
}

fn now() -> Timestamps {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    Timestamps {
        last_access: now,
        last_modification: now,
    }
}

/// The catalog in a file, if it is complete and its inputs are unchanged. A correct checksum does
/// not prove that its parts are consistent: the bytes may have been damaged before it was computed.
pub fn parse(bytes: &[u8], storage: &dyn Storage) -> Option<Catalog> {
    let (sum, content) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    if xxh3_64(content) != u64::from_le_bytes(*sum) {
        return None;
    }
    let content: Content<Vec<Input>, Catalog> = postcard::from_bytes(content).ok()?;
    content
        .inputs
        .iter()
        .all(|input| input.is_unchanged(storage))
        .then_some(content.catalog)
        .filter(Catalog::is_sound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CatalogBuilder, EntryFault, SourceLocation};
    use crate::storage::{Folder, Stamp};

    fn example(folder: &Path) -> (Catalog, Vec<Input>) {
        let list = folder.join("list.csv");
        fs::write(&list, "a,b\n").unwrap();
        let mut builder = CatalogBuilder::new("SOME_ROOT", Folder::shared());
        let place = SourceLocation::below(builder.folder(Path::new("/data")));
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

    fn stored(cache: &Path, settings: u64) -> Stored {
        Stored {
            cache_path: cache.to_owned(),
            dataset: "some",
            name: format!("some-{settings:016x}.catalog"),
        }
    }

    #[test]
    fn the_least_recently_used_go_and_nothing_that_is_not_ours() {
        let cache = tempfile::tempdir().unwrap();
        let (catalog, _) = example(cache.path());
        let names = || {
            let mut names: Vec<_> = fs::read_dir(cache.path().join("catalogs"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let folder = cache.path().join("catalogs");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let theirs = ["some-1.catalog", "some-more-0000000000000001.catalog"];
        let old = SystemTime::now() - ABANDONED * 2;
        let left = [".some-0000000000000001.catalog.00ff.tmp", ".note.tmp"];
        for name in theirs.into_iter().chain(left) {
            let file = fs::File::create(folder.join(name)).unwrap();
            file.set_modified(old).unwrap();
        }
        for settings in 1..=KEEP as u64 {
            stored(cache.path(), settings).write(&catalog, &[]).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(stored(cache.path(), 1).read(&Folder).unwrap().is_some());
        std::thread::sleep(Duration::from_millis(20));
        stored(cache.path(), 9).write(&catalog, &[]).unwrap();
        let mut expected: Vec<String> = [1, 3, 4, 9]
            .map(|n| format!("some-{n:016x}.catalog"))
            .into();
        expected.extend(theirs.map(str::to_owned));
        expected.push(".note.tmp".to_owned());
        expected.sort();
        assert_eq!(names(), expected);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&stored(cache.path(), 9).path()), 0o600);
    }

    #[test]
    fn what_somebody_else_prepared_is_neither_read_nor_written_through() {
        let cache = tempfile::tempdir().unwrap();
        let (catalog, _) = example(cache.path());
        let elsewhere = cache.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink("elsewhere", cache.path().join("catalogs")).unwrap();
        assert!(stored(cache.path(), 1).read(&Folder).is_err());
        assert!(stored(cache.path(), 1).write(&catalog, &[]).is_err());
        assert!(fs::read_dir(&elsewhere).unwrap().next().is_none());
        fs::remove_file(cache.path().join("catalogs")).unwrap();

        let first = stored(cache.path(), 1);
        first.write(&catalog, &[]).unwrap();
        fs::rename(first.path(), elsewhere.join("planted")).unwrap();
        std::os::unix::fs::symlink("../elsewhere/planted", first.path()).unwrap();
        assert!(first.read(&Folder).is_err());
        // A link in its place is replaced; its target is not touched.
        fs::write(elsewhere.join("planted"), "precious").unwrap();
        first.write(&catalog, &[]).unwrap();
        assert_eq!(fs::read(elsewhere.join("planted")).unwrap(), b"precious");

        let folder = cache.path().join("catalogs");
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        let error = first.write(&catalog, &[]).unwrap_err();
        assert!(crate::files::is_not_ours(&error), "{error}");
        assert_eq!(
            fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o777
        );
    }

    #[test]
    fn a_catalog_survives_and_a_changed_list_or_byte_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let stored = stored(folder.path(), 1);
        let path = stored.path();
        assert_eq!(stored.read(&Folder).unwrap(), None);
        let (catalog, inputs) = example(folder.path());
        let list = inputs[0].path.clone();
        stored.write(&catalog, &inputs).unwrap();
        assert_eq!(
            stored.read(&Folder).unwrap(),
            None,
            "a list that was changed only now"
        );
        // The time of a change of owner or name cannot be set back: time has to pass.
        std::thread::sleep(std::time::Duration::from_secs(SETTLED as u64 + 1));
        stored.write(&catalog, &inputs).unwrap();
        assert_eq!(stored.read(&Folder).unwrap().as_ref(), Some(&catalog));

        let bytes = fs::read(&path).unwrap();
        for at in [3, 9, bytes.len() / 2, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).unwrap();
            assert_eq!(stored.read(&Folder).unwrap(), None, "byte {at}");
        }
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(stored.read(&Folder).unwrap(), None);
        // From another version: the rest is not read.
        let mut other = bytes.clone();
        other[7] -= 1;
        fs::write(&path, &other).unwrap();
        assert!(is_of_another_version(&other) && !is_of_another_version(&bytes));
        assert_eq!(stored.read(&Folder).unwrap(), None);

        fs::write(&path, &bytes).unwrap();
        assert!(stored.read(&Folder).unwrap().is_some());
        fs::write(&list, "a,b\nc").unwrap();
        assert_eq!(stored.read(&Folder).unwrap(), None);
    }

    #[test]
    fn a_catalog_whose_parts_do_not_fit_together_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let (catalog, _) = example(folder.path());
        let parsed = |change: fn(&mut Catalog)| {
            let mut catalog = catalog.clone();
            change(&mut catalog);
            let inputs: [Input; 0] = [];
            let content = postcard::to_stdvec(&Content {
                inputs: &inputs[..],
                catalog: &catalog,
            })
            .unwrap();
            let sum = xxh3_64(&content).to_le_bytes();
            parse(&[MAGIC.as_slice(), &sum, &content].concat(), &Folder)
        };
        assert_eq!(parsed(|_| ()), Some(catalog.clone()));
        let changes: [fn(&mut Catalog); 9] = [
            |catalog| catalog.ends.swap(0, 1),
            // In the middle of a character.
            |catalog| catalog.ends[0] = 2,
            |catalog| catalog.ends[1] += 1,
            |catalog| catalog.ends[1] -= 1,
            |catalog| catalog.places.truncate(1),
            |catalog| catalog.places[0].folder.0 = 1,
            |catalog| catalog.places[0].skip = 2,
            |catalog| catalog.places[0].skip = 99,
            |catalog| catalog.labels.truncate(1),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            assert_eq!(parsed(change), None, "change {at}");
        }
    }

    /// When this fails, increase the version in [`MAGIC`] and update the checksum here.
    #[test]
    fn the_format_does_not_change_without_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let (catalog, _) = example(folder.path());
        let inputs = vec![Input {
            path: PathBuf::from("/list"),
            state: Some(State {
                stamp: Stamp::of_file(3, (4, 5)).to_bytes(),
                modified: 4,
                inode: Some(InodeState {
                    number: 8,
                    changed: (6, 7),
                }),
            }),
        }];
        let content = postcard::to_stdvec(&Content { inputs, catalog }).unwrap();
        assert_eq!(
            (MAGIC[7], xxh3_64(&content)),
            (b'3', 12_257_325_895_377_893_644)
        );
    }
}
