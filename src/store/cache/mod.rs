//! The files that a mount has made, by content key: on disk if the disk takes them, else in memory.
//!
//! Invariants:
//! * A file under its final name is complete: machex writes a temporary file and renames it.
//! * A file without a record in the record database is not trusted; the record is written before
//!   the rename.
//! * The checksum is verified when a file is first opened after a start, and again whenever
//!   anything about the file has changed.
//! * The folder decides what is cached; the record database also knows the sizes of evicted files.
//! * Everything that the cache stores on the disk counts against its limit, not just the files.
//! * Open descriptors are only an optimization: any open file can be closed and opened again.

mod as_tier;
mod disk;
mod disk_open;
mod disk_put;
mod disk_upkeep;
mod error;
mod evict;
mod folder;
mod lru;
#[cfg(all(test, feature = "model-check"))]
mod model;
mod overhead;
mod pin;
mod record_db;
mod resident;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};

pub use error::CacheError;
use record_db::FileRecord;

use xxhash_rust::xxh3::xxh3_64;

use crate::shown::Show as _;
use crate::store::{Body, ContentGroup, ContentKey};
use crate::waits::Waits;
use disk::DiskCache;

/// How often the order of use is saved.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// A folder that could not be written is tried again after this many rounds.
const RETRY_ROUNDS: u32 = 6;

/// How often machex logs that the disk takes no files.
const LOG_INTERVAL: Duration = Duration::from_secs(600);

/// How much space the cache may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `CACHE_SIZE`.
    pub bytes: u64,
    /// `CACHE_MIN_FREE`: how much of the disk stays free, in percent.
    pub min_free_percent: u8,
}

/// How full the cache is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Disk space in use: by the files, and by what is needed to manage them.
    pub bytes: u64,
    /// Disk space that the files alone use.
    pub files_bytes: u64,
    /// Number of files.
    pub files: usize,
    /// False while the files of earlier processes are still being counted.
    pub is_complete: bool,
    /// Files evicted since the start.
    pub evictions: u64,
}

/// The cache of one mount.
pub struct Cache {
    state: Arc<State>,
    keeper: Mutex<Option<Keeper>>,
}

/// State that the cache shares with its keeper thread.
struct State {
    path: PathBuf,
    mountpoint: PathBuf,
    limits: Limits,
    /// Unset as long as the folder cannot be written.
    disk: OnceLock<DiskCache>,
    refusals: Refusals,
    /// Tracks the threads that wait for the disk.
    waits: Arc<Waits>,
    /// Whether a thread is waiting for the disk to commit.
    is_committing: AtomicBool,
}

/// Counts the files that the disk did not take.
#[derive(Default)]
struct Refusals {
    count: AtomicU64,
    /// Whether the last file was refused.
    is_refusing: AtomicBool,
    logged: Mutex<Option<Instant>>,
}

/// The thread that takes stock at the start; afterwards it saves the order of use, evicts files
/// that were open when their turn came, and checks whether an unwritable folder has become
/// writable.
struct Keeper {
    stop: Arc<(Mutex<bool>, Condvar)>,
    stop_stock: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Cache {
    /// Opens the cache in `cache_path` for the mount at `mountpoint`. If the folder cannot be written, logs a warning and serves
    /// everything from memory until it can be.
    ///
    /// # Errors
    /// When the folder belongs to another user, or is in use.
    pub fn open(cache_path: &Path, mountpoint: &Path, limits: Limits) -> Result<Self, CacheError> {
        let state = Arc::new(State {
            path: cache_path.to_owned(),
            mountpoint: mountpoint.to_owned(),
            limits,
            disk: OnceLock::new(),
            refusals: Refusals::default(),
            waits: Waits::new(),
            is_committing: AtomicBool::new(false),
        });
        match DiskCache::open(cache_path, mountpoint, limits) {
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

    /// Tracks the threads that wait for the cache's disk.
    pub fn waits(&self) -> &Arc<Waits> {
        &self.state.waits
    }

    /// Records a file that is not kept because its source is damaged.
    pub fn note_damaged(&self, key: ContentKey, bytes: &[u8], damage: &str) {
        let _waiting = self.state.waits.begin();
        if let Some(disk) = self.disk() {
            let record = FileRecord {
                size: bytes.len() as u64,
                sum: xxh3_64(bytes),
                is_damaged: true,
                group: None,
            };
            disk.note(key, record, Some(damage));
        }
    }

    /// A file that always exists, for trying out operations.
    pub fn probe_file(&self) -> Option<std::fs::File> {
        self.disk().and_then(|disk| disk.probe_file().ok())
    }

    /// Removes a file that can no longer be read, so that it is made again.
    pub fn drop_unreadable(&self, body: &Body) {
        if let (Some(disk), Some(file)) = (self.disk(), body.cache_file()) {
            disk.drop_damaged(file.key, file.fingerprint);
        }
    }

    /// Forgets a file that was made although something was missing, so that the next process makes
    /// it again.
    pub fn forget(&self, key: ContentKey) {
        if let Some(disk) = self.disk() {
            disk.forget(key);
        }
    }

    /// Saves what is not saved yet; to be called at the end.
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

    /// How many files of this group there are, as far as they are counted.
    pub fn count_of(&self, group: ContentGroup) -> u64 {
        self.disk().map_or(0, |disk| disk.count_of(group))
    }

    /// Whether it is known without the disk which files there are. There are none without a disk.
    pub fn is_counted(&self) -> bool {
        self.disk().is_none_or(DiskCache::is_counted)
    }

    fn refusals(&self) -> &Refusals {
        &self.state.refusals
    }

    /// Whether the cache has a folder on a disk.
    pub fn is_on_disk(&self) -> bool {
        self.disk().is_some()
    }

    /// Whether the disk refused the last file.
    pub fn is_refusing(&self) -> bool {
        self.state.refusals.is_refusing()
    }

    /// How many files the disk has refused.
    pub fn refused(&self) -> u64 {
        self.state.refusals.count.load(Ordering::Relaxed)
    }
}

impl State {
    /// Opens the cache folder, if it can be written by now.
    fn try_disk(&self) -> Option<&DiskCache> {
        match DiskCache::open(&self.path, &self.mountpoint, self.limits) {
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
    /// Starts a commit of the disk on a separate thread, since it may take long.
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

    /// Counts a refused file, without assuming that the next is refused too. A full disk refuses
    /// every image, so this is logged only now and then.
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
        // A panic there has been logged already; only the order of use is lost.
        let _ = self.thread.join();
    }
}

/// Waits for the next round; true if there is none. The lock is not held while waiting or during a
/// round.
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
