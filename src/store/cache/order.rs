//! Which files there are, in the order of their use, and what they weigh.

use std::collections::HashMap;

use lru::LruCache;

use crate::store::ContentKey;

/// Disks are given out in blocks.
const BLOCK: u64 = 4096;

/// The files of the cache, least recently used first.
#[derive(Debug)]
pub(super) struct Order {
    files: LruCache<ContentKey, u64>,
    bytes: u64,
    /// How often each file is open: it is not evicted meanwhile.
    pins: HashMap<ContentKey, u32>,
    /// Whether the files of earlier processes are in here. Before, nothing is evicted.
    is_complete: bool,
}

/// Files of earlier processes; put in order beforehand, since that takes long for a million.
pub(super) struct OlderFiles {
    files: LruCache<ContentKey, u64>,
    bytes: u64,
}

impl OlderFiles {
    /// Key and size of each, oldest first.
    pub(super) fn new(older: impl Iterator<Item = (ContentKey, u64)>) -> Self {
        let mut order = Order::new();
        for (key, size) in older {
            order.insert(key, size);
        }
        Self {
            files: order.files,
            bytes: order.bytes,
        }
    }
}

impl Order {
    pub(super) fn new() -> Self {
        Self {
            files: LruCache::unbounded(),
            bytes: 0,
            pins: HashMap::new(),
            is_complete: false,
        }
    }

    /// Room that all files take on the disk, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
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

    /// Adds a file of so many bytes, or marks it as used now.
    pub(super) fn insert(&mut self, key: ContentKey, size: u64) {
        let room = size.next_multiple_of(BLOCK);
        let old = self.files.put(key, room).unwrap_or(0);
        self.bytes = self.bytes - old + room;
    }

    pub(super) fn remove(&mut self, key: ContentKey) {
        self.bytes -= self.files.pop(&key).unwrap_or(0);
    }

    /// Adds the files of earlier processes, which count as older than all that are known.
    pub(super) fn complete(&mut self, older: OlderFiles) {
        let mut known = std::mem::replace(&mut self.files, older.files);
        self.bytes = older.bytes;
        while let Some((key, room)) = known.pop_lru() {
            self.insert(key, room);
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

    /// Takes the least recently used files out until no more than `limit` bytes remain; files that
    /// are open stay. Returns them for removal.
    pub(super) fn evict(&mut self, limit: u64) -> Vec<ContentKey> {
        let mut victims = Vec::new();
        if !self.is_complete {
            return victims;
        }
        let (mut pinned, mut pinned_bytes) = (Vec::new(), 0);
        while self.bytes + pinned_bytes > limit {
            let Some((key, room)) = self.files.pop_lru() else {
                break;
            };
            self.bytes -= room;
            if self.pins.contains_key(&key) {
                pinned.push((key, room));
                pinned_bytes += room;
            } else {
                victims.push(key);
            }
        }
        for (key, room) in pinned {
            self.insert(key, room);
        }
        victims
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u8) -> ContentKey {
        ContentKey::from_bytes([number; 16])
    }

    #[test]
    fn least_recently_used_goes_first_and_open_files_stay() {
        let mut order = Order::new();
        order.insert(key(9), 1);
        let older = [(key(1), 1), (key(2), 1), (key(9), 1), (key(3), 1)];
        order.complete(OlderFiles::new(older.into_iter()));
        assert_eq!(order.bytes(), 4 * BLOCK);
        order.insert(key(1), 1);
        order.pin(key(2));
        assert_eq!(order.evict(2 * BLOCK), [key(3), key(9)]);
        assert_eq!(order.evict(0), [key(1)]);
        assert_eq!((order.len(), order.bytes()), (1, BLOCK));
        order.unpin(key(2));
        assert_eq!(order.evict(0), [key(2)]);
    }

    #[test]
    fn nothing_is_evicted_before_all_is_known() {
        let mut order = Order::new();
        order.insert(key(1), 1);
        assert!(order.evict(0).is_empty());
        order.complete(OlderFiles::new(std::iter::empty()));
        assert_eq!(order.evict(0), [key(1)]);
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
            let mut order = Order::new();
            order.complete(OlderFiles::new(std::iter::empty()));
            for step in steps {
                match step {
                    Step::Insert(number, size) => order.insert(key(number), size.into()),
                    Step::Remove(number) => order.remove(key(number)),
                    Step::Pin(number) => order.pin(key(number)),
                    Step::Unpin(number) => order.unpin(key(number)),
                    Step::Evict(limit) => {
                        let victims = order.evict(limit.into());
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
