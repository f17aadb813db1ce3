//! Files that no disk could take: the most recent ones, in memory.

use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;

use crate::store::ContentKey;

/// Bytes that are kept; more only while a single file is larger.
pub(super) const LIMIT: usize = 64 << 20;

/// The most recently used files, up to [`LIMIT`].
pub(super) struct MemoryCache {
    state: Mutex<State>,
}

struct State {
    files: LruCache<ContentKey, Arc<[u8]>>,
    /// Sum of their sizes.
    bytes: usize,
}

impl MemoryCache {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                files: LruCache::unbounded(),
                bytes: 0,
            }),
        }
    }

    pub(super) fn get(&self, key: ContentKey) -> Option<Arc<[u8]>> {
        self.state.lock().files.get(&key).cloned()
    }

    pub(super) fn put(&self, key: ContentKey, bytes: Arc<[u8]>) {
        let mut state = self.state.lock();
        state.bytes += bytes.len();
        if let Some(old) = state.files.put(key, bytes) {
            state.bytes -= old.len();
        }
        while state.bytes > LIMIT && state.files.len() > 1 {
            if let Some((_, old)) = state.files.pop_lru() {
                state.bytes -= old.len();
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
        assert_eq!(cache.state.lock().bytes, LIMIT + 1);
    }
}
