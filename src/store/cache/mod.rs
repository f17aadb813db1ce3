//! What a mount has made, by content key: on the disk as long as it takes it, else in memory.
//!
//! Invariants:
//! * A file under its own name is whole: temporary file, then rename.
//! * A file without a record in the book is not trusted; the record is written before the rename.
//! * A checksum is compared when a file is first opened after a start, and again whenever anything
//!   about the file has changed since.
//! * What is in the folder is what is cached; the book knows sizes of more than that.

mod body;
mod book;
mod disk;
mod error;
mod fingerprint;
mod folder;
mod memory;
#[cfg(all(test, feature = "model-check"))]
mod model;
mod order;
mod pin;
mod recent;
mod spliced;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use body::{Body, ReadNow, StoredFile};
pub use book::FileRecord;
pub use disk::open as open_file;
pub use error::CacheError;
pub use fingerprint::Fingerprint;
pub use pin::Pin;
pub use recent::RecentFiles;
pub use spliced::{Places, Spliced};

use xxhash_rust::xxh3::xxh3_64;

use crate::store::ContentKey;
use crate::sync::held;
use disk::{DiskCache, PutError};
use memory::MemoryCache;

/// How often the order of use is written down.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// How much the cache may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `CACHE_SIZE`.
    pub bytes: u64,
    /// `CACHE_MIN_FREE`: so much of the disk stays free, in percent.
    pub min_free_percent: u8,
}

/// How full the cache is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Room that the files take on the disk.
    pub bytes: u64,
    /// How many files there are.
    pub files: usize,
    /// False while the files of earlier processes are still being counted.
    pub is_complete: bool,
    /// Files evicted since the start.
    pub evictions: u64,
}

/// A file that has just been made.
#[derive(Debug)]
pub struct Kept {
    pub body: Body,
    /// Absent where it is kept in memory.
    pub fingerprint: Option<Fingerprint>,
    /// XXH3-64 of the bytes.
    pub sum: u64,
}

/// The cache of one mount.
pub struct Cache {
    disk: Option<Arc<DiskCache>>,
    memory: MemoryCache,
    keeper: Mutex<Option<Keeper>>,
    /// Files that the disk did not take.
    refused: AtomicU64,
}

/// The thread that takes stock at the start, and from then on writes the order of use down and
/// evicts what was open when its turn came.
struct Keeper {
    stop: Arc<(Mutex<bool>, Condvar)>,
    stop_stock: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Cache {
    /// Opens the cache in `cache_path`. A folder that cannot be written costs a warning: then
    /// everything is served from memory.
    ///
    /// # Errors
    /// When the folder is another's, or in use.
    pub fn open(cache_path: &Path, limits: Limits) -> Result<Self, CacheError> {
        let disk = match DiskCache::open(cache_path, limits) {
            Ok(disk) => Some(Arc::new(disk)),
            Err(error) if error.is_unwritable() => {
                tracing::warn!("{error}; what is made is kept in memory only");
                None
            }
            Err(error) => return Err(error),
        };
        let keeper = disk.as_ref().and_then(|disk| Keeper::start(disk).ok());
        Ok(Self {
            disk,
            memory: MemoryCache::new(),
            keeper: Mutex::new(keeper),
            refused: AtomicU64::new(0),
        })
    }

    /// What is known of a file, whether or not its bytes are still there.
    pub fn record(&self, key: ContentKey) -> Option<FileRecord> {
        self.disk.as_ref()?.record(key)
    }

    /// Opens a file if it is there and whole, which is known by its checksum.
    pub fn get(&self, key: ContentKey, record: FileRecord) -> Option<(Body, Option<Fingerprint>)> {
        if let Some(bytes) = self.memory.get(key) {
            return Some((Body::Memory(bytes), None));
        }
        match self.disk.as_ref()?.get(key, record) {
            Ok(found) => found.map(|(body, fingerprint)| (body, Some(fingerprint))),
            Err(error) => {
                tracing::warn!("cache file {key}: {error}; made again");
                None
            }
        }
    }

    /// Opens a file that nobody changed since it had the fingerprint `trusted` (`None`: one that is
    /// kept in memory). Cheap enough for every open.
    pub fn get_trusted(
        &self,
        key: ContentKey,
        size: u64,
        trusted: Option<Fingerprint>,
    ) -> Option<Body> {
        match trusted {
            None => self.memory.get(key).map(Body::Memory),
            Some(trusted) => {
                let found = self.disk.as_ref()?.get_trusted(key, size, trusted);
                // Whatever is wrong, opening it with its checksum finds out.
                found.ok().flatten()
            }
        }
    }

    /// Whether the bytes are there, as far as is known without looking at them.
    pub fn contains(&self, key: ContentKey) -> bool {
        self.memory.get(key).is_some() || self.disk.as_ref().is_some_and(|disk| disk.contains(key))
    }

    /// A file that is always there, to try things on.
    pub fn probe_file(&self) -> Option<std::fs::File> {
        self.disk.as_ref().and_then(|disk| disk.probe_file().ok())
    }

    /// Keeps what `write` writes: on the disk, or in memory where the disk cannot take it.
    ///
    /// # Errors
    /// Those of `write` itself.
    pub fn put(
        &self,
        key: ContentKey,
        mut write: impl FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Kept> {
        if let Some(disk) = &self.disk {
            match disk.put(key, &mut write) {
                Ok((body, fingerprint, sum)) => {
                    return Ok(Kept {
                        body,
                        fingerprint: Some(fingerprint),
                        sum,
                    });
                }
                Err(PutError::Maker(error)) => return Err(error),
                Err(PutError::Disk(error)) => self.log_refusal(&error),
            }
        }
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        let sum = xxh3_64(&bytes);
        let bytes: Arc<[u8]> = bytes.into();
        self.memory.put(key, Arc::clone(&bytes));
        Ok(Kept {
            body: Body::Memory(bytes),
            fingerprint: None,
            sum,
        })
    }

    /// Has the next process make a file again, of which something was missing when it was made.
    pub fn forget(&self, key: ContentKey) {
        if let Some(disk) = &self.disk {
            disk.forget(key);
        }
    }

    /// A full disk makes every image fail to be kept: it is logged once.
    fn log_refusal(&self, error: &io::Error) {
        if self.refused.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("the cache cannot keep an image: {error}; serving from memory");
        } else {
            tracing::debug!("the cache cannot keep an image: {error}");
        }
    }

    /// Writes down what is not written yet; to be called at the end.
    pub fn close(&self) {
        let keeper = held(&self.keeper).take();
        if let Some(keeper) = keeper {
            keeper.stop();
        }
    }

    /// How full the cache is now.
    pub fn usage(&self) -> Usage {
        let Some(disk) = &self.disk else {
            return Usage::default();
        };
        let (bytes, files, is_complete) = disk.usage();
        Usage {
            bytes,
            files,
            is_complete,
            evictions: disk.evictions(),
        }
    }

    /// Bytes of what is made now that can be expected to stay.
    pub fn capacity(&self) -> u64 {
        match &self.disk {
            Some(disk) => disk.capacity(),
            None => memory::LIMIT as u64,
        }
    }

    /// Whether its folder is on another machine, which may take long to answer.
    pub fn is_remote(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.is_remote())
    }

    /// Whether there is a folder on a disk to keep files in.
    pub fn is_on_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// How many files the disk did not take.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.close();
    }
}

impl Keeper {
    fn start(disk: &Arc<DiskCache>) -> io::Result<Self> {
        let disk = Arc::clone(disk);
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stop_stock = Arc::new(AtomicBool::new(false));
        let (seen, seen_stock) = (Arc::clone(&stop), Arc::clone(&stop_stock));
        let thread = thread::Builder::new()
            .name("cache".to_owned())
            .spawn(move || {
                disk.take_stock(&seen_stock);
                let (stopped, changed) = &*seen;
                let mut stopped = held(stopped);
                while !*stopped {
                    stopped = changed
                        .wait_timeout(stopped, FLUSH_INTERVAL)
                        .unwrap_or_else(|poisoned| poisoned.into_inner())
                        .0;
                    disk.flush();
                    disk.trim();
                }
                disk.flush();
            })?;
        Ok(Self {
            stop,
            stop_stock,
            thread,
        })
    }

    fn stop(self) {
        self.stop_stock.store(true, Ordering::Relaxed);
        *held(&self.stop.0) = true;
        self.stop.1.notify_all();
        // A panic there has been logged; the order of use is all that is lost.
        let _ = self.thread.join();
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX))
}
