//! The most recent files that no disk could take, in memory.

use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use super::tier::{
    About, Copy, FileId, Kept, Lookup, Maker, Patience, PutError, Remembered, Tier, TierKind, Want,
};
use super::{Body, ContentKey, Fingerprint};

/// Limit in bytes; exceeded only by a single larger file.
const LIMIT: usize = 64 << 20;

/// The most recently used files, up to 64 MiB.
pub struct Memory {
    state: Mutex<State>,
}

struct State {
    files: LruCache<ContentKey, File>,
    /// Sum of their sizes.
    bytes: usize,
}

#[derive(Clone)]
struct File {
    bytes: Arc<[u8]>,
    /// XXH3-64 of the bytes.
    sum: u64,
    damage: Option<Arc<str>>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                files: LruCache::unbounded(),
                bytes: 0,
            }),
        }
    }

    pub fn get(&self, key: ContentKey) -> Option<Body> {
        let file = self.state.lock().files.get(&key).cloned()?;
        Some(Body::Memory(file.bytes))
    }

    /// Keeps a file with these bytes.
    pub fn keep(&self, key: ContentKey, bytes: Arc<[u8]>, damage: Option<&str>) {
        let file = File {
            sum: xxh3_64(&bytes),
            bytes,
            damage: damage.map(Arc::from),
        };
        self.insert(key, file);
    }

    fn insert(&self, key: ContentKey, file: File) {
        let mut state = self.state.lock();
        state.bytes += file.bytes.len();
        if let Some(old) = state.files.put(key, file) {
            state.bytes -= old.bytes.len();
        }
        while state.bytes > LIMIT && state.files.len() > 1 {
            if let Some((_, old)) = state.files.pop_lru() {
                state.bytes -= old.bytes.len();
            }
        }
    }
}

impl Tier for Memory {
    fn kind(&self) -> TierKind {
        TierKind::Memory
    }

    fn find(&self, file: FileId, _want: Want, _patience: Patience) -> Lookup {
        let Some(file) = self.state.lock().files.get(&file.key).cloned() else {
            return Lookup::Absent;
        };
        Lookup::Found(Copy {
            remembered: Remembered {
                size: file.bytes.len() as u64,
                sum: Some(file.sum),
                damage: file.damage.as_deref().map(str::to_owned),
            },
            body: Some(Body::Memory(file.bytes)),
            compared: None,
        })
    }

    fn reopen(
        &self,
        file: FileId,
        _size: u64,
        _compared: Option<Fingerprint>,
        _patience: Patience,
    ) -> Option<Body> {
        self.get(file.key)
    }

    fn contains(&self, file: FileId) -> bool {
        self.state.lock().files.contains(&file.key)
    }

    fn takes_files(&self) -> bool {
        true
    }

    fn put(
        &self,
        key: ContentKey,
        about: About<'_>,
        make: &mut Maker<'_>,
    ) -> Result<Kept, PutError> {
        let mut bytes = Vec::new();
        make(&mut bytes).map_err(PutError::Maker)?;
        let sum = xxh3_64(&bytes);
        let bytes: Arc<[u8]> = bytes.into();
        let file = File {
            bytes: Arc::clone(&bytes),
            sum,
            damage: about.damage.map(Arc::from),
        };
        self.insert(key, file);
        Ok(Kept {
            tier: TierKind::Memory,
            body: Body::Memory(bytes),
            compared: None,
            sum,
        })
    }

    fn capacity(&self) -> u64 {
        LIMIT as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_one_that_is_too_large_alone_stays() {
        let memory = Memory::new();
        let key = |number: u8| ContentKey::from_bytes([number; 16]);
        for number in 0..5 {
            memory.keep(key(number), vec![number; LIMIT / 4].into(), None);
        }
        assert!(memory.get(key(0)).is_none() && memory.get(key(1)).is_some());
        memory.keep(key(9), vec![9; LIMIT + 1].into(), None);
        assert!(memory.get(key(1)).is_none() && memory.get(key(9)).is_some());
        assert_eq!(memory.state.lock().bytes, LIMIT + 1);
    }
}
