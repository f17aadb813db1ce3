//! The tiers of a mount, in lookup order: memory, the cache on the local disk, the materialized
//! tree.

use std::io;

use super::cache::Cache;
use super::materialized::MaterializedTree;
use super::memory::Memory;
use super::tier::{
    About, Copy, FileId, Kept, Lookup, Maker, Patience, PutError, Remembered, Tier, TierKind, Want,
};
use super::{Body, ContentKey, Fingerprint};

/// Stores the finished files of a mount.
pub struct Tiers {
    pub memory: Memory,
    pub cache: Cache,
    pub tree: MaterializedTree,
}

/// What the tiers know of a file.
#[derive(Debug)]
pub enum Found {
    /// One has it.
    Copy(TierKind, Copy),
    /// No tier has the bytes, but this is known of them.
    Remembered(Remembered),
    Nowhere,
    /// Unknown without waiting for a disk or a network.
    WouldWait,
}

impl Tiers {
    pub fn new(cache: Cache, tree: MaterializedTree) -> Self {
        Self {
            memory: Memory::new(),
            cache,
            tree,
        }
    }

    /// All tiers, in lookup order.
    fn all(&self) -> [&dyn Tier; 3] {
        [&self.memory, &self.cache, &self.tree]
    }

    /// The tiers that store new files, in this order; the last one takes everything.
    fn keepers(&self) -> [&dyn Tier; 2] {
        [&self.cache, &self.memory]
    }

    /// Looks for a file.
    pub fn find(&self, file: FileId, want: Want, patience: Patience) -> Found {
        let [memory, cache, tree] = self.all();
        // Until the cache has counted its files, each look asks its disk: a file of the tree does not wait
        // for that.
        let order = if self.cache.is_counted() {
            [memory, cache, tree]
        } else {
            [memory, tree, cache]
        };
        for tier in order {
            match tier.find(file, want, patience) {
                Lookup::Found(copy) => return Found::Copy(tier.kind(), copy),
                Lookup::WouldWait => return Found::WouldWait,
                Lookup::Absent => {}
            }
        }
        for tier in self.all() {
            match tier.remembered(file, patience) {
                None => return Found::WouldWait,
                Some(Some(remembered)) => return Found::Remembered(remembered),
                Some(None) => {}
            }
        }
        Found::Nowhere
    }

    /// Opens a file that this tier had before, if it is unchanged.
    pub fn reopen(
        &self,
        tier: TierKind,
        file: FileId,
        (size, compared): (u64, Option<Fingerprint>),
        patience: Patience,
    ) -> Option<Body> {
        let tier = self.all().into_iter().find(|one| one.kind() == tier)?;
        tier.reopen(file, size, compared, patience)
    }

    /// Whether a file that was found in the tier `found_in` is still in a tier, as far as is known without
    /// accessing it.
    pub fn contains(&self, found_in: TierKind, file: FileId) -> bool {
        let mut keepers = self.keepers().into_iter();
        let tree = found_in == TierKind::Tree && self.tree.contains(file);
        tree || keepers.any(|tier| tier.contains(file))
    }

    /// Stores what `make` writes in the first tier that takes it.
    ///
    /// # Errors
    /// Errors of `make`.
    pub fn keep(
        &self,
        key: ContentKey,
        about: About<'_>,
        make: &mut Maker<'_>,
    ) -> io::Result<Kept> {
        let mut refused = io::Error::from(io::ErrorKind::Unsupported);
        for tier in self.keepers() {
            match tier.put(key, about, make) {
                Ok(kept) => return Ok(kept),
                Err(PutError::Maker(error)) => return Err(error),
                Err(PutError::Refused(error) | PutError::TooLarge(error)) => refused = error,
            }
        }
        Err(refused)
    }

    /// The tier that takes the next file, as far as is known now.
    pub fn in_use(&self) -> &dyn Tier {
        let mut keepers = self.keepers().into_iter();
        keepers
            .find(|tier| tier.takes_files())
            .unwrap_or(&self.memory)
    }

    /// Removes a cache file that can no longer be read, so that it is made again.
    pub fn drop_unreadable(&self, body: &Body) {
        self.cache.drop_unreadable(body);
    }
}
