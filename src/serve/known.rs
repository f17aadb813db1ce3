//! What is known of each file in this mount.

use std::sync::Mutex;

use crate::catalog::names::SHARD_SIZE;
use crate::store::ContentKey;
use crate::store::cache::Fingerprint;
use crate::sync::held;

/// Where the bytes of a file are, or were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the materialized tree.
    Tree,
    /// In the cache, not looked at in this mount.
    Cache,
    /// In the cache, with this fingerprint when its checksum was compared (`None`: in memory).
    Compared(Option<Fingerprint>),
}

/// A file whose source was looked at and whose exact size is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub key: ContentKey,
    /// In bytes.
    pub size: u64,
    /// Modification time of the source: seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
    pub place: Place,
    /// How often the source was found changed in this mount: what the kernel remembers of an
    /// earlier one is void.
    pub revision: u32,
    /// Made for somebody who asked for its size, and not opened yet.
    pub is_fresh: bool,
}

/// What is known of the images of one dataset. Memory is taken a shard at a time.
pub(super) struct KnownImages {
    shards: Vec<Mutex<Option<Box<[Option<Known>]>>>>,
}

impl KnownImages {
    /// Room for `len` images.
    pub(super) fn new(len: u32) -> Self {
        let shards = len.div_ceil(SHARD_SIZE);
        Self {
            shards: (0..shards).map(|_| Mutex::new(None)).collect(),
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<Known> {
        let shard = held(self.shards.get((number / SHARD_SIZE) as usize)?);
        *shard.as_ref()?.get((number % SHARD_SIZE) as usize)?
    }

    pub(super) fn set(&self, number: u32, known: Option<Known>) {
        let Some(shard) = self.shards.get((number / SHARD_SIZE) as usize) else {
            return;
        };
        let mut shard = held(shard);
        let shard = shard.get_or_insert_with(|| vec![None; SHARD_SIZE as usize].into());
        if let Some(slot) = shard.get_mut((number % SHARD_SIZE) as usize) {
            *slot = known;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_one_by_one() {
        let images = KnownImages::new(SHARD_SIZE + 1);
        let known = Known {
            key: "ab".parse().unwrap(),
            size: 5,
            modified: (1, 2),
            place: Place::Tree,
            revision: 0,
            is_fresh: false,
        };
        images.set(SHARD_SIZE, Some(known));
        images.set(9 * SHARD_SIZE, Some(known));
        assert_eq!(images.get(SHARD_SIZE), Some(known));
        assert_eq!(images.get(0), None);
        assert_eq!(images.get(9 * SHARD_SIZE), None);
    }
}
