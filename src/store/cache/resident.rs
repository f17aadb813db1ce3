//! Which files are on the disk, correct even while files are made, opened and evicted concurrently.
//!
//! Invariant: a thread that puts a file in its place, checks that it exists, or removes it holds
//! the lock of its key until the order of use is updated. So a new file is never removed in place
//! of an old one, an open file is never removed, and every file on the disk is counted.

use std::io;
use std::sync::Arc;

use super::lru::{Lru, OlderFiles};
use super::pin::Pin;
use crate::store::{ContentGroup, ContentKey};
use crate::sync::{Mutex, MutexGuard};

/// Number of key locks: enough that two keys seldom share one.
const LOCKS: usize = 64;

/// After this many files that cannot be removed, eviction gives up: the disk has another problem.
const FAILURES: usize = 16;

/// The files of the cache.
pub(super) struct ResidentFiles {
    order: Arc<Mutex<Lru>>,
    keys: [Mutex<()>; LOCKS],
}

/// What was evicted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Evicted {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl ResidentFiles {
    pub(super) fn new() -> Self {
        Self {
            order: Arc::new(Mutex::new(Lru::new())),
            keys: [const { Mutex::new(()) }; LOCKS],
        }
    }

    /// Locks a key, so that its file can be put in its place, opened or removed.
    pub(super) fn lock(&self, key: ContentKey) -> LockedKey<'_> {
        let lock = usize::from(key.to_bytes()[15]) % LOCKS;
        LockedKey {
            files: self,
            key,
            _guard: self.keys[lock].lock(),
        }
    }

    /// [`Self::lock`], if that needs no waiting.
    pub(super) fn try_lock(&self, key: ContentKey) -> Option<LockedKey<'_>> {
        let lock = usize::from(key.to_bytes()[15]) % LOCKS;
        let guard = self.keys[lock].try_lock()?;
        Some(LockedKey {
            files: self,
            key,
            _guard: guard,
        })
    }

    /// Protects a file from eviction if it is known to exist. It does not need the lock of its key:
    /// a file in the order is not about to be removed, and once pinned it stays.
    pub(super) fn pin_present(&self, key: ContentKey) -> Option<Pin> {
        self.order
            .lock()
            .pin_present(key)
            .then(|| Pin::of_pinned(&self.order, key))
    }

    /// Counts a file that is being written, for as long as the result is kept.
    pub(super) fn reserve(&self, size: u64) -> Reservation<'_> {
        Reservation {
            files: self,
            room: self.order.lock().reserve(size),
        }
    }

    /// Removes the least recently used files that are not open, until at most `limit` bytes remain.
    pub(super) fn evict_to(
        &self,
        limit: u64,
        mut remove: impl FnMut(ContentKey) -> io::Result<()>,
    ) -> Evicted {
        let mut evicted = Evicted::default();
        let mut failures = 0;
        while failures < FAILURES {
            let victim = self.order.lock().victim(limit);
            let Some(key) = victim else { break };
            let _locked = self.lock(key);
            // Before the file is removed, since a thread that finds it in the order may open it.
            let taken = self.order.lock().take(key);
            let Some(file) = taken else { continue };
            match remove(key) {
                Ok(()) => {
                    evicted.files += 1;
                    evicted.bytes += file.room;
                }
                Err(_) => {
                    self.order.lock().put_back(key, file);
                    failures += 1;
                }
            }
        }
        evicted
    }

    pub(super) fn complete(&self, older: OlderFiles) {
        self.order.lock().complete(older);
    }

    pub(super) fn contains(&self, key: ContentKey) -> bool {
        self.order.lock().contains(key)
    }

    /// Number of files of this group.
    pub(super) fn count_of(&self, group: ContentGroup) -> u64 {
        self.order.lock().count_of(group)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.order.lock().bytes()
    }

    pub(super) fn len(&self) -> usize {
        self.order.lock().len()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.order.lock().is_complete()
    }
}

/// A key whose file no other thread opens for the first time, replaces or removes.
pub(super) struct LockedKey<'a> {
    files: &'a ResidentFiles,
    key: ContentKey,
    _guard: MutexGuard<'a, ()>,
}

impl LockedKey<'_> {
    pub(super) fn pin(&self) -> Pin {
        Pin::new(&self.files.order, self.key)
    }

    /// Records that the file exists, with `size` bytes. Without a group, it keeps the one that it
    /// has.
    pub(super) fn insert(&self, size: u64, group: Option<ContentGroup>) {
        self.files.order.lock().insert(self.key, size, group);
    }

    /// Records that the file does not exist.
    pub(super) fn remove(&self) {
        self.files.order.lock().remove(self.key);
    }
}

/// Space reserved for a file that is being written.
pub(super) struct Reservation<'a> {
    files: &'a ResidentFiles,
    room: u64,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.files.order.lock().release(self.room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::thread;

    fn key(number: u8) -> ContentKey {
        ContentKey::from_bytes([number; 16])
    }

    /// Threads put, open and evict the same few keys; the disk is a set of keys.
    #[test]
    fn the_disk_and_the_count_agree_and_open_files_stay() {
        let files = ResidentFiles::new();
        files.complete(OlderFiles::new(std::iter::empty()));
        let disk: Mutex<HashSet<ContentKey>> = Mutex::default();
        let remove = |key| {
            thread::yield_now();
            assert!(disk.lock().remove(&key), "{key} is counted but not there");
            Ok(())
        };
        let put = |key| {
            let room = files.reserve(1);
            files.evict_to(4 * 4096, remove);
            let locked = files.lock(key);
            let pin = locked.pin();
            disk.lock().insert(key);
            thread::yield_now();
            locked.insert(1, None);
            drop((locked, room));
            assert!(
                disk.lock().contains(&key),
                "{key} was removed while it is open"
            );
            drop(pin);
        };
        let open = |key| {
            if let Some(_pin) = files.pin_present(key) {
                thread::yield_now();
                assert!(disk.lock().contains(&key), "{key} is pinned but not there");
            }
        };
        thread::scope(|scope| {
            for thread in 0..4u32 {
                let (put, open) = (&put, &open);
                scope.spawn(move || {
                    let mut random = thread + 1;
                    for _ in 0..5000 {
                        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let key = key((random >> 16) as u8 % 8);
                        if random >> 31 == 0 {
                            put(key)
                        } else {
                            open(key)
                        }
                    }
                });
            }
        });
        let counted = files.len();
        assert_eq!(disk.lock().len(), counted);
        files.evict_to(0, remove);
        assert!(disk.lock().is_empty() && files.bytes() == 0);
    }

    #[test]
    fn what_cannot_be_removed_stays_counted() {
        let files = ResidentFiles::new();
        files.complete(OlderFiles::new(std::iter::empty()));
        for number in 0..40 {
            files.lock(key(number)).insert(1, None);
        }
        let mut tries = 0;
        let evicted = files.evict_to(0, |_| {
            tries += 1;
            Err(io::Error::from(io::ErrorKind::PermissionDenied))
        });
        assert_eq!(
            (evicted, files.len(), tries),
            (Evicted::default(), 40, FAILURES)
        );
    }
}
