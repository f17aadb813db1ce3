//! The tiers of a mount, in the order in which they are asked: memory, the cache on the local disk, the
//! materialized tree.

use std::io;

use super::cache::Cache;
use super::materialized::MaterializedTree;
use super::memory::Memory;
use super::tier::{
    About, Copy, FileId, Kept, Lookup, Maker, Patience, PutError, Remembered, Tier, TierKind, Want,
};
use super::{Body, ContentKey, Fingerprint};

/// Where the finished files of a mount are.
pub struct Tiers {
    pub memory: Memory,
    pub cache: Cache,
    pub tree: MaterializedTree,
}

/// What the tiers have of a file.
#[derive(Debug)]
pub enum Found {
    /// One has it.
    Copy(TierKind, Copy),
    /// The bytes are nowhere, but this is known of them.
    Remembered(Remembered),
    Nowhere,
    /// It cannot be told without waiting for a disk or a network.
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

    /// All of them, in the order in which they are asked.
    fn all(&self) -> [&dyn Tier; 3] {
        [&self.memory, &self.cache, &self.tree]
    }

    /// Those to which files are given, in this order; the last one takes them all.
    fn keepers(&self) -> [&dyn Tier; 2] {
        [&self.cache, &self.memory]
    }

    /// Looks for a file.
    pub fn find(&self, file: FileId, want: Want, patience: Patience) -> Found {
        for tier in self.all() {
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

    /// Opens a file that was found in this tier before, if it has not changed since.
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

    /// Whether the bytes of a file are in any tier, as far as is known without looking at them.
    pub fn contains(&self, file: FileId) -> bool {
        self.all().into_iter().any(|tier| tier.contains(file))
    }

    /// Keeps what `make` writes in the first tier that takes it.
    ///
    /// # Errors
    /// Those of `make` itself.
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

    /// The tier to which the next file goes, as far as is known now.
    pub fn in_use(&self) -> &dyn Tier {
        let mut keepers = self.keepers().into_iter();
        keepers
            .find(|tier| tier.takes_files())
            .unwrap_or(&self.memory)
    }

    /// Removes a file of the cache that cannot be read any more, so that it is made again.
    pub fn drop_unreadable(&self, body: &Body) {
        self.cache.drop_unreadable(body);
    }
}
