//! The cache on the disk: writing, opening, evicting.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use rustix::io::Errno;

use super::evict::{Evictor, FreeSpaceProbe};
use super::folder::CacheFolder;
use super::lru::OlderFiles;
use super::overhead::Overhead;
use super::pin::Pin;
use super::record_db::{FileRecord, RecordDb, is_damage, is_full};
use super::resident::ResidentFiles;
use super::write::write_summed;
use super::{CacheError, Limits, now};
use crate::files::at_once;
use crate::files::{Durability, Temporary, free_space_at, is_remote, patiently};
use crate::shown::Show as _;
use crate::store::ContentKey;
use crate::store::body::Body;
use crate::store::fingerprint::{Fingerprint, checksum, checksum_at_once};
use crate::store::open_files::OpenFiles;
use crate::store::stored_file::{StoredFile, open};
use crate::store::tier::PutError;

/// How often machex tries to write a file to a full disk, evicting files in between.
const ATTEMPTS: u32 = 4;

/// A day in milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// The record of an evicted file is deleted if the file was not used for this long.
const FORGET: u64 = 180 * DAY;

/// How often the use of a record is saved.
const ASKED: u64 = 30 * DAY;

/// Finished files in a private folder; the least recently used are evicted.
pub(super) struct DiskCache {
    cache_path: PathBuf,
    folder: Arc<CacheFolder>,
    records: RecordDb,
    files: ResidentFiles,
    evictor: Evictor,
    overhead: Mutex<Overhead>,
    recent: OpenFiles,
    /// What has to happen before a file counts as finished.
    durability: Durability,
    /// Last uses that are not in the record database yet.
    touched: Mutex<HashMap<ContentKey, u64>>,
    /// Whether a fault of the record database was logged: only the first is.
    complained: AtomicBool,
}

impl DiskCache {
    pub(super) fn open(cache_path: &Path, limits: Limits) -> Result<Self, CacheError> {
        let folder = Arc::new(CacheFolder::open(cache_path)?);
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

    /// Opens a file whose fingerprint is still `trusted`; `None` for any other. Does not wait for a
    /// descriptor.
    pub(super) fn get_trusted(
        &self,
        key: ContentKey,
        size: u64,
        trusted: Fingerprint,
    ) -> io::Result<Option<Body>> {
        let ((stored, present), pin) = match self.files.pin_present(key) {
            Some(pin) => (self.open_recent(key, size)?, pin),
            // Not counted yet, or being evicted.
            None => {
                let locked = self.files.lock(key);
                let pin = locked.pin();
                let opened = self.open_recent(key, size)?;
                locked.insert(size);
                (opened, pin)
            }
        };
        if present != trusted {
            self.recent.remove(key);
            return Ok(None);
        }
        self.touch(key);
        Ok(Some(body(stored, pin)))
    }

    /// A file that was open already or is opened now, with its current fingerprint.
    fn open_recent(
        &self,
        key: ContentKey,
        size: u64,
    ) -> io::Result<(Arc<StoredFile>, Fingerprint)> {
        if let Some(stored) = self.recent.get(key) {
            let present = Fingerprint::of(&stored.open_at_once()?.metadata()?);
            return Ok((stored, present));
        }
        self.folder.check_shard(key)?;
        let path = self.folder.file(key);
        let file = at_once(|| open(&path))?;
        let present = Fingerprint::of(&file.metadata()?);
        Ok((self.keep_open(key, path, file, (size, present)), present))
    }

    fn keep_open(
        &self,
        key: ContentKey,
        path: PathBuf,
        file: File,
        about: (u64, Fingerprint),
    ) -> Arc<StoredFile> {
        let stored = StoredFile::new(self.recent.pool(), key, path, file, about);
        self.recent.put(stored)
    }

    /// Opens a file if it exists and has the recorded checksum; removes one that is damaged.
    pub(super) fn get(
        &self,
        key: ContentKey,
        record: FileRecord,
    ) -> io::Result<Option<(Body, Fingerprint)>> {
        patiently(|| self.try_get(key, record))
    }

    fn try_get(
        &self,
        key: ContentKey,
        record: FileRecord,
    ) -> io::Result<Option<(Body, Fingerprint)>> {
        let path = self.folder.file(key);
        let (pin, file, metadata) = {
            let locked = self.files.lock(key);
            let pin = locked.pin();
            let opened = self.folder.check_shard(key);
            let file = match opened.and_then(|()| open(&path)) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    locked.remove();
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            let metadata = file.metadata()?;
            locked.insert(metadata.len());
            (pin, file, metadata)
        };
        let fingerprint = Fingerprint::of(&metadata);
        let is_whole =
            metadata.is_file() && metadata.len() == record.size && checksum(&file)? == record.sum;
        if !is_whole {
            let shown = self.folder.shown(key);
            tracing::warn!("{}: damaged; removed, and made again", shown.shown());
            self.drop_damaged(key, fingerprint);
            return Ok(None);
        }
        let stored = self.keep_open(key, path, file, (record.size, fingerprint));
        self.touch(key);
        Ok(Some((body(stored, pin), fingerprint)))
    }

    /// [`Self::get`] from the kernel's memory alone: it never waits.
    ///
    /// # Errors
    /// Whenever that is not enough to decide.
    pub(super) fn get_at_once(
        &self,
        key: ContentKey,
        record: FileRecord,
    ) -> io::Result<(Body, Fingerprint)> {
        let would_wait = || io::Error::from(io::ErrorKind::WouldBlock);
        let locked = self.files.try_lock(key).ok_or_else(would_wait)?;
        let pin = locked.pin();
        let file = self.folder.open_remembered(key)?;
        let metadata = file.metadata()?;
        let is_whole = metadata.is_file()
            && metadata.len() == record.size
            && checksum_at_once(&file, record.size)? == record.sum;
        if !is_whole {
            return Err(would_wait());
        }
        locked.insert(record.size);
        drop(locked);
        let fingerprint = Fingerprint::of(&metadata);
        let path = self.folder.file(key);
        let stored = self.keep_open(key, path, file, (record.size, fingerprint));
        self.touch(key);
        Ok((body(stored, pin), fingerprint))
    }

    /// [`Self::get_trusted`] from the kernel's memory alone: it never waits.
    pub(super) fn get_trusted_at_once(
        &self,
        key: ContentKey,
        size: u64,
        trusted: Fingerprint,
    ) -> Option<Body> {
        let pin = self.files.pin_present(key)?;
        let stored = match self.recent.get(key) {
            Some(stored) => stored,
            None => {
                let file = self.folder.open_remembered(key).ok()?;
                let present = Fingerprint::of(&file.metadata().ok()?);
                let path = self.folder.file(key);
                self.keep_open(key, path, file, (size, present))
            }
        };
        let present = Fingerprint::of(&stored.opened()?.metadata().ok()?);
        (present == trusted).then(|| {
            self.touch(key);
            body(stored, pin)
        })
    }

    /// Removes a file that was found damaged, unless another file has replaced it meanwhile.
    pub(super) fn drop_damaged(&self, key: ContentKey, damaged: Fingerprint) {
        let locked = self.files.lock(key);
        self.recent.remove(key);
        let found = std::fs::symlink_metadata(self.folder.file(key));
        if found.is_ok_and(|found| Fingerprint::of(&found) == damaged) {
            self.folder.remove_or_log(key);
            locked.remove();
        }
    }

    /// Stores what `write` writes as a file. When this returns, the file is complete, recorded and
    /// open. If the disk is full, evicts the least recently used files to make room.
    ///
    /// # Errors
    /// When the disk cannot take the file; nothing is left of it then.
    pub(super) fn put(
        &self,
        key: ContentKey,
        (expected, damage): (u64, Option<&str>),
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(Body, Fingerprint, u64), PutError> {
        let mut attempts = 0;
        loop {
            let (since, offered) = (Instant::now(), Cell::new(0));
            attempts += 1;
            match self.try_put(key, damage, &offered, write) {
                Err(PutError::Refused(error)) if wants_room(&error) && attempts < ATTEMPTS => {
                    if !self.make_room(offered.get().max(expected), since) && attempts > 1 {
                        return Err(PutError::Refused(error));
                    }
                }
                result => return result,
            }
        }
    }

    /// Makes room on a disk that refused a file of `size` bytes at `since`. False if no file can be
    /// evicted.
    fn make_room(&self, size: u64, since: Instant) -> bool {
        let remove = |key| self.remove(key);
        let is_freed = self.evictor.free_for(size, since, &self.files, &remove);
        // After the eviction, since the database may have to grow for this. Best effort: if the
        // disk is too full even for this, writing the file will find out.
        if let Err(error) = self.records.shrink() {
            tracing::debug!("{}: {error}", self.folder.records().shown());
        }
        is_freed
    }

    fn try_put(
        &self,
        key: ContentKey,
        damage: Option<&str>,
        offered: &Cell<u64>,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(Body, Fingerprint, u64), PutError> {
        self.keep_free()?;
        let path = self.folder.file(key);
        let mut temporary = match self.create(key, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.folder.create_shard(key)?;
                self.create(key, &path)?
            }
            created => created?,
        };
        let record = write_summed(temporary.file(), offered, write)?;
        let limit = self.evictor.files_limit();
        if record.size > limit {
            let size = record.size;
            let problem = format!("{size} bytes are more than the {limit} that CACHE_SIZE leaves");
            return Err(PutError::TooLarge(io::Error::other(problem)));
        }
        let reserved = self.files.reserve(record.size);
        self.trim();
        self.keep_free()?;
        let file = patiently(|| temporary.reopen())?;
        let locked = self.files.lock(key);
        let pin = locked.pin();
        // Before the rename: after a crash, a file without a record could not be trusted.
        self.records
            .put(key, record, damage, now())
            .map_err(book_error)?;
        temporary.commit(self.durability)?;
        locked.insert(record.size);
        drop((locked, reserved));
        // Renaming changes the change time.
        let fingerprint = Fingerprint::of(&file.metadata()?);
        let stored = self.keep_open(key, path, file, (record.size, fingerprint));
        self.touch(key);
        Ok((body(stored, pin), fingerprint, record.sum))
    }

    fn create(&self, key: ContentKey, path: &Path) -> io::Result<Temporary> {
        self.folder.check_shard(key)?;
        patiently(|| Temporary::create_private(path))
    }

    fn keep_free(&self) -> io::Result<()> {
        self.evictor.keep_free(&self.files, &|key| self.remove(key))
    }

    fn trim(&self) {
        self.evictor.trim(&self.files, &|key| self.remove(key));
    }

    /// Removes a file that is evicted.
    fn remove(&self, key: ContentKey) -> io::Result<()> {
        self.recent.remove(key);
        self.folder.remove(key).inspect_err(|error| {
            let path = self.folder.shown(key);
            tracing::warn!("{}: cannot be evicted: {error}", path.shown());
        })
    }

    /// Notes that a file is used now.
    fn touch(&self, key: ContentKey) {
        self.touched.lock().insert(key, now());
    }

    /// Regular maintenance: saves the order of use, and evicts files that were open when their turn
    /// came or whose space is now needed otherwise.
    pub(super) fn keep(&self) {
        self.flush();
        self.measure();
        self.trim();
        // If nothing is left to evict, this is reported when a file is refused.
        let _ = self.keep_free();
    }

    /// Whether freed space shows so late that the file system should be asked to commit. Never on a
    /// remote disk: a sync there would only write back this machine's memory.
    pub(super) fn is_commit_due(&self) -> bool {
        !self.is_remote() && self.evictor.is_commit_due()
    }

    /// Asks the file system to commit, which takes as long as the disk needs for all pending
    /// writes.
    pub(super) fn commit(&self) {
        let commit = || Ok(rustix::fs::syncfs(self.folder.handle())?);
        if let Err(error) = self.evictor.settle(commit) {
            tracing::debug!("{}: {error}", self.folder.path().shown());
        }
    }

    fn measure(&self) {
        let bytes = self
            .overhead
            .lock()
            .measure(&self.cache_path, self.folder.base());
        self.evictor.set_overhead(bytes);
    }

    /// Saves the order of use in the record database.
    pub(super) fn flush(&self) {
        let touched = std::mem::take(&mut *self.touched.lock());
        if touched.is_empty() {
            return;
        }
        if let Err(error) = self.records.touch(touched.into_iter()) {
            self.complain(&error);
        }
    }

    /// Finds the files of earlier processes, and removes those without a record. Takes seconds for
    /// a million files; meanwhile, files are served but none is evicted.
    pub(super) fn take_stock(&self, stop: &AtomicBool) {
        self.measure();
        let mut files = Vec::new();
        for first in 0..=u8::MAX {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = self.take_stock_of(first, &mut files) {
                let path = self.folder.path().shown();
                tracing::warn!("{path}: counting the files {first:02x}...: {error}");
            }
        }
        files.sort_unstable();
        let older = OlderFiles::new(files.into_iter().map(|(_, key, size)| (key, size)));
        self.files.complete(older);
        self.keep();
    }

    /// Adds the last use, key and size of the files in one folder.
    fn take_stock_of(&self, first: u8, files: &mut Vec<(u64, ContentKey, u64)>) -> io::Result<()> {
        let list_book = || {
            self.records.list(first).map_err(|error| {
                self.complain(&error);
                io::Error::other(error)
            })
        };
        let known = list_book()?;
        let found = self.folder.list(first)?;
        for key in &found {
            match known.binary_search_by_key(key, |(key, ..)| *key) {
                Ok(at) => files.push((known[at].2, *key, known[at].1)),
                // A file that was put since then has a record, but is not in this list.
                Err(_) => {
                    let _locked = self.files.lock(*key);
                    if self.records.get(*key).map_err(io::Error::other)?.is_none() {
                        self.folder.remove_or_log(*key);
                    }
                }
            }
        }
        let found: HashSet<ContentKey> = found.into_iter().collect();
        let limit = now().saturating_sub(FORGET);
        let is_forgotten = |(key, _, used): &(ContentKey, u64, u64)| {
            (*used < limit && !found.contains(key)).then_some(*key)
        };
        let forgotten: Vec<ContentKey> = known.iter().filter_map(is_forgotten).collect();
        if !forgotten.is_empty()
            && let Err(error) = self.records.forget(&forgotten, limit)
        {
            self.complain(&error);
        }
        Ok(())
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
        self.files.is_complete()
    }

    /// Whether the file exists, as far as is known without accessing the disk.
    pub(super) fn contains(&self, key: ContentKey) -> bool {
        self.files.contains(key)
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

    fn complain(&self, error: &rusqlite::Error) {
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

fn body(stored: Arc<StoredFile>, pin: Pin) -> Body {
    Body::File {
        stored,
        hold: Some(Arc::new(pin)),
    }
}

/// Whether an error says that the disk or a quota is full, so that evicting files helps. It does
/// not help against EFBIG, the limit on the size of a single file.
fn wants_room(error: &io::Error) -> bool {
    let full = [Errno::NOSPC, Errno::DQUOT].map(Errno::raw_os_error);
    error
        .raw_os_error()
        .is_some_and(|code| full.contains(&code))
}

fn book_error(error: rusqlite::Error) -> io::Error {
    match is_full(&error) {
        true => Errno::NOSPC.into(),
        false => io::Error::other(error),
    }
}
