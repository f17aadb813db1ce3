//! The files of the cache in order of use, with their sizes.

use std::collections::{HashMap, HashSet};

use lru::LruCache;

use crate::store::{ContentGroup, ContentKey};

/// Disks allocate space in blocks.
const BLOCK: u64 = 4096;

/// The files of the cache, least recently used first.
#[derive(Debug)]
pub(super) struct Lru {
    files: LruCache<ContentKey, Resident>,
    bytes: u64,
    /// Number of files of each group.
    groups: HashMap<ContentGroup, u64>,
    /// Space reserved for files that are being written.
    reserved: u64,
    /// How often each file is open; open files are not evicted.
    pins: HashMap<ContentKey, u32>,
    /// Files removed before the files of earlier processes were added, which may include them.
    gone: HashSet<ContentKey>,
    /// Whether the files of earlier processes have been added. Before that, nothing is evicted.
    is_complete: bool,
}

/// A file of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resident {
    /// The space that it takes, in bytes.
    pub(super) room: u64,
    /// Which images it is one of; `None` for an index, or while that is not known yet.
    group: Option<ContentGroup>,
}

/// Files of earlier processes, ordered in advance, since that takes long for a million.
pub(super) struct OlderFiles {
    files: LruCache<ContentKey, Resident>,
    bytes: u64,
    groups: HashMap<ContentGroup, u64>,
}

impl OlderFiles {
    /// Key, size and group of each, oldest first.
    pub(super) fn new(
        older: impl Iterator<Item = (ContentKey, u64, Option<ContentGroup>)>,
    ) -> Self {
        let mut order = Lru::new();
        for (key, size, group) in older {
            order.insert(key, size, group);
        }
        Self {
            files: order.files,
            bytes: order.bytes,
            groups: order.groups,
        }
    }
}

impl Lru {
    pub(super) fn new() -> Self {
        Self {
            files: LruCache::unbounded(),
            bytes: 0,
            groups: HashMap::new(),
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

    /// Number of files of this group.
    pub(super) fn count_of(&self, group: ContentGroup) -> u64 {
        self.groups.get(&group).copied().unwrap_or(0)
    }

    /// Adds a file of `size` bytes, or marks it as used now. Without a group, it keeps the one that
    /// it has.
    pub(super) fn insert(&mut self, key: ContentKey, size: u64, group: Option<ContentGroup>) {
        let room = size.next_multiple_of(BLOCK);
        self.insert_file(key, Resident { room, group });
    }

    fn insert_file(&mut self, key: ContentKey, mut file: Resident) {
        let old = self.pop(key);
        file.group = file.group.or(old.and_then(|old| old.group));
        self.files.put(key, file);
        self.bytes += file.room;
        if let Some(group) = file.group {
            *self.groups.entry(group).or_insert(0) += 1;
        }
        self.gone.remove(&key);
    }

    fn pop(&mut self, key: ContentKey) -> Option<Resident> {
        let file = self.files.pop(&key)?;
        self.bytes -= file.room;
        if let Some(count) = file.group.and_then(|group| self.groups.get_mut(&group)) {
            *count -= 1;
        }
        Some(file)
    }

    pub(super) fn remove(&mut self, key: ContentKey) {
        self.pop(key);
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
        self.groups = older.groups;
        for key in std::mem::take(&mut self.gone) {
            self.pop(key);
        }
        while let Some((key, file)) = known.pop_lru() {
            self.insert_file(key, file);
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

    /// Removes and returns a [`Self::victim`], unless it was opened or removed meanwhile.
    pub(super) fn take(&mut self, key: ContentKey) -> Option<Resident> {
        if self.pins.contains_key(&key) {
            return None;
        }
        self.pop(key)
    }

    /// Puts back what [`Self::take`] removed, if the file could not be deleted.
    pub(super) fn put_back(&mut self, key: ContentKey, file: Resident) {
        self.insert_file(key, file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u8) -> ContentKey {
        ContentKey::from_bytes([number; 16])
    }

    /// Some have no group.
    fn group(number: u8) -> Option<ContentGroup> {
        (!number.is_multiple_of(3)).then(|| ContentGroup::of_number(u32::from(number % 3)))
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
        order.insert(key(9), 1, None);
        let older = [1, 2, 9, 3].map(|number| (key(number), 1, None));
        order.complete(OlderFiles::new(older.into_iter()));
        assert_eq!(order.bytes(), 4 * BLOCK);
        order.insert(key(1), 1, None);
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
        order.insert(key(1), 1, None);
        assert!(evict(&mut order, 0).is_empty());
        order.complete(OlderFiles::new(std::iter::empty()));
        assert_eq!(evict(&mut order, 0), [key(1)]);
    }

    #[test]
    fn what_went_while_the_files_were_counted_is_not_counted() {
        let mut order = Lru::new();
        order.insert(key(1), 1, None);
        order.remove(key(1));
        order.remove(key(2));
        order.insert(key(2), 1, None);
        let older = [1, 2, 3].map(|number| (key(number), 1, None));
        order.complete(OlderFiles::new(older.into_iter()));
        assert_eq!((order.len(), order.bytes()), (2, 2 * BLOCK));
        assert!(!order.contains(key(1)));
    }

    #[test]
    fn files_are_counted_by_group_as_soon_as_that_is_known() {
        let of = |number| ContentGroup::of_number(number);
        let mut order = Lru::new();
        order.insert(key(1), 1, None);
        order.insert(key(2), 1, Some(of(7)));
        let older = [(1, 7), (2, 7), (3, 7), (4, 8)];
        let older = older.map(|(number, group)| (key(number), 1, Some(of(group))));
        order.complete(OlderFiles::new(older.into_iter()));
        assert_eq!((order.count_of(of(7)), order.count_of(of(8))), (3, 1));
        order.insert(key(4), 9000, None);
        order.remove(key(3));
        assert_eq!((order.count_of(of(7)), order.count_of(of(8))), (2, 1));
        assert_eq!(evict(&mut order, 0).len(), 3);
        assert_eq!((order.count_of(of(7)), order.count_of(of(8))), (0, 0));
    }

    #[test]
    fn what_is_being_written_counts_and_a_victim_that_is_opened_stays() {
        let mut order = Lru::new();
        order.complete(OlderFiles::new(std::iter::empty()));
        order.insert(key(1), 1, None);
        let room = order.reserve(BLOCK + 1);
        assert_eq!((room, order.bytes()), (2 * BLOCK, 3 * BLOCK));
        assert_eq!(order.victim(2 * BLOCK), Some(key(1)));
        assert!(order.pin_present(key(1)) && !order.pin_present(key(2)));
        assert_eq!(order.take(key(1)), None);
        order.unpin(key(1));
        let file = order.take(key(1)).unwrap();
        order.put_back(key(1), file);
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
                    Step::Insert(number, size) => order.insert(key(number), size.into(), group(number)),
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
                let sum: u64 = order.files.iter().map(|(_, file)| file.room).sum();
                prop_assert_eq!(order.bytes(), sum);
                for (group, count) in &order.groups {
                    let files = order.files.iter().map(|(_, file)| file.group);
                    let members = files.filter(|of| *of == Some(*group)).count();
                    prop_assert_eq!(*count, members as u64);
                }
            }
        }
    }
}
