//! Writing the files of the cache, and making room for them on a full disk.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rustix::io::Errno;

use super::disk::DiskCache;
use super::disk_open::body;
use super::now;
use super::record_db::{FileRecord, is_full};
use super::write::write_summed;
use crate::files::{Temporary, patiently};
use crate::shown::Show as _;
use crate::store::ContentKey;
use crate::store::body::Body;
use crate::store::fingerprint::Fingerprint;
use crate::store::tier::{About, Maker, PutError};

/// How often machex tries to write a file to a full disk, evicting files in between.
const ATTEMPTS: u32 = 4;

impl DiskCache {
    /// Stores what `write` writes as a file. When this returns, the file is complete, recorded and
    /// open. If the disk is full, evicts the least recently used files to make room.
    ///
    /// # Errors
    /// When the disk cannot take the file; nothing is left of it then.
    pub(super) fn put(
        &self,
        key: ContentKey,
        about: About<'_>,
        write: &mut Maker<'_>,
    ) -> Result<(Body, Fingerprint, u64), PutError> {
        let mut attempts = 0;
        loop {
            let (since, offered) = (Instant::now(), AtomicU64::new(0));
            attempts += 1;
            match self.try_put(key, about, &offered, write) {
                Err(PutError::Refused(error)) if wants_room(&error) && attempts < ATTEMPTS => {
                    if !self.make_room(offered.load(Ordering::Relaxed).max(about.expected), since)
                        && attempts > 1
                    {
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
        about: About<'_>,
        offered: &AtomicU64,
        write: &mut Maker<'_>,
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
        let record = FileRecord {
            group: about.group,
            ..write_summed(temporary.file(), offered, write)?
        };
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
            .put(key, record, about.damage, now())
            .map_err(book_error)?;
        temporary.commit(self.durability)?;
        locked.insert(record.size, record.group);
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
    if is_full(&error) {
        Errno::NOSPC.into()
    } else {
        io::Error::other(error)
    }
}
