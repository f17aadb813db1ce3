//! The cache on the disk. Files are opened in [`super::disk_open`], written in [`super::disk_put`], and
//! counted and forgotten in [`super::disk_upkeep`].

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::evict::{Evictor, FreeSpaceProbe};
use super::folder::CacheFolder;
use super::overhead::Overhead;
use super::record_db::{FileRecord, RecordDb, is_damage};
use super::resident::ResidentFiles;
use super::{CacheError, Limits, now};
use crate::files::{Durability, free_space_at, is_remote};
use crate::shown::Show as _;
use crate::store::open_files::OpenFiles;
use crate::store::{ContentGroup, ContentKey};

/// A day in milliseconds.
pub(super) const DAY: u64 = 24 * 60 * 60 * 1000;

/// How often the use of a record is saved.
const ASKED: u64 = 30 * DAY;

/// Finished files in a private folder; the least recently used are evicted.
pub(super) struct DiskCache {
    pub(super) cache_path: PathBuf,
    pub(super) folder: Arc<CacheFolder>,
    pub(super) records: RecordDb,
    pub(super) files: ResidentFiles,
    pub(super) evictor: Evictor,
    /// Whether some folder could not be counted.
    pub(super) has_uncounted: AtomicBool,
    pub(super) overhead: Mutex<Overhead>,
    pub(super) recent: OpenFiles,
    /// What has to happen before a file counts as finished.
    pub(super) durability: Durability,
    /// Last uses that are not in the record database yet.
    pub(super) touched: Mutex<HashMap<ContentKey, u64>>,
    /// Whether a fault of the record database was logged: only the first is.
    pub(super) complained: AtomicBool,
}

impl DiskCache {
    pub(super) fn open(
        cache_path: &Path,
        mountpoint: &Path,
        limits: Limits,
    ) -> Result<Self, CacheError> {
        let folder = Arc::new(CacheFolder::open(cache_path, mountpoint)?);
        let seen = Arc::clone(&folder);
        let free_space: FreeSpaceProbe = Box::new(move || free_space_at(seen.handle()));
        Self::open_with(cache_path, folder, Evictor::new(limits, free_space), limits)
    }

    fn open_with(
        cache_path: &Path,
        folder: Arc<CacheFolder>,
        evictor: Evictor,
        limits: Limits,
    ) -> Result<Self, CacheError> {
        let path = folder.records();
        let io_error = |error| CacheError::io(&path)(error);
        let open_records = || RecordDb::open(&path, limits.bytes);
        if folder.is_marked_damaged() {
            tracing::warn!("{}: was found damaged; the cache begins anew", path.shown());
            folder.clear().map_err(CacheError::io(folder.path()))?;
        }
        folder.look_at_book().map_err(io_error)?;
        let records = match open_records() {
            // Without checksums, no file in the folder can be trusted.
            Err(error) if is_damage(&error) => {
                tracing::warn!("{}: {error}; the cache begins anew", path.shown());
                folder.clear().map_err(CacheError::io(folder.path()))?;
                folder.look_at_book().map_err(io_error)?;
                open_records()
            }
            opened => opened,
        };
        let records = records.map_err(|source| CacheError::RecordDb {
            path: path.clone(),
            source,
        })?;
        folder.check_book().map_err(io_error)?;
        Ok(Self {
            cache_path: cache_path.to_owned(),
            recent: OpenFiles::new(is_remote(folder.path())),
            durability: Durability::of(folder.path(), false),
            folder,
            records,
            files: ResidentFiles::new(),
            evictor,
            has_uncounted: AtomicBool::new(false),
            overhead: Mutex::default(),
            touched: Mutex::default(),
            complained: AtomicBool::new(false),
        })
    }

    /// The record of a file, whether or not its bytes still exist.
    pub(super) fn record(&self, key: ContentKey) -> Option<FileRecord> {
        self.recorded(key, self.records.get(key))
    }

    /// The same; `None` while another thread uses the record database, which may be on a slow disk.
    pub(super) fn record_at_once(&self, key: ContentKey) -> Option<Option<FileRecord>> {
        let found = self.records.get_at_once(key)?;
        Some(self.recorded(key, found))
    }

    fn recorded(
        &self,
        key: ContentKey,
        found: rusqlite::Result<Option<(FileRecord, u64)>>,
    ) -> Option<FileRecord> {
        let found = found.unwrap_or_else(|error| {
            self.complain(&error);
            None
        });
        let (record, used) = found?;
        if now().saturating_sub(used) > ASKED {
            self.touch(key);
        }
        Some(record)
    }

    /// What is damaged in the source of a file, in words.
    pub(super) fn damage(&self, key: ContentKey) -> Option<String> {
        self.records.damage(key).unwrap_or_else(|error| {
            self.complain(&error);
            None
        })
    }

    /// Records a file that is not kept.
    pub(super) fn note(&self, key: ContentKey, record: FileRecord, damage: Option<&str>) {
        if let Err(error) = self.records.put(key, record, damage, now()) {
            self.complain(&error);
        }
    }

    pub(super) fn keep_free(&self) -> io::Result<()> {
        self.evictor.keep_free(&self.files, &|key| self.remove(key))
    }

    pub(super) fn trim(&self) {
        self.evictor.trim(&self.files, &|key| self.remove(key));
    }

    /// Removes a file that is evicted.
    pub(super) fn remove(&self, key: ContentKey) -> io::Result<()> {
        self.recent.remove(key);
        self.folder.remove(key).inspect_err(|error| {
            let path = self.folder.shown(key);
            tracing::warn!("{}: cannot be evicted: {error}", path.shown());
        })
    }

    /// Notes that a file is used now.
    pub(super) fn touch(&self, key: ContentKey) {
        self.touched.lock().insert(key, now());
    }

    pub(super) fn probe_file(&self) -> io::Result<File> {
        self.folder.open_marker()
    }

    pub(super) fn is_remote(&self) -> bool {
        self.recent.pool().is_remote
    }

    /// Deletes the record of a file, so that the next process makes it again.
    pub(super) fn forget(&self, key: ContentKey) {
        if let Err(error) = self.records.remove(key) {
            self.complain(&error);
        }
    }

    /// Whether all files are known, including those of earlier processes.
    pub(super) fn is_counted(&self) -> bool {
        self.files.is_complete() && !self.has_uncounted.load(Ordering::Relaxed)
    }

    /// Whether the file exists, as far as is known without accessing the disk.
    pub(super) fn contains(&self, key: ContentKey) -> bool {
        self.files.contains(key)
    }

    /// How many files of this group there are, as far as they are counted.
    pub(super) fn count_of(&self, group: ContentGroup) -> u64 {
        self.files.count_of(group)
    }

    pub(super) fn usage(&self) -> super::Usage {
        let (files_bytes, overhead) = (self.files.bytes(), self.evictor.overhead());
        super::Usage {
            bytes: files_bytes + overhead,
            files_bytes,
            files: self.files.len(),
            is_complete: self.files.is_complete(),
            evictions: self.evictor.evictions(),
        }
    }

    /// How much space the files may use, in bytes.
    pub(super) fn files_limit(&self) -> u64 {
        self.evictor.files_limit()
    }

    pub(super) fn complain(&self, error: &rusqlite::Error) {
        if !self.complained.swap(true, Ordering::Relaxed) {
            if is_damage(error) {
                self.folder.mark_damaged();
            }
            let path = self.folder.records();
            tracing::warn!(
                "{}: {error}; images are still served, and made again after a restart",
                path.shown()
            );
        }
    }
}
