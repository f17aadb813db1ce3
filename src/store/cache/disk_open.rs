//! Opening the files of the cache: those that have not changed since they were compared, and those whose
//! checksum is compared now.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::disk::DiskCache;
use super::pin::Pin;
use super::record_db::FileRecord;
use crate::files::{at_once, patiently};
use crate::shown::Show as _;
use crate::store::ContentKey;
use crate::store::body::Body;
use crate::store::fingerprint::{Fingerprint, checksum, checksum_at_once};
use crate::store::stored_file::{StoredFile, open};

impl DiskCache {
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
                locked.insert(size, None);
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

    pub(super) fn keep_open(
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
            locked.insert(metadata.len(), record.group);
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
        locked.insert(record.size, record.group);
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
}

pub(super) fn body(stored: Arc<StoredFile>, pin: Pin) -> Body {
    Body::File {
        stored,
        hold: Some(Arc::new(pin)),
    }
}
