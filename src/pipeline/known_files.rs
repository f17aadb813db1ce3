//! What a mount knows of each file.

use parking_lot::Mutex;

use crate::names::SHARD_SIZE;
use crate::store::tier::TierKind;
use crate::store::{ContentKey, Fingerprint};

/// A file whose source was checked and whose exact size is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub key: ContentKey,
    /// In bytes.
    pub size: u64,
    /// Modification time of the source: seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
    /// Which tier has the bytes, or had them.
    pub tier: TierKind,
    /// Fingerprint of the file when its checksum was verified in this mount, if its tier does that.
    pub compared: Option<Fingerprint>,
    /// XXH3-64 of the bytes, if they were made or verified in this mount.
    pub sum: Option<u64>,
    /// How often the file was found changed in this mount: what the kernel caches of an earlier
    /// revision is invalid.
    pub revision: u32,
    /// Made from a damaged source.
    pub is_damaged: bool,
    /// Made because its size was requested, and not opened yet.
    pub is_fresh: bool,
}

impl Known {
    /// Sets the revision relative to `before`: it rises if anything that a reader can see has
    /// changed.
    pub fn after(mut self, before: Option<Known>) -> Self {
        if let Some(before) = before {
            let other_bytes =
                matches!((before.sum, self.sum), (Some(old), Some(new)) if old != new);
            // A cache file that was changed from outside has been made again with the same bytes,
            // but what the kernel read meanwhile may be wrong.
            let other_file = matches!(
                (before.compared, self.compared),
                (Some(old), Some(new)) if old != new
            );
            let differs =
                before.key != self.key || before.size != self.size || other_bytes || other_file;
            self.revision = before.revision + u32::from(differs);
        }
        self
    }
}

#[cfg(test)]
impl Known {
    /// Any file, for tests that do not care which.
    pub fn example() -> Self {
        Self {
            key: ContentKey::from_bytes([0xab; 16]),
            size: 1,
            modified: (0, 0),
            tier: TierKind::Tree,
            compared: None,
            sum: None,
            revision: 0,
            is_damaged: false,
            is_fresh: false,
        }
    }
}

/// What is known of the images of one dataset. Memory is allocated one shard at a time.
pub struct KnownImages {
    shards: Vec<Mutex<Option<Shard>>>,
}

/// One slot per image.
type Shard = Box<[Option<Known>]>;

impl KnownImages {
    /// Space for `len` images.
    pub fn new(len: u32) -> Self {
        let shards = len.div_ceil(SHARD_SIZE);
        Self {
            shards: (0..shards).map(|_| Mutex::new(None)).collect(),
        }
    }

    pub fn get(&self, number: u32) -> Option<Known> {
        let shard = (self.shards.get((number / SHARD_SIZE) as usize)?).lock();
        *shard.as_ref()?.get((number % SHARD_SIZE) as usize)?
    }

    /// Changes what is known of an image; does nothing beyond the last one.
    pub fn update(&self, number: u32, change: impl FnOnce(&mut Option<Known>)) {
        let Some(shard) = self.shards.get((number / SHARD_SIZE) as usize) else {
            return;
        };
        let mut shard = shard.lock();
        let shard = shard.get_or_insert_with(|| vec![None; SHARD_SIZE as usize].into());
        if let Some(slot) = shard.get_mut((number % SHARD_SIZE) as usize) {
            change(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_can_see_makes_a_revision() {
        let first = Known {
            key: "ab".parse().unwrap(),
            size: 5,
            modified: (1, 2),
            tier: TierKind::Tree,
            compared: None,
            sum: Some(1),
            revision: 3,
            is_damaged: false,
            is_fresh: false,
        };
        assert_eq!(first.after(None).revision, 3);
        assert_eq!(first.after(Some(first)).revision, 3);
        let unsummed = Known { sum: None, ..first };
        assert_eq!(first.after(Some(unsummed)).revision, 3);
        let key = "cd".parse().unwrap();
        for other in [
            Known { size: 6, ..first },
            Known {
                sum: Some(2),
                ..first
            },
            Known { key, ..first },
        ] {
            assert_eq!(other.after(Some(first)).revision, 4);
        }
    }

    #[test]
    fn images_are_known_one_by_one() {
        let images = KnownImages::new(SHARD_SIZE + 1);
        let known = Known::example();
        images.update(SHARD_SIZE, |slot| *slot = Some(known));
        images.update(9 * SHARD_SIZE, |slot| *slot = Some(known));
        assert_eq!(images.get(SHARD_SIZE), Some(known));
        assert_eq!(images.get(0), None);
        assert_eq!(images.get(9 * SHARD_SIZE), None);
    }
}
