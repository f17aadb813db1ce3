//! The cache on the disk: writing, opening, evicting.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use xxhash_rust::xxh3::Xxh3;

use super::body::{Body, StoredFile};
use super::book::{Book, FileRecord, is_damage};
use super::fingerprint::{Fingerprint, checksum};
use super::folder::{CacheFolder, remove_or_log};
use super::order::{OlderFiles, Order};
use super::pin::Pin;
use super::recent::RecentFiles;
use super::{CacheError, Limits, now};
use crate::store::{ContentKey, Durability, Temporary, free_space};
use crate::sync::held;

/// Finished files in a private folder, least recently used evicted.
pub(super) struct DiskCache {
    folder: CacheFolder,
    book: Book,
    order: Arc<Mutex<Order>>,
    recent: RecentFiles,
    /// Last uses that the book does not have yet.
    touched: Mutex<HashMap<ContentKey, u64>>,
    limits: Limits,
    evictions: AtomicU64,
    /// The book's faults are logged once.
    complained: AtomicBool,
}

impl DiskCache {
    pub(super) fn open(cache_path: &std::path::Path, limits: Limits) -> Result<Self, CacheError> {
        let folder = CacheFolder::open(cache_path)?;
        let path = folder.book();
        let book_error = |source| CacheError::Book {
            path: path.clone(),
            source,
        };
        if folder.is_marked_damaged() {
            tracing::warn!(
                "{}: was found damaged; the cache begins anew",
                path.display()
            );
            folder.clear().map_err(CacheError::io(folder.path()))?;
        }
        let book = match Book::open(&path) {
            // Without checksums nothing in the folder can be trusted.
            Err(error) if is_damage(&error) => {
                tracing::warn!("{}: {error}; the cache begins anew", path.display());
                folder.clear().map_err(CacheError::io(folder.path()))?;
                Book::open(&path).map_err(book_error)?
            }
            opened => opened.map_err(book_error)?,
        };
        Ok(Self {
            folder,
            book,
            order: Arc::new(Mutex::new(Order::new())),
            recent: RecentFiles::new(),
            touched: Mutex::default(),
            limits,
            evictions: AtomicU64::new(0),
            complained: AtomicBool::new(false),
        })
    }

    /// What is known of a file, whether or not its bytes are still there.
    pub(super) fn record(&self, key: ContentKey) -> Option<FileRecord> {
        self.book.get(key).unwrap_or_else(|error| {
            self.complain(&error);
            None
        })
    }

    /// Opens a file that is unchanged since it had this fingerprint; `None` for any other.
    pub(super) fn get_trusted(
        &self,
        key: ContentKey,
        size: u64,
        trusted: Fingerprint,
    ) -> io::Result<Option<Body>> {
        let pin = Arc::new(Pin::new(&self.order, key));
        let stored = match self.recent.get(key) {
            Some(stored) => stored,
            None => Arc::new(StoredFile::new(open(&self.folder.file(key))?, size)),
        };
        if Fingerprint::of(&stored.file.metadata()?) != trusted {
            self.recent.remove(key);
            return Ok(None);
        }
        Ok(Some(self.opened(key, stored, pin)))
    }

    /// Opens a file if it is there and has the recorded checksum; one that is damaged is removed.
    pub(super) fn get(
        &self,
        key: ContentKey,
        record: FileRecord,
    ) -> io::Result<Option<(Body, Fingerprint)>> {
        let pin = Arc::new(Pin::new(&self.order, key));
        let path = self.folder.file(key);
        let file = match open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                held(&self.order).remove(key);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        let fingerprint = Fingerprint::of(&metadata);
        let is_whole =
            metadata.is_file() && metadata.len() == record.size && checksum(&file)? == record.sum;
        if !is_whole {
            tracing::warn!("{}: damaged; dropped and made again", path.display());
            held(&self.order).remove(key);
            self.recent.remove(key);
            remove_or_log(&path);
            return Ok(None);
        }
        let stored = Arc::new(StoredFile::new(file, record.size));
        Ok(Some((self.opened(key, stored, pin), fingerprint)))
    }

    /// Makes a file out of what `write` writes. It is whole, recorded and open when this returns.
    ///
    /// # Errors
    /// When the disk cannot take it; nothing is left of it then.
    pub(super) fn put(
        &self,
        key: ContentKey,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(Body, Fingerprint, u64), PutError> {
        let path = self.folder.file(key);
        self.keep_free()?;
        let mut temporary = match Temporary::create(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.folder.create_shard(&path)?;
                Temporary::create(&path)?
            }
            created => created?,
        };
        let record = write_summed(temporary.file(), write)?;
        self.make_room(record.size)?;
        let file = temporary.reopen()?;
        let pin = Arc::new(Pin::new(&self.order, key));
        // Before the rename: a file without a record could not be trusted after a crash.
        self.book
            .put(key, record, now())
            .map_err(io::Error::other)?;
        temporary.commit(Durability::Accepted)?;
        // Renaming changes the change time.
        let fingerprint = Fingerprint::of(&file.metadata()?);
        let stored = Arc::new(StoredFile::new(file, record.size));
        Ok((self.opened(key, stored, pin), fingerprint, record.sum))
    }

    /// Evicts until a file of `size` fits into `CACHE_SIZE`, and the disk keeps its minimum.
    fn make_room(&self, size: u64) -> io::Result<()> {
        if size > self.limits.bytes {
            return Err(full(format!("{size} bytes are more than CACHE_SIZE")));
        }
        self.evict_to(self.limits.bytes - size);
        self.keep_free()
    }

    /// Evicts until the minimum of the disk is free.
    fn keep_free(&self) -> io::Result<()> {
        let lacking = self.lacking()?;
        if lacking == 0 {
            return Ok(());
        }
        let bytes = held(&self.order).bytes();
        self.evict_to(bytes.saturating_sub(lacking));
        match self.lacking()? {
            0 => Ok(()),
            _ => Err(full(format!(
                "less than CACHE_MIN_FREE ({} %) of the disk is free",
                self.limits.min_free_percent
            ))),
        }
    }

    /// Bytes that are missing to the minimum of free space. A file that is being made has its room
    /// already.
    fn lacking(&self) -> io::Result<u64> {
        let space = free_space(self.folder.path())?;
        let wanted = space.total / 100 * u64::from(self.limits.min_free_percent);
        Ok(wanted.saturating_sub(space.bytes))
    }

    /// Evicts down to the limit: files that were open when others were made may be closed now.
    pub(super) fn trim(&self) {
        self.evict_to(self.limits.bytes);
    }

    fn evict_to(&self, limit: u64) {
        let victims = held(&self.order).evict(limit);
        for key in victims {
            self.recent.remove(key);
            let path = self.folder.file(key);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!("{}: cannot be evicted: {error}", path.display());
                }
                _ => {
                    self.evictions.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Takes note that a file is opened now.
    fn opened(&self, key: ContentKey, stored: Arc<StoredFile>, pin: Arc<Pin>) -> Body {
        held(&self.order).insert(key, stored.size);
        held(&self.touched).insert(key, now());
        self.recent.put(key, &stored);
        Body::File {
            stored,
            pin: Some(pin),
        }
    }

    /// Writes the order of use into the book.
    pub(super) fn flush(&self) {
        let touched = std::mem::take(&mut *held(&self.touched));
        if touched.is_empty() {
            return;
        }
        if let Err(error) = self.book.touch(touched.into_iter()) {
            self.complain(&error);
        }
    }

    /// Finds the files of earlier processes, and removes those of which the book knows nothing.
    /// Takes seconds for a million files; meanwhile everything is served, and nothing evicted.
    pub(super) fn take_stock(&self, stop: &AtomicBool) {
        let mut files = Vec::new();
        for first in 0..=u8::MAX {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = self.take_stock_of(first, &mut files) {
                let path = self.folder.path().display();
                tracing::warn!("{path}: counting the files {first:02x}...: {error}");
            }
        }
        files.sort_unstable();
        let older = OlderFiles::new(files.into_iter().map(|(_, key, size)| (key, size)));
        held(&self.order).complete(older);
        self.trim();
    }

    /// Adds last use, key and size of the files of one folder.
    fn take_stock_of(&self, first: u8, files: &mut Vec<(u64, ContentKey, u64)>) -> io::Result<()> {
        let known = self.book.list(first).map_err(|error| {
            self.complain(&error);
            io::Error::other(error)
        })?;
        for key in self.folder.list(first)? {
            match known.binary_search_by_key(&key, |(key, ..)| *key) {
                Ok(at) => files.push((known[at].2, key, known[at].1)),
                // One that is being put now has its record, but perhaps not yet in this list.
                Err(_) => {
                    if self.book.get(key).map_err(io::Error::other)?.is_none() {
                        remove_or_log(&self.folder.file(key));
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn probe_file(&self) -> io::Result<File> {
        self.folder.open_marker()
    }

    pub(super) fn is_open(&self, key: ContentKey) -> bool {
        self.recent.get(key).is_some()
    }

    /// Whether the file is there, as far as is known without looking.
    pub(super) fn contains(&self, key: ContentKey) -> bool {
        held(&self.order).contains(key)
    }

    pub(super) fn usage(&self) -> (u64, usize, bool) {
        let order = held(&self.order);
        (order.bytes(), order.len(), order.is_complete())
    }

    pub(super) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    fn complain(&self, error: &rusqlite::Error) {
        if !self.complained.swap(true, Ordering::Relaxed) {
            if is_damage(error) {
                self.folder.mark_damaged();
            }
            let path = self.folder.book();
            tracing::warn!(
                "{}: {error}; images are still served, and made again after a restart",
                path.display()
            );
        }
    }
}

fn full(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, why)
}

/// Opens a file, but not through links, and not waiting for a pipe that somebody put there.
pub fn open(path: &std::path::Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// Why a file was not made.
#[derive(Debug)]
pub(super) enum PutError {
    /// The disk does not take it.
    Disk(io::Error),
    /// There is nothing to be written: its maker failed.
    Maker(io::Error),
}

impl From<io::Error> for PutError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Writes a file and sums it up on the way.
fn write_summed(
    file: &mut File,
    write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> Result<FileRecord, PutError> {
    let mut out = Summed {
        out: file,
        size: 0,
        sum: Xxh3::new(),
        failed: false,
    };
    // An image comes in one piece and passes through; an index in many small ones.
    let mut buffered = BufWriter::with_capacity(256 << 10, &mut out);
    let written = write(&mut buffered).and_then(|()| buffered.flush());
    // What is left in the buffer of a file that failed is not written.
    drop(buffered.into_parts());
    written.map_err(|error| match out.failed {
        true => PutError::Disk(error),
        false => PutError::Maker(error),
    })?;
    Ok(FileRecord {
        size: out.size,
        sum: out.sum.digest(),
    })
}

struct Summed<'a> {
    out: &'a mut File,
    size: u64,
    sum: Xxh3,
    /// Whether it was the disk that failed.
    failed: bool,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.failed |= written.is_err();
        let count = written?;
        self.sum.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
