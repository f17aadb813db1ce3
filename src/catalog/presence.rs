//! Which images of a catalog have a source (`ONLY_PRESENT`).
//!
//! Folders are listed from the top down, so that one call covers many images, and nothing below a
//! missing folder is looked for. Unknown results (a folder that may not be read, a broken disk)
//! count as present, so that they fail visibly.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};

use parking_lot::Mutex;
use rayon::prelude::*;

use super::Catalog;
use crate::files::is_absent;
use crate::storage::{Kind, Listed, Storage};

/// Maximum depth of folders for a source. Real ones have six.
const DEPTH: usize = 64;

/// If a folder should have at most this many files and folders, each is checked separately.
const FEW: usize = 3;

/// Number of threads: they wait for disks and networks, not for processors.
const THREADS: usize = 16;

/// The numbers of entries without a source, as bits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Absent {
    bits: Vec<u64>,
    count: u32,
}

impl Absent {
    fn of(numbers: &[u32], len: u32) -> Self {
        let mut absent = Self {
            bits: vec![0; (len as usize).div_ceil(64)],
            count: numbers.len() as u32,
        };
        for number in numbers {
            if let Some(bits) = absent.bits.get_mut(*number as usize / 64) {
                *bits |= 1 << (number % 64);
            }
        }
        absent
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        let bits = self.bits.get(number as usize / 64);
        bits.is_some_and(|bits| bits >> (number % 64) & 1 == 1)
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn bits(&self) -> &[u64] {
        &self.bits
    }
}

/// A folder that should contain sources.
#[derive(Default)]
struct Wanted<'a> {
    folders: HashMap<&'a OsStr, Wanted<'a>>,
    files: Vec<(&'a OsStr, u32)>,
}

impl Catalog {
    /// Finds the entries without a source in `storage`, and leaves them out. Entries that can only
    /// fail are not changed.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn leave_out_absent(&mut self, storage: &dyn Storage) -> io::Result<()> {
        self.absent = Some(find_absent(self, storage)?);
        Ok(())
    }
}

fn find_absent(catalog: &Catalog, storage: &dyn Storage) -> io::Result<Absent> {
    let absent = Mutex::new(Vec::new());
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(THREADS)
        .thread_name(|number| format!("look-{number}"))
        .build()
        .map_err(io::Error::other)?;
    let wanted = wanted(catalog);
    pool.install(|| {
        wanted
            .par_iter()
            .for_each(|(folder, wanted)| wanted.look(storage, folder, &absent));
    });
    let absent = absent.into_inner();
    Ok(Absent::of(&absent, catalog.len()))
}

/// The folders and files that a catalog needs, by top folder.
fn wanted(catalog: &Catalog) -> Vec<(&Path, Wanted<'_>)> {
    let mut all: Vec<(&Path, Wanted<'_>)> = catalog
        .folders
        .iter()
        .map(|folder| (folder.as_path(), Wanted::default()))
        .collect();
    for number in 0..catalog.len() {
        let (Some((folder, path)), false) = (catalog.place(number), catalog.is_faulty(number))
        else {
            continue;
        };
        let Some((_, root)) = all.get_mut(folder) else {
            continue;
        };
        let mut names = Path::new(path).components().filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        if names.clone().nth(DEPTH).is_some() {
            continue;
        }
        let Some(file) = names.next_back() else {
            continue;
        };
        let folder = names.fold(root, |folder, name| folder.folders.entry(name).or_default());
        folder.files.push((file, number));
    }
    all
}

impl Wanted<'_> {
    /// Adds the entries that are not in `folder` to `absent`.
    fn look(&self, storage: &dyn Storage, folder: &Path, absent: &Mutex<Vec<u32>>) {
        // If there are only a few, checking each is cheaper than a listing.
        let there = if self.files.len() + self.folders.len() <= FEW {
            None
        } else {
            match self.list(storage, folder) {
                Ok(there) => Some(there),
                Err(error) if is_absent(&error) => {
                    self.all(&mut absent.lock());
                    return;
                }
                Err(_) => return,
            }
        };
        let is_file = |name: &OsStr| match there.as_ref().map(|there| there.get(name)) {
            Some(None) => false,
            None | Some(Some(Kind::Link)) => is_file(storage, &folder.join(name)),
            Some(Some(kind)) => *kind != Kind::Folder,
        };
        let mut missing: Vec<u32> = self
            .files
            .iter()
            .filter(|(name, _)| !is_file(name))
            .map(|(_, number)| *number)
            .collect();
        let (found, gone): (Vec<_>, Vec<_>) = self.folders.iter().partition(|(name, _)| {
            let there = there.as_ref();
            there.is_none_or(|there| there.contains_key(**name))
        });
        gone.iter().for_each(|(_, wanted)| wanted.all(&mut missing));
        absent.lock().append(&mut missing);
        found
            .par_iter()
            .for_each(|(name, wanted)| wanted.look(storage, &folder.join(name), absent));
    }

    /// The wanted names that exist in `folder`.
    fn list(&self, storage: &dyn Storage, folder: &Path) -> io::Result<HashMap<OsString, Kind>> {
        let files: HashMap<&OsStr, ()> = self.files.iter().map(|(name, _)| (*name, ())).collect();
        let mut there = HashMap::new();
        for listed in storage.list(folder)? {
            let Listed { name, kind } = listed?;
            if files.contains_key(name.as_os_str()) || self.folders.contains_key(name.as_os_str()) {
                there.insert(name, kind);
            }
        }
        Ok(there)
    }

    /// Adds all entries below to `numbers`.
    fn all(&self, numbers: &mut Vec<u32>) {
        numbers.extend(self.files.iter().map(|(_, number)| *number));
        for wanted in self.folders.values() {
            wanted.all(numbers);
        }
    }
}

/// Whether a path leads to something that is not a folder; true if that is unknown.
fn is_file(storage: &dyn Storage, path: &Path) -> bool {
    match storage.stat(path) {
        Ok(stat) => stat.kind != Kind::Folder,
        Err(error) => !is_absent(&error),
    }
}
