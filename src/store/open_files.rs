//! Recently opened files stay open, so that opening one again is cheap. Files that readers have
//! open are closed if others need the descriptors, so that the number of descriptors does not grow
//! with the number of readers.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use lru::LruCache;
use parking_lot::Mutex;

use super::fingerprint::Fingerprint;
use super::stored_file::{StoredFile, open};
use crate::files::{SpareFiles, at_once, open_file_limit, patiently, register};
use crate::store::ContentKey;

/// Maximum number of files that stay open, if the process may open several times as many.
const MOST: usize = 4096;

/// Minimum number of files that stay open.
const LEAST: usize = 16;

/// The most recently opened files of a store.
pub struct OpenFiles {
    pool: Arc<Pool>,
}

/// State that [`OpenFiles`] and its files share.
pub(super) struct Pool {
    files: Mutex<Files>,
    pub(super) is_remote: bool,
}

struct Files {
    open: LruCache<ContentKey, Arc<StoredFile>>,
    /// Files that were closed although readers have them.
    closed: HashMap<ContentKey, Weak<StoredFile>>,
    /// How many closed files there may be before those without readers are dropped.
    closed_limit: usize,
}

impl OpenFiles {
    /// `is_remote`: whether the files are on another machine.
    pub fn new(is_remote: bool) -> Self {
        Self::with_capacity(is_remote, capacity())
    }

    fn with_capacity(is_remote: bool, capacity: usize) -> Self {
        let most = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        let pool = Arc::new(Pool {
            files: Mutex::new(Files {
                open: LruCache::new(most),
                closed: HashMap::new(),
                closed_limit: capacity,
            }),
            is_remote,
        });
        register(Arc::downgrade(&pool) as Weak<dyn SpareFiles>);
        Self { pool }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// A recently opened file, or one that a reader has; it may be closed by now.
    pub fn get(&self, key: ContentKey) -> Option<Arc<StoredFile>> {
        let mut files = self.pool.files.lock();
        if let Some(stored) = files.open.get(&key) {
            return Some(Arc::clone(stored));
        }
        files.closed.get(&key)?.upgrade()
    }

    /// Whether a file has a descriptor now.
    #[cfg(test)]
    fn is_open(&self, key: ContentKey) -> bool {
        self.pool.files.lock().open.contains(&key)
    }

    /// Opens a file of `size` bytes that is never evicted. `may_wait` for a descriptor.
    ///
    /// # Errors
    /// Also if the file has another size.
    pub fn open(
        &self,
        key: ContentKey,
        path: PathBuf,
        size: u64,
        may_wait: bool,
    ) -> io::Result<Arc<StoredFile>> {
        let file = if may_wait {
            patiently(|| open(&path))?
        } else {
            at_once(|| open(&path))?
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() != size {
            return Err(io::Error::other("not a file of this size"));
        }
        let about = (size, Fingerprint::of(&metadata));
        Ok(self.put(StoredFile::new(&self.pool, key, path, file, about)))
    }

    /// Keeps a file open. If readers already have the same file, that one is used instead, so that
    /// no file takes two descriptors.
    pub(super) fn put(&self, stored: StoredFile) -> Arc<StoredFile> {
        let known = self.get(stored.key);
        let same = known.filter(|known| known.fingerprint == stored.fingerprint);
        let stored = match same {
            Some(same) if same.opened().is_some() => return same,
            Some(same) => {
                same.take_over(&stored);
                same
            }
            None => Arc::new(stored),
        };
        self.pool.put(&stored);
        stored
    }

    /// Closes a file, so that its disk space can be freed.
    pub fn remove(&self, key: ContentKey) {
        let mut files = self.pool.files.lock();
        let old = files.open.pop(&key);
        files.closed.remove(&key);
        // Close without the lock.
        drop(files);
        drop(old);
    }
}

impl Pool {
    /// Notes that a file is open, and closes the least recently used one.
    pub(super) fn put(&self, stored: &Arc<StoredFile>) {
        let mut files = self.files.lock();
        files.closed.remove(&stored.key);
        let pushed = files.open.push(stored.key, Arc::clone(stored));
        // A replaced file of the same key may not be on the disk any more; its readers keep it
        // open.
        let pushed = pushed.filter(|(key, _)| *key != stored.key);
        let closed = pushed.map(|(_, file)| files.set_aside(file));
        drop(files);
        if let Some(closed) = closed {
            closed.close();
        }
    }
}

impl Files {
    /// Remembers a file that is about to be closed, as long as readers have it.
    fn set_aside(&mut self, file: Arc<StoredFile>) -> Arc<StoredFile> {
        if Arc::strong_count(&file) > 1 {
            if self.closed.len() >= self.closed_limit {
                self.closed.retain(|_, file| file.strong_count() > 0);
                self.closed_limit = (self.closed.len() * 2).max(MOST);
            }
            self.closed.insert(file.key, Arc::downgrade(&file));
        }
        file
    }
}

impl SpareFiles for Pool {
    fn close_some(&self) {
        let mut files = self.files.lock();
        let count = files.open.len().div_ceil(2);
        let mut closed = Vec::with_capacity(count);
        for _ in 0..count {
            if let Some((_, file)) = files.open.pop_lru() {
                closed.push(files.set_aside(file));
            }
        }
        drop(files);
        for file in closed {
            file.close();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// A quarter of the process limit on open files.
fn capacity() -> usize {
    let files = open_file_limit().map_or(MOST, |files| usize::try_from(files / 4).unwrap_or(MOST));
    files.clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::super::body::{Body, ReadNow};
    use super::*;
    use std::fs;
    use std::path::Path;

    fn key(number: u8) -> ContentKey {
        ContentKey::from_bytes([number; 16])
    }

    fn read(stored: &Arc<StoredFile>) -> io::Result<Vec<u8>> {
        let body = Body::File {
            stored: Arc::clone(stored),
            hold: None,
        };
        let mut buffer = Vec::new();
        body.read_at(0, 100, &mut buffer).map(|()| buffer)
    }

    fn files(folder: &Path, recent: &OpenFiles, count: u8) -> Vec<Arc<StoredFile>> {
        let open = |number: u8| {
            let path = folder.join(number.to_string());
            fs::write(&path, [number; 10]).unwrap();
            recent.open(key(number), path, 10, false).unwrap()
        };
        (0..count).map(open).collect()
    }

    fn open_count(files: &[Arc<StoredFile>]) -> usize {
        files.iter().filter(|file| file.opened().is_some()).count()
    }

    #[test]
    fn a_fair_share_of_the_open_files_is_taken() {
        assert!((LEAST..=MOST).contains(&capacity()));
    }

    #[test]
    fn files_of_readers_are_closed_and_opened_again_as_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let recent = OpenFiles::with_capacity(false, 4);
        let held = files(folder.path(), &recent, 20);
        assert_eq!(open_count(&held), 4);
        for round in 0..3 {
            for (number, stored) in held.iter().enumerate() {
                assert_eq!(read(stored).unwrap(), [number as u8; 10], "round {round}");
            }
            assert_eq!(open_count(&held), 4);
        }
        // A later reader shares the file, whether it is open or not.
        for (number, stored) in held.iter().enumerate() {
            assert!(Arc::ptr_eq(&recent.get(key(number as u8)).unwrap(), stored));
            let path = folder.path().join(number.to_string());
            let again = recent.open(key(number as u8), path, 10, true).unwrap();
            assert!(Arc::ptr_eq(&again, stored));
        }
        assert_eq!(open_count(&held), 4);
        drop(held);
        assert!(recent.get(key(0)).is_none() && recent.get(key(19)).is_some());
    }

    #[test]
    fn a_lack_of_descriptors_closes_half_and_a_closed_file_is_not_read_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let recent = OpenFiles::with_capacity(false, 8);
        let held = files(folder.path(), &recent, 8);
        recent.pool.close_some();
        assert_eq!(open_count(&held), 4);
        assert!(!recent.is_open(key(0)) && recent.is_open(key(7)));
        let body = Body::of_tree(Arc::clone(&held[0]), 10).unwrap();
        held[0].close();
        let now = body.read_now(0, 10, &mut Vec::new()).unwrap();
        assert_eq!(now, ReadNow::WouldWait);
        assert_eq!(read(&held[0]).unwrap(), [0; 10]);
    }

    #[test]
    fn another_file_of_the_same_name_is_not_taken_for_one_that_was_closed() {
        let folder = tempfile::tempdir().unwrap();
        let recent = OpenFiles::with_capacity(false, 4);
        let held = files(folder.path(), &recent, 2);
        let replace = |number: u8| {
            let path = folder.path().join(number.to_string());
            fs::remove_file(&path).unwrap();
            fs::write(&path, [99; 10]).unwrap();
            path
        };
        held[0].close();
        replace(0);
        assert!(read(&held[0]).is_err());
        // Its readers keep an open file; later ones get the new one.
        let new = recent.open(key(1), replace(1), 10, false).unwrap();
        assert_eq!(read(&held[1]).unwrap(), [1; 10]);
        assert_eq!(read(&new).unwrap(), [99; 10]);
    }
}
