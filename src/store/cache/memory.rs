//! Files that no disk could take: the most recent ones, in memory.

use std::sync::{Arc, Mutex};

use lru::LruCache;

use crate::store::ContentKey;
use crate::sync::held;

/// Bytes that are kept; more only while a single file is larger.
const LIMIT: usize = 64 << 20;

/// The most recently used files, up to [`LIMIT`].
pub(super) struct MemoryCache {
    files: Mutex<(LruCache<ContentKey, Arc<[u8]>>, usize)>,
}

impl MemoryCache {
    pub(super) fn new() -> Self {
        Self {
            files: Mutex::new((LruCache::unbounded(), 0)),
        }
    }

    pub(super) fn get(&self, key: ContentKey) -> Option<Arc<[u8]>> {
        held(&self.files).0.get(&key).cloned()
    }

    pub(super) fn put(&self, key: ContentKey, bytes: Arc<[u8]>) {
        let mut files = held(&self.files);
        let (files, held_bytes) = &mut *files;
        *held_bytes += bytes.len();
        if let Some(old) = files.put(key, bytes) {
            *held_bytes -= old.len();
        }
        while *held_bytes > LIMIT && files.len() > 1 {
            if let Some((_, old)) = files.pop_lru() {
                *held_bytes -= old.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_one_that_is_too_large_alone_stays() {
        let cache = MemoryCache::new();
        let key = |number: u8| ContentKey::from_bytes([number; 16]);
        for number in 0..5 {
            cache.put(key(number), vec![number; LIMIT / 4].into());
        }
        assert!(cache.get(key(0)).is_none() && cache.get(key(1)).is_some());
        cache.put(key(9), vec![9; LIMIT + 1].into());
        assert!(cache.get(key(1)).is_none() && cache.get(key(9)).is_some());
        assert_eq!(held(&cache.files).1, LIMIT + 1);
    }
}
