//! The private folder of the cache.
//!
//! ```text
//! <CACHE_PATH>/mount/            mode 0700
//!     machex-cache               marks the folder as ours; holds the version of the format
//!     lock                       held by the one process that uses it; names its mount point
//!     book.damaged               there after the record database was found to be damaged
//!     book.sqlite                sizes, checksums, order of use
//!     files/ab/ab…               finished files, named by their content keys
//! ```
//!
//! Nothing outside this folder is ever deleted, and inside it only files with these names.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::CacheError;
use crate::files::{
    Durability, Links, ParentFolder, PrivateFolder, Trust, is_being_written, is_left_over,
    patiently, write_atomically,
};
use crate::shown::Show as _;
use crate::store::ContentKey;
use crate::store::lock::lock_cache;

/// Increased by every change of the folder's contents; a test fails if that is forgotten.
pub(super) const FORMAT: u32 = 3;

/// How long to wait for the previous mount: it may be gone while its process still has readers, to
/// which it gives 5 seconds, or saves its state.
const ENDING: Duration = Duration::from_secs(7);

const NAME: &str = "mount";
const MARKER: &str = "machex-cache";
const LOCK: &str = "lock";
const FILES: &str = "files";
const RECORDS: &str = "book.sqlite";
const DAMAGED: &str = "book.damaged";

/// Larger than any marker.
const MARKER_BYTES: u64 = 4096;

/// Suffixes of the files that SQLite creates for the database.
const RECORDS_SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// A folder that belongs to us, locked.
#[derive(Debug)]
pub(super) struct CacheFolder {
    folder: PrivateFolder,
    /// The path through the open handle, which does not reach a folder that replaces this one
    /// later.
    base: PathBuf,
    /// Whether `files/ab` was checked, by its number.
    checked: [AtomicBool; 256],
    _lock: File,
}

impl CacheFolder {
    /// Opens the folder in `cache_path` for the mount at `mountpoint`, and creates it if necessary.
    /// One of an older format is emptied.
    ///
    /// Checks before it changes anything: a folder that another user has prepared, or that holds
    /// other things, is refused and stays as it is.
    pub(super) fn open(cache_path: &Path, mountpoint: &Path) -> Result<Self, CacheError> {
        // The images are subject to data use agreements.
        let above = ParentFolder::open_or_create(cache_path, Links::Trusted, 0o700)
            .and_then(|above| above.check().map(|()| above))
            .map_err(CacheError::io(cache_path))?;
        let path = cache_path.join(NAME);
        let folder = above
            .private(OsStr::new(NAME), Trust::Nobody, 0o700)
            .map_err(CacheError::io(&path))?;
        let base = folder.handle_path();
        read_marker(&folder, &base)?;
        let _lock = lock_cache(ENDING, &folder, LOCK, mountpoint)?;
        // Again: the previous holder of the lock may have created the cache.
        let found = read_marker(&folder, &base)?;
        folder.set_mode(0o700).map_err(CacheError::io(&path))?;
        let folder = Self {
            folder,
            base,
            checked: [const { AtomicBool::new(false) }; 256],
            _lock,
        };
        if found != Some(FORMAT) {
            if found.is_some() {
                let path = path.shown();
                tracing::warn!(
                    "{path}: made by an earlier version of machex; the cache begins anew, and \
                     images are rendered again"
                );
            }
            folder.begin_anew().map_err(CacheError::io(&path))?;
        }
        Ok(folder)
    }

    fn begin_anew(&self) -> io::Result<()> {
        self.clear()?;
        let text = format!("The cache of machex mount, format {FORMAT}\n");
        write_atomically(&self.base.join(MARKER), Durability::Accepted, |file| {
            file.set_permissions(Permissions::from_mode(0o600))?;
            io::Write::write_all(file, text.as_bytes())
        })
    }

    /// The path by which the folder was opened, for messages.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The path through the open handle.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// The folder itself, even if its path has changed.
    pub(super) fn handle(&self) -> &PrivateFolder {
        &self.folder
    }

    /// Path of the database. SQLite resolves the handle to a path and uses that, hence
    /// [`Self::check_book`].
    pub(super) fn records(&self) -> PathBuf {
        self.path().join(RECORDS)
    }

    /// Checks the database files before they are opened, and creates the database if there is none:
    /// readable only by its owner, a mode that SQLite uses for its other files too.
    ///
    /// # Errors
    /// If one of them is a link, or is not ours.
    pub(super) fn look_at_book(&self) -> io::Result<()> {
        for suffix in RECORDS_SUFFIXES {
            let looked = self
                .folder
                .open_file(&format!("{RECORDS}{suffix}"), OFlags::RDONLY);
            match looked {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let flags = OFlags::RDWR | OFlags::CREATE;
        let records = self.folder.open_file(RECORDS, flags)?;
        records.set_permissions(Permissions::from_mode(0o600))
    }

    /// Checks that the open database is the one in this folder, and not in a folder that has
    /// replaced it meanwhile.
    pub(super) fn check_book(&self) -> io::Result<()> {
        let mut open = Vec::new();
        for entry in fs::read_dir("/proc/self/fd")? {
            // Closed by another thread meanwhile.
            if let Ok(metadata) = fs::metadata(entry?.path()) {
                open.push((metadata.dev(), metadata.ino()));
            }
        }
        for suffix in ["", "-wal"] {
            let name = format!("{RECORDS}{suffix}");
            match fs::symlink_metadata(self.base.join(&name)) {
                Ok(ours) if open.contains(&(ours.dev(), ours.ino())) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound && !suffix.is_empty() => {}
                Ok(_) => {
                    let problem =
                        format!("another {name} was put in its place while it was opened");
                    return Err(io::Error::other(problem));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn open_marker(&self) -> io::Result<File> {
        self.folder.open_file(MARKER, OFlags::RDONLY)
    }

    /// Path of a key's file, whether or not it exists. To be used after [`Self::check_shard`].
    pub(super) fn file(&self, key: ContentKey) -> PathBuf {
        self.base.join(relative(key))
    }

    /// The same for messages.
    pub(super) fn shown(&self, key: ContentKey) -> PathBuf {
        self.path().join(relative(key))
    }

    /// Checks that the folder for a key's file is ours.
    pub(super) fn check_shard(&self, key: ContentKey) -> io::Result<()> {
        self.check_shard_of(key.to_bytes()[0])
    }

    fn check_shard_of(&self, first: u8) -> io::Result<()> {
        let Some(checked) = self.checked.get(usize::from(first)) else {
            return Ok(());
        };
        if checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        patiently(|| {
            let files = self.folder.open_folder(FILES, Trust::Nobody)?;
            files.open_folder(&format!("{first:02x}"), Trust::Nobody)
        })?;
        checked.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Opens a key's file if the kernel has its directory entries in memory: never waits for a
    /// disk, and follows no link.
    pub(super) fn open_remembered(&self, key: ContentKey) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let how = ResolveFlags::CACHED | ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let file = rustix::fs::openat2(&self.folder, relative(key), flags, Mode::empty(), how)?;
        Ok(File::from(file))
    }

    /// The keys of all files whose first byte is `first`. Removes temporary files that a killed
    /// process left there.
    pub(super) fn list(&self, first: u8) -> io::Result<Vec<ContentKey>> {
        let shard = self.base.join(FILES).join(format!("{first:02x}"));
        let entries = match self
            .check_shard_of(first)
            .and_then(|()| patiently(|| fs::read_dir(&shard)))
        {
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
                self.log_failed(&shard.join(name), remove(&shard.join(name)));
            }
        }
        Ok(keys)
    }

    /// Removes all files and the record database.
    pub(super) fn clear(&self) -> io::Result<()> {
        for first in 0..=u8::MAX {
            for key in self.list(first)? {
                self.remove_or_log(key);
            }
        }
        for suffix in RECORDS_SUFFIXES {
            remove(&self.base.join(format!("{RECORDS}{suffix}")))?;
        }
        remove(&self.base.join(DAMAGED))
    }

    /// Creates the folder for a key's file, but not the cache folder: a user who removes that wants
    /// it gone.
    pub(super) fn create_shard(&self, key: ContentKey) -> io::Result<()> {
        let make = |folder: &PrivateFolder, name: &str| match rustix::fs::mkdirat(
            folder,
            name,
            Mode::RWXU,
        ) {
            Err(error) if error != Errno::EXIST => Err(io::Error::from(error)),
            _ => Ok(()),
        };
        make(&self.folder, FILES)?;
        let files = patiently(|| self.folder.open_folder(FILES, Trust::Nobody))?;
        make(&files, &format!("{:02x}", key.to_bytes()[0]))?;
        self.check_shard(key)
    }

    /// Removes a key's file, or an empty folder in its place; does nothing if it is gone.
    pub(super) fn remove(&self, key: ContentKey) -> io::Result<()> {
        remove(&self.file(key))
    }

    /// Like [`Self::remove`], but logs a failure instead of returning it.
    pub(super) fn remove_or_log(&self, key: ContentKey) {
        self.log_failed(&self.file(key), self.remove(key));
    }

    fn log_failed(&self, path: &Path, removed: io::Result<()>) {
        if let Err(error) = removed {
            let path = self
                .path()
                .join(path.strip_prefix(&self.base).unwrap_or(path));
            tracing::warn!("{}: cannot be removed: {error}", path.shown());
        }
    }

    /// Makes the next process start with an empty cache.
    pub(super) fn mark_damaged(&self) {
        // Best effort: if the disk cannot take this either, there is a bigger problem.
        let _ = self
            .folder
            .open_file(DAMAGED, OFlags::WRONLY | OFlags::CREATE);
    }

    /// Whether a process found the record database damaged.
    pub(super) fn is_marked_damaged(&self) -> bool {
        self.folder.has(DAMAGED)
    }
}

/// `files/ab/ab…`
fn relative(key: ContentKey) -> PathBuf {
    let name = key.to_string();
    let shard = name.get(..2).unwrap_or_default();
    Path::new(FILES).join(shard).join(&name)
}

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

/// The format of a marked folder; `None` for an empty one.
fn read_marker(folder: &PrivateFolder, base: &Path) -> Result<Option<u32>, CacheError> {
    let path = folder.path();
    let mut text = Vec::new();
    let read = folder
        .open_file(MARKER, OFlags::RDONLY)
        .and_then(|file| file.take(MARKER_BYTES).read_to_end(&mut text));
    match read {
        Ok(_) => {
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
            let mut entries = fs::read_dir(base).map_err(CacheError::io(path))?;
            // A process that is killed early leaves a lock or a half-written marker.
            let is_foreign = entries.any(|entry| {
                entry.is_ok_and(|entry| {
                    let name = entry.file_name();
                    name != LOCK && !name.to_str().is_some_and(|name| is_left_over(name, MARKER))
                })
            });
            if is_foreign {
                Err(CacheError::Foreign {
                    path: path.to_owned(),
                })
            } else {
                Ok(None)
            }
        }
        Err(error) => Err(CacheError::io(&path.join(MARKER))(error)),
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
    use std::os::unix::fs::symlink;

    fn open(base: &tempfile::TempDir) -> Result<CacheFolder, CacheError> {
        CacheFolder::open(base.path(), Path::new("/nowhere"))
    }

    #[test]
    fn a_folder_that_is_not_ours_is_left_alone() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join(NAME);
        let theirs = folder.join("thesis.tex");
        fs::create_dir(&folder).unwrap();
        fs::write(&theirs, "x").unwrap();
        for mode in [0o755, 0o750] {
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            let error = open(&base).unwrap_err();
            assert!(matches!(error, CacheError::Foreign { .. }), "{error}");
            assert_untouched(&folder, mode, &["thesis.tex"]);
        }
        // Shared: refused for that reason alone, whatever its contents.
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        fs::write(folder.join(MARKER), format!("format {FORMAT}")).unwrap();
        let error = open(&base).unwrap_err();
        assert!(matches!(error, CacheError::NotOurs { .. }), "{error}");
        assert_untouched(&folder, 0o777, &[MARKER, "thesis.tex"]);
    }

    #[track_caller]
    fn assert_untouched(folder: &Path, mode: u32, names: &[&str]) {
        let found = fs::metadata(folder).unwrap().permissions().mode() & 0o7777;
        let mut entries: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        entries.sort();
        assert_eq!(
            (found, entries),
            (mode, names.iter().map(|name| (*name).to_owned()).collect())
        );
    }

    #[test]
    fn links_that_somebody_planted_are_neither_followed_nor_written() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        let precious = path("precious");
        fs::write(&precious, "precious").unwrap();
        fs::create_dir(path("elsewhere")).unwrap();
        symlink("elsewhere", path(NAME)).unwrap();
        let error = open(&base).unwrap_err();
        assert!(matches!(error, CacheError::NotOurs { .. }), "{error}");
        assert_untouched(&path("elsewhere"), 0o755, &[]);
        fs::remove_file(path(NAME)).unwrap();

        for name in [
            LOCK,
            MARKER,
            RECORDS,
            "book.sqlite-wal",
            "book.sqlite-journal",
        ] {
            let opened = open(&base).unwrap();
            let link = path(NAME).join(name);
            let _ = fs::remove_file(&link);
            symlink("../precious", &link).unwrap();
            if name.starts_with(RECORDS) {
                assert!(opened.look_at_book().is_err(), "{name}");
            }
            drop(opened);
            let again = open(&base);
            assert_eq!(again.is_err(), [LOCK, MARKER].contains(&name), "{name}");
            drop(again);
            fs::remove_file(&link).unwrap();
            assert_eq!(fs::read(&precious).unwrap(), b"precious", "{name}");
        }
    }

    #[test]
    fn folders_of_files_that_are_links_or_of_others_are_not_used() {
        let base = tempfile::tempdir().unwrap();
        let key: ContentKey = "ab000000000000000000000000000000".parse().unwrap();
        let folder = open(&base).unwrap();
        let files = base.path().join(NAME).join(FILES);
        fs::create_dir(base.path().join("elsewhere")).unwrap();
        symlink("../elsewhere", &files).unwrap();
        assert!(folder.create_shard(key).is_err() && folder.list(0xab).is_err());
        fs::remove_file(&files).unwrap();
        fs::create_dir(&files).unwrap();
        symlink("../../elsewhere", files.join("ab")).unwrap();
        assert!(folder.create_shard(key).is_err() && folder.check_shard(key).is_err());
        fs::remove_file(files.join("ab")).unwrap();
        folder.create_shard(key).unwrap();
        assert!(
            fs::read_dir(base.path().join("elsewhere"))
                .unwrap()
                .next()
                .is_none()
        );
    }

    #[test]
    fn another_database_than_the_one_in_the_folder_is_noticed() {
        let base = tempfile::tempdir().unwrap();
        let folder = open(&base).unwrap();
        fs::rename(base.path().join(NAME), base.path().join("moved")).unwrap();
        fs::create_dir(base.path().join(NAME)).unwrap();
        fs::write(base.path().join("moved").join(RECORDS), "").unwrap();
        let other = File::create(folder.records()).unwrap();
        assert!(folder.check_book().is_err());
        let ours = File::open(base.path().join("moved").join(RECORDS)).unwrap();
        folder.check_book().unwrap();
        drop((other, ours));
    }

    #[test]
    fn only_one_process_at_a_time_and_only_formats_that_are_known() {
        let base = tempfile::tempdir().unwrap();
        let first = open(&base).unwrap();
        let second = open(&base).unwrap_err().to_string();
        assert!(second.contains(&std::process::id().to_string()), "{second}");
        drop(first);
        let marker = base.path().join(NAME).join(MARKER);
        fs::write(&marker, format!("format {}\n", FORMAT + 1)).unwrap();
        let newer = open(&base).unwrap_err();
        assert!(matches!(newer, CacheError::Newer { .. }), "{newer}");
    }

    #[test]
    fn an_older_format_is_emptied_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let key: ContentKey = "ab".parse().unwrap();
        let folder = open(&base).unwrap();
        let file = folder.shown(key);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let note = file.with_file_name("note.txt");
        let left = file.with_file_name(format!(".{key}.00ff.tmp"));
        for path in [&file, &note, &left] {
            fs::write(path, "x").unwrap();
        }
        drop(folder);
        fs::write(base.path().join(NAME).join(MARKER), "format 0\n").unwrap();
        open(&base).unwrap();
        assert!(!file.exists() && !left.exists() && note.exists());
    }
}
