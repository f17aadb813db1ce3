//! What a mount has made, by content key: on the disk as long as it takes it, else in memory.
//!
//! Invariants:
//! * A file under its own name is whole: temporary file, then rename.
//! * A file without a record in the record database is not trusted; the record is written before the rename.
//! * A checksum is compared when a file is first opened after a start, and again whenever anything
//!   about the file has changed since.
//! * What is in the folder is what is cached; the record database knows sizes of more than that.
//! * Everything that the cache takes on the disk counts against its limit, not the files alone.
//! * A descriptor is kept for speed only: any open file can be closed and opened again.

mod disk;
mod error;
mod evict;
mod folder;
mod lru;
mod memory;
#[cfg(all(test, feature = "model-check"))]
mod model;
mod overhead;
mod pin;
mod record_db;
mod resident;
#[cfg(test)]
mod tests;
mod write;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};

pub use error::CacheError;
pub use record_db::FileRecord;

use xxhash_rust::xxh3::xxh3_64;

use crate::shown::Show as _;
use crate::store::{Body, ContentKey, Fingerprint};
use disk::DiskCache;
use memory::MemoryCache;
use write::PutError;

/// How often the order of use is written down.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// After how many rounds a folder that could not be written is tried again.
const RETRY_ROUNDS: u32 = 6;

/// How often a disk that takes nothing is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(600);

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
    /// Room that all takes on the disk: the files, and what is needed to keep them.
    pub bytes: u64,
    /// Room that the files alone take.
    pub files_bytes: u64,
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
    state: Arc<State>,
    keeper: Mutex<Option<Keeper>>,
}

/// What the cache shares with the thread that keeps it.
struct State {
    path: PathBuf,
    limits: Limits,
    /// Absent for as long as the folder cannot be written.
    disk: OnceLock<DiskCache>,
    memory: MemoryCache,
    refusals: Refusals,
    /// Whether a thread waits for the disk to commit.
    is_committing: AtomicBool,
}

/// Files that the disk did not take.
#[derive(Default)]
struct Refusals {
    count: AtomicU64,
    /// Whether the last file was among them.
    is_refusing: AtomicBool,
    logged: Mutex<Option<Instant>>,
}

/// The thread that takes stock at the start, and from then on writes the order of use down, evicts
/// what was open when its turn came, and looks whether a folder can be written again.
struct Keeper {
    stop: Arc<(Mutex<bool>, Condvar)>,
    stop_stock: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Cache {
    /// Opens the cache in `cache_path`. A folder that cannot be written costs a warning: then
    /// everything is served from memory until it can be.
    ///
    /// # Errors
    /// When the folder is another's, or in use.
    pub fn open(cache_path: &Path, limits: Limits) -> Result<Self, CacheError> {
        let state = Arc::new(State {
            path: cache_path.to_owned(),
            limits,
            disk: OnceLock::new(),
            memory: MemoryCache::new(),
            refusals: Refusals::default(),
            is_committing: AtomicBool::new(false),
        });
        match DiskCache::open(cache_path, limits) {
            Ok(disk) => drop(state.disk.set(disk)),
            Err(error) if error.is_unwritable() => {
                tracing::warn!("{error}; what is made is kept in memory only");
            }
            Err(error) => return Err(error),
        }
        let keeper = Keeper::start(&state).map_err(CacheError::Thread)?;
        Ok(Self {
            state,
            keeper: Mutex::new(Some(keeper)),
        })
    }

    fn disk(&self) -> Option<&DiskCache> {
        self.state.disk.get()
    }

    /// What is known of a file, whether or not its bytes are still there.
    pub fn record(&self, key: ContentKey) -> Option<FileRecord> {
        self.disk()?.record(key)
    }

    /// What is damaged in the source of which a file was made, in words.
    pub fn damage(&self, key: ContentKey) -> Option<String> {
        self.disk()?.damage(key)
    }

    /// Remembers a file that is not to be kept, since its source is damaged.
    pub fn note_damaged(&self, key: ContentKey, bytes: &[u8], damage: &str) {
        if let Some(disk) = self.disk() {
            let record = FileRecord {
                size: bytes.len() as u64,
                sum: xxh3_64(bytes),
                is_damaged: true,
            };
            disk.note(key, record, Some(damage));
        }
    }

    /// [`Self::record`] for threads that must not wait for others; `None` if that cannot be told.
    pub fn record_at_once(&self, key: ContentKey) -> Option<Option<FileRecord>> {
        match self.disk() {
            Some(disk) => disk.record_at_once(key),
            None => Some(None),
        }
    }

    /// Opens a file if it is there and whole, which is known by its checksum. Waits for a descriptor.
    pub fn get(&self, key: ContentKey, record: FileRecord) -> Option<(Body, Option<Fingerprint>)> {
        self.get_by(key, record, true).unwrap_or_else(|error| {
            tracing::warn!("cache file {key}: {error}; made again");
            None
        })
    }

    /// The same by what the kernel has in memory, for threads that must not wait.
    ///
    /// # Errors
    /// When that does not tell whether the file is there and whole.
    pub fn get_at_once(
        &self,
        key: ContentKey,
        record: FileRecord,
    ) -> io::Result<Option<(Body, Option<Fingerprint>)>> {
        self.get_by(key, record, false)
    }

    /// [`Self::get_trusted`] by what the kernel has in memory, for threads that must not wait.
    pub fn get_trusted_at_once(
        &self,
        key: ContentKey,
        size: u64,
        trusted: Option<Fingerprint>,
    ) -> Option<Body> {
        match trusted {
            None => self.state.memory.get(key).map(Body::Memory),
            Some(trusted) => self.disk()?.get_trusted_at_once(key, size, trusted),
        }
    }

    fn get_by(
        &self,
        key: ContentKey,
        record: FileRecord,
        may_wait: bool,
    ) -> io::Result<Option<(Body, Option<Fingerprint>)>> {
        if let Some(bytes) = self.state.memory.get(key) {
            return Ok(Some((Body::Memory(bytes), None)));
        }
        let Some(disk) = self.disk() else {
            return Ok(None);
        };
        let found = match may_wait {
            true => disk.get(key, record)?,
            false => Some(disk.get_at_once(key, record)?),
        };
        Ok(found.map(|(body, fingerprint)| (body, Some(fingerprint))))
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
            None => self.state.memory.get(key).map(Body::Memory),
            Some(trusted) => {
                let found = self.disk()?.get_trusted(key, size, trusted);
                // Whatever is wrong, opening it with its checksum finds out.
                found.ok().flatten()
            }
        }
    }

    /// Whether the bytes are there, as far as is known without looking at them.
    pub fn contains(&self, key: ContentKey) -> bool {
        self.state.memory.get(key).is_some() || self.disk().is_some_and(|disk| disk.contains(key))
    }

    /// A file that is always there, to try things on.
    pub fn probe_file(&self) -> Option<std::fs::File> {
        self.disk().and_then(|disk| disk.probe_file().ok())
    }

    /// Keeps what `write` writes, which has about `expected` bytes: on the disk, or in memory where the disk cannot take it.
    ///
    /// # Errors
    /// Those of `write` itself.
    pub fn put(
        &self,
        key: ContentKey,
        expected: u64,
        write: impl FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Kept> {
        self.put_noted(key, (expected, None), write)
    }

    /// [`Self::put`] of a file that is made of a damaged source: what is damaged, in words.
    ///
    /// # Errors
    /// Those of `write` itself.
    pub fn put_noted(
        &self,
        key: ContentKey,
        (expected, damage): (u64, Option<&str>),
        mut write: impl FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Kept> {
        if let Some(disk) = self.disk() {
            match disk.put(key, (expected, damage), &mut write) {
                Ok((body, fingerprint, sum)) => {
                    self.state.refusals.accepted();
                    return Ok(Kept {
                        body,
                        fingerprint: Some(fingerprint),
                        sum,
                    });
                }
                Err(PutError::Maker(error)) => return Err(error),
                Err(PutError::TooLarge(error)) => self.state.refusals.too_large(&error),
                Err(PutError::Disk(error)) => self.state.refusals.refused(&error),
            }
        }
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        let sum = xxh3_64(&bytes);
        let bytes: Arc<[u8]> = bytes.into();
        self.state.memory.put(key, Arc::clone(&bytes));
        Ok(Kept {
            body: Body::Memory(bytes),
            fingerprint: None,
            sum,
        })
    }

    /// A file that is kept in memory.
    pub fn in_memory(&self, key: ContentKey) -> Option<Body> {
        self.state.memory.get(key).map(Body::Memory)
    }

    /// Keeps a file in memory only, since no disk could be read.
    pub fn keep_in_memory(&self, key: ContentKey, bytes: &Arc<[u8]>) {
        self.state.memory.put(key, Arc::clone(bytes));
    }

    /// Removes a file that cannot be read any more, so that it is made again.
    pub fn drop_unreadable(&self, body: &Body) {
        if let (Some(disk), Some(file)) = (self.disk(), body.cache_file()) {
            disk.drop_damaged(file.key, file.fingerprint);
        }
    }

    /// Has the next process make a file again, of which something was missing when it was made.
    pub fn forget(&self, key: ContentKey) {
        if let Some(disk) = self.disk() {
            disk.forget(key);
        }
    }

    /// Writes down what is not written yet; to be called at the end.
    pub fn close(&self) {
        let keeper = self.keeper.lock().take();
        if let Some(keeper) = keeper {
            keeper.stop();
        }
    }

    /// How full the cache is now.
    pub fn usage(&self) -> Usage {
        self.disk().map(DiskCache::usage).unwrap_or_default()
    }

    /// How many bytes of what is made from now on can be expected to stay.
    pub fn capacity(&self) -> u64 {
        match self.disk() {
            Some(disk) if !self.state.refusals.is_refusing() => disk.files_limit(),
            _ => memory::LIMIT as u64,
        }
    }

    /// Whether its folder is on another machine, which may take long to answer.
    pub fn is_remote(&self) -> bool {
        self.disk().is_some_and(DiskCache::is_remote)
    }

    /// Whether there is a folder on a disk to keep files in.
    pub fn is_on_disk(&self) -> bool {
        self.disk().is_some()
    }

    /// What the files on the disk may take, whether or not it takes any at the moment.
    pub fn disk_limit(&self) -> u64 {
        self.disk().map_or(0, DiskCache::files_limit)
    }

    /// Whether the disk did not take the last file.
    pub fn is_refusing(&self) -> bool {
        self.state.refusals.is_refusing()
    }

    /// How many files the disk did not take.
    pub fn refused(&self) -> u64 {
        self.state.refusals.count.load(Ordering::Relaxed)
    }
}

impl State {
    /// Whether the folder can be written by now.
    fn try_disk(&self) -> Option<&DiskCache> {
        match DiskCache::open(&self.path, self.limits) {
            Ok(disk) => {
                tracing::info!("{}: the cache can be used again", self.path.shown());
                Some(self.disk.get_or_init(|| disk))
            }
            Err(error) => {
                tracing::debug!("{error}; what is made is kept in memory only");
                None
            }
        }
    }
}

impl State {
    /// Has the disk commit on a thread of its own, since nobody knows for how long.
    fn commit_aside(self: &Arc<Self>) {
        if self.is_committing.swap(true, Ordering::Relaxed) {
            return;
        }
        let state = Arc::clone(self);
        let committing = thread::Builder::new()
            .name("commit".to_owned())
            .spawn(move || {
                if let Some(disk) = state.disk.get() {
                    disk.commit();
                }
                state.is_committing.store(false, Ordering::Relaxed);
            });
        if committing.is_err() {
            self.is_committing.store(false, Ordering::Relaxed);
        }
    }
}

impl Refusals {
    fn accepted(&self) {
        self.is_refusing.store(false, Ordering::Relaxed);
    }

    fn is_refusing(&self) -> bool {
        self.is_refusing.load(Ordering::Relaxed)
    }

    fn refused(&self, error: &io::Error) {
        self.is_refusing.store(true, Ordering::Relaxed);
        self.too_large(error);
    }

    /// One file was not taken, which says nothing of the next. A full disk makes every image fail to be
    /// kept: it is logged now and then.
    fn too_large(&self, error: &io::Error) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut logged = self.logged.lock();
        if logged.is_none_or(|then| then.elapsed() > LOG_INTERVAL) {
            *logged = Some(Instant::now());
            tracing::warn!("the cache cannot keep an image: {error}; serving from memory");
        } else {
            tracing::debug!("the cache cannot keep an image: {error}");
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.close();
    }
}

impl Keeper {
    fn start(state: &Arc<State>) -> io::Result<Self> {
        let state = Arc::clone(state);
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stop_stock = Arc::new(AtomicBool::new(false));
        let (seen, seen_stock) = (Arc::clone(&stop), Arc::clone(&stop_stock));
        let thread = thread::Builder::new()
            .name("cache".to_owned())
            .spawn(move || {
                if let Some(disk) = state.disk.get() {
                    disk.take_stock(&seen_stock);
                }
                let mut rounds = 0u32;
                while !wait_for_stop(&seen) {
                    rounds = rounds.wrapping_add(1);
                    match state.disk.get() {
                        Some(disk) => {
                            disk.keep();
                            if disk.is_commit_due() {
                                state.commit_aside();
                            }
                        }
                        None if rounds.is_multiple_of(RETRY_ROUNDS) => {
                            if let Some(disk) = state.try_disk() {
                                disk.take_stock(&seen_stock);
                            }
                        }
                        None => {}
                    }
                }
                if let Some(disk) = state.disk.get() {
                    disk.flush();
                }
            })?;
        Ok(Self {
            stop,
            stop_stock,
            thread,
        })
    }

    fn stop(self) {
        self.stop_stock.store(true, Ordering::Relaxed);
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        // A panic there has been logged; the order of use is all that is lost.
        let _ = self.thread.join();
    }
}

/// Waits for the next round; true when there is none. The lock is not held meanwhile, nor while a
/// round works.
fn wait_for_stop((stop, changed): &(Mutex<bool>, Condvar)) -> bool {
    let mut stopped = stop.lock();
    if !*stopped {
        changed.wait_for(&mut stopped, FLUSH_INTERVAL);
    }
    *stopped
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX))
}
