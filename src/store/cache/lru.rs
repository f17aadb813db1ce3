//! The files of the cache in order of use, with their sizes.

use std::collections::{HashMap, HashSet};

use lru::LruCache;

use crate::store::ContentKey;

/// Disks allocate space in blocks.
const BLOCK: u64 = 4096;

/// The files of the cache, least recently used first.
#[derive(Debug)]
pub(super) struct Lru {
    files: LruCache<ContentKey, u64>,
    bytes: u64,
    /// Space reserved for files that are being written.
    reserved: u64,
    /// How often each file is open; open files are not evicted.
    pins: HashMap<ContentKey, u32>,
    /// Files removed before the files of earlier processes were added, which may include them.
    gone: HashSet<ContentKey>,
    /// Whether the files of earlier processes have been added. Before that, nothing is evicted.
    is_complete: bool,
}

/// Files of earlier processes, ordered in advance, since that takes long for a million.
pub(super) struct OlderFiles {
    files: LruCache<ContentKey, u64>,
    bytes: u64,
}

impl OlderFiles {
    /// Key and size of each, oldest first.
    pub(super) fn new(older: impl Iterator<Item = (ContentKey, u64)>) -> Self {
        let mut order = Lru::new();
        for (key, size) in older {
            order.insert(key, size);
        }
        Self {
            files: order.files,
            bytes: order.bytes,
        }
    }
}

impl Lru {
    pub(super) fn new() -> Self {
        Self {
            files: LruCache::unbounded(),
            bytes: 0,
            reserved: 0,
            pins: HashMap::new(),
            gone: HashSet::new(),
            is_complete: false,
        }
    }

    /// Disk space of all files in bytes, including those being written.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes + self.reserved
    }

    /// Counts a file of `size` bytes that is being written. Returns its space, for
    /// [`Self::release`].
    pub(super) fn reserve(&mut self, size: u64) -> u64 {
        let room = size.next_multiple_of(BLOCK);
        self.reserved += room;
        room
    }

    pub(super) fn release(&mut self, room: u64) {
        self.reserved -= room;
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    pub(super) fn contains(&self, key: ContentKey) -> bool {
        self.files.contains(&key)
    }

    /// Adds a file of `size` bytes, or marks it as used now.
    pub(super) fn insert(&mut self, key: ContentKey, size: u64) {
        self.insert_room(key, size.next_multiple_of(BLOCK));
    }

    fn insert_room(&mut self, key: ContentKey, room: u64) {
        let old = self.files.put(key, room).unwrap_or(0);
        self.bytes = self.bytes - old + room;
        self.gone.remove(&key);
    }

    pub(super) fn remove(&mut self, key: ContentKey) {
        self.bytes -= self.files.pop(&key).unwrap_or(0);
        if !self.is_complete {
            self.gone.insert(key);
        }
    }

    /// Marks a file as used now and pins it; false if it is not known.
    pub(super) fn pin_present(&mut self, key: ContentKey) -> bool {
        let is_present = self.files.get(&key).is_some();
        if is_present {
            self.pin(key);
        }
        is_present
    }

    /// Adds the files of earlier processes, as older than all known files.
    pub(super) fn complete(&mut self, older: OlderFiles) {
        let mut known = std::mem::replace(&mut self.files, older.files);
        self.bytes = older.bytes;
        for key in std::mem::take(&mut self.gone) {
            self.bytes -= self.files.pop(&key).unwrap_or(0);
        }
        while let Some((key, room)) = known.pop_lru() {
            self.insert_room(key, room);
        }
        self.is_complete = true;
    }

    pub(super) fn pin(&mut self, key: ContentKey) {
        *self.pins.entry(key).or_insert(0) += 1;
    }

    pub(super) fn unpin(&mut self, key: ContentKey) {
        if let Some(count) = self.pins.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.pins.remove(&key);
            }
        }
    }

    /// The least recently used file that is not open, if all files use more than `limit` bytes.
    pub(super) fn victim(&mut self, limit: u64) -> Option<ContentKey> {
        if !self.is_complete || self.bytes() <= limit {
            return None;
        }
        for _ in 0..self.files.len() {
            let (key, _) = self.files.peek_lru()?;
            let key = *key;
            if !self.pins.contains_key(&key) {
                return Some(key);
            }
            // Open, and so in use.
            self.files.promote(&key);
        }
        None
    }

    /// Removes a [`Self::victim`] and returns its space, unless it was opened or removed meanwhile.
    pub(super) fn take(&mut self, key: ContentKey) -> Option<u64> {
        if self.pins.contains_key(&key) {
            return None;
        }
        let room = self.files.pop(&key)?;
        self.bytes -= room;
        Some(room)
    }

    /// Puts back what [`Self::take`] removed, if the file could not be deleted.
    pub(super) fn put_back(&mut self, key: ContentKey, room: u64) {
        self.insert_room(key, room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u8) -> ContentKey {
        ContentKey::from_bytes([number; 16])
    }

    fn evict(order: &mut Lru, limit: u64) -> Vec<ContentKey> {
        std::iter::from_fn(|| {
            let victim = order.victim(limit)?;
            order.take(victim).map(|_| victim)
        })
        .collect()
    }

    #[test]
    fn least_recently_used_goes_first_and_open_files_stay() {
        let mut order = Lru::new();
        order.insert(key(9), 1);
        let older = [(key(1), 1), (key(2), 1), (key(9), 1), (key(3), 1)];
        order.complete(OlderFiles::new(older.into_iter()));
        assert_eq!(order.bytes(), 4 * BLOCK);
        order.insert(key(1), 1);
        order.pin(key(2));
        assert_eq!(evict(&mut order, 2 * BLOCK), [key(3), key(9)]);
        assert_eq!(evict(&mut order, 0), [key(1)]);
        assert_eq!((order.len(), order.bytes()), (1, BLOCK));
        order.unpin(key(2));
        assert_eq!(evict(&mut order, 0), [key(2)]);
    }

    #[test]
    fn nothing_is_evicted_before_all_is_known() {
        let mut order = Lru::new();
        order.insert(key(1), 1);
        assert!(evict(&mut order, 0).is_empty());
        order.complete(OlderFiles::new(std::iter::empty()));
        assert_eq!(evict(&mut order, 0), [key(1)]);
    }

    #[test]
    fn what_went_while_the_files_were_counted_is_not_counted() {
        let mut order = Lru::new();
        order.insert(key(1), 1);
        order.remove(key(1));
        order.remove(key(2));
        order.insert(key(2), 1);
        let older = [(key(1), 1), (key(2), 1), (key(3), 1)];
        order.complete(OlderFiles::new(older.into_iter()));
        assert_eq!((order.len(), order.bytes()), (2, 2 * BLOCK));
        assert!(!order.contains(key(1)));
    }

    #[test]
    fn what_is_being_written_counts_and_a_victim_that_is_opened_stays() {
        let mut order = Lru::new();
        order.complete(OlderFiles::new(std::iter::empty()));
        order.insert(key(1), 1);
        let room = order.reserve(BLOCK + 1);
        assert_eq!((room, order.bytes()), (2 * BLOCK, 3 * BLOCK));
        assert_eq!(order.victim(2 * BLOCK), Some(key(1)));
        assert!(order.pin_present(key(1)) && !order.pin_present(key(2)));
        assert_eq!(order.take(key(1)), None);
        order.unpin(key(1));
        let room = order.take(key(1)).unwrap();
        order.put_back(key(1), room);
        order.release(2 * BLOCK);
        assert_eq!(order.bytes(), BLOCK);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8, u16),
        Remove(u8),
        Pin(u8),
        Unpin(u8),
        Evict(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        let number = 0u8..12;
        prop_oneof![
            (number.clone(), any::<u16>()).prop_map(|(key, size)| Step::Insert(key, size)),
            number.clone().prop_map(Step::Remove),
            number.clone().prop_map(Step::Pin),
            number.prop_map(Step::Unpin),
            (0u32..300_000).prop_map(Step::Evict),
        ]
    }

    proptest! {
        #[test]
        fn bytes_are_the_sum_and_the_limit_is_kept(steps in proptest::collection::vec(step(), 0..80)) {
            let mut order = Lru::new();
            order.complete(OlderFiles::new(std::iter::empty()));
            for step in steps {
                match step {
                    Step::Insert(number, size) => order.insert(key(number), size.into()),
                    Step::Remove(number) => order.remove(key(number)),
                    Step::Pin(number) => order.pin(key(number)),
                    Step::Unpin(number) => order.unpin(key(number)),
                    Step::Evict(limit) => {
                        let victims = evict(&mut order, limit.into());
                        prop_assert!(victims.iter().all(|key| !order.pins.contains_key(key)));
                        let all_open =
                            order.files.iter().all(|(key, _)| order.pins.contains_key(key));
                        prop_assert!(order.bytes() <= limit.into() || all_open);
                    }
                }
                let sum: u64 = order.files.iter().map(|(_, room)| room).sum();
                prop_assert_eq!(order.bytes(), sum);
            }
        }
    }
}
