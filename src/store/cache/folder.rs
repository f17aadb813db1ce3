//! The private folder of the cache.
//!
//! ```text
//! <CACHE_PATH>/mount/            mode 0700
//!     machex-cache               marks the folder as ours; holds the version of the format
//!     lock                       held by the one process that uses it
//!     book.damaged               there after the book was found to be damaged
//!     book.sqlite                sizes, checksums, order of use
//!     files/ab/ab…               finished files, named by their content keys
//! ```
//!
//! Nothing outside of this folder is ever deleted, and in it nothing but files of these names.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::CacheError;
use crate::store::lock::lock_within;
use crate::store::{
    ContentKey, Durability, PrivateFolder, Trust, is_being_written, is_left_over, write_atomically,
};

/// Raised by every change of what is in the folder; a test fails when it is forgotten.
pub(super) const FORMAT: u32 = 1;

/// The mount before may have gone already while its process still has readers, whom it gives 5
/// seconds, or writes down what it knows.
const ENDING: Duration = Duration::from_secs(7);

const NAME: &str = "mount";
const MARKER: &str = "machex-cache";
const FILES: &str = "files";
const BOOK: &str = "book.sqlite";
const DAMAGED: &str = "book.damaged";

/// A folder that is ours, locked.
#[derive(Debug)]
pub(super) struct CacheFolder {
    path: PathBuf,
    _lock: File,
}

impl CacheFolder {
    /// Opens the folder in `cache_path`, making it if need be. One of an older format is emptied.
    pub(super) fn open(cache_path: &Path) -> Result<Self, CacheError> {
        let path = cache_path.join(NAME);
        // The images come with data use agreements.
        let created = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path);
        created.map_err(CacheError::io(&path))?;
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&path, private).map_err(CacheError::io(&path))?;
        let found = read_marker(&path)?;
        let _lock = {
            let folder =
                PrivateFolder::open(&path, Trust::Nobody).map_err(CacheError::io(&path))?;
            lock_within(ENDING, &folder, "lock", "cache")?
        };
        let folder = Self { path, _lock };
        if found != Some(FORMAT) {
            folder.clear().map_err(CacheError::io(&folder.path))?;
            let text = format!("The cache of machex mount, format {FORMAT}\n");
            write_atomically(&folder.path.join(MARKER), Durability::Accepted, |file| {
                io::Write::write_all(file, text.as_bytes())
            })
            .map_err(CacheError::io(&folder.path))?;
        }
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn book(&self) -> PathBuf {
        self.path.join(BOOK)
    }

    pub(super) fn open_marker(&self) -> io::Result<File> {
        File::open(self.path.join(MARKER))
    }

    /// Where the file of a key is, or will be.
    pub(super) fn file(&self, key: ContentKey) -> PathBuf {
        let name = key.to_string();
        let shard = name.get(..2).unwrap_or_default();
        self.path.join(FILES).join(shard).join(&name)
    }

    /// The keys of all files whose first byte is `first`. Removes the temporary files that a killed
    /// process left there.
    pub(super) fn list(&self, first: u8) -> io::Result<Vec<ContentKey>> {
        let shard = self.path.join(FILES).join(format!("{first:02x}"));
        let entries = match fs::read_dir(&shard) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut keys = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(key) = key_of(name) {
                keys.push(key);
            } else if is_ours(name) && !is_being_written(name) {
                remove_or_log(&shard.join(name));
            }
        }
        Ok(keys)
    }

    /// Removes all files and what is known of them.
    pub(super) fn clear(&self) -> io::Result<()> {
        for first in 0..=u8::MAX {
            for key in self.list(first)? {
                remove_or_log(&self.file(key));
            }
        }
        for suffix in ["", "-wal", "-shm", "-journal"] {
            remove(&self.path.join(format!("{BOOK}{suffix}")))?;
        }
        remove(&self.path.join(DAMAGED))
    }

    /// Makes the folder that the file `path` belongs into. What holds the folders is not made again:
    /// somebody who takes it away wants it gone.
    pub(super) fn create_shard(&self, path: &Path) -> io::Result<()> {
        let mut private = fs::DirBuilder::new();
        private.mode(0o700);
        for folder in [Some(self.path.join(FILES).as_path()), path.parent()] {
            match private.create(folder.unwrap_or(path)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Has the next process begin anew.
    pub(super) fn mark_damaged(&self) {
        // Best effort: a disk that cannot take this either is the greater trouble.
        let _ = fs::write(self.path.join(DAMAGED), "");
    }

    /// Whether a process found that its book is damaged.
    pub(super) fn is_marked_damaged(&self) -> bool {
        self.path.join(DAMAGED).exists()
    }
}

/// Removes a file, or an empty folder that somebody put in its place; one that is gone is fine.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => fs::remove_dir(path),
        removed => removed,
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Like [`remove`], where one that cannot be removed is no reason to stop.
pub(super) fn remove_or_log(path: &Path) {
    if let Err(error) = remove(path) {
        tracing::warn!("{}: cannot be removed: {error}", path.display());
    }
}

/// The format of a folder that is marked; `None` for one that is empty.
fn read_marker(path: &Path) -> Result<Option<u32>, CacheError> {
    match fs::read(path.join(MARKER)) {
        Ok(text) => {
            let text = String::from_utf8_lossy(&text);
            let digits = text.trim().rsplit(' ').next().unwrap_or_default();
            match digits.parse() {
                Ok(format) if format > FORMAT => Err(CacheError::Newer {
                    path: path.to_owned(),
                }),
                Ok(format) => Ok(Some(format)),
                Err(_) => Ok(None),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut entries = fs::read_dir(path).map_err(CacheError::io(path))?;
            // A lock or a half-written marker is what a process leaves that is killed at once.
            let is_foreign = entries.any(|entry| {
                entry.is_ok_and(|entry| {
                    let name = entry.file_name();
                    name != "lock" && !name.to_str().is_some_and(|name| is_left_over(name, MARKER))
                })
            });
            match is_foreign {
                true => Err(CacheError::Foreign {
                    path: path.to_owned(),
                }),
                false => Ok(None),
            }
        }
        Err(error) => Err(CacheError::io(path)(error)),
    }
}

fn key_of(name: &str) -> Option<ContentKey> {
    let is_lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (name.len() == 32 && name.bytes().all(is_lower_hex))
        .then(|| name.parse().ok())
        .flatten()
}

fn is_ours(name: &str) -> bool {
    name.get(1..33)
        .filter(|target| key_of(target).is_some())
        .is_some_and(|target| is_left_over(name, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_ours_is_left_alone() {
        let base = tempfile::tempdir().unwrap();
        let theirs = base.path().join(NAME).join("thesis.tex");
        fs::create_dir(base.path().join(NAME)).unwrap();
        fs::write(&theirs, "x").unwrap();
        let error = CacheFolder::open(base.path()).unwrap_err();
        assert!(matches!(error, CacheError::Foreign { .. }), "{error}");
        assert!(theirs.exists());
    }

    #[test]
    fn only_one_process_at_a_time_and_only_formats_that_are_known() {
        let base = tempfile::tempdir().unwrap();
        let first = CacheFolder::open(base.path()).unwrap();
        let second = CacheFolder::open(base.path()).unwrap_err().to_string();
        assert!(second.contains(&std::process::id().to_string()), "{second}");
        drop(first);
        let marker = base.path().join(NAME).join(MARKER);
        fs::write(&marker, format!("format {}\n", FORMAT + 1)).unwrap();
        let newer = CacheFolder::open(base.path()).unwrap_err();
        assert!(matches!(newer, CacheError::Newer { .. }), "{newer}");
    }

    #[test]
    fn an_older_format_is_emptied_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let key: ContentKey = "ab".parse().unwrap();
        let folder = CacheFolder::open(base.path()).unwrap();
        let file = folder.file(key);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let note = file.with_file_name("note.txt");
        let left = file.with_file_name(format!(".{key}.00ff.tmp"));
        for path in [&file, &note, &left] {
            fs::write(path, "x").unwrap();
        }
        drop(folder);
        fs::write(base.path().join(NAME).join(MARKER), "format 0\n").unwrap();
        CacheFolder::open(base.path()).unwrap();
        assert!(!file.exists() && !left.exists() && note.exists());
    }
}
