//! What all places of finished files have in common.

use std::io::{self, Write};

use super::{Body, ContentKey, Fingerprint};

/// A file of the tree, and what it follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// Position of the dataset in the mount.
    pub dataset: u8,
    /// Number of the image; `None` for the index of the dataset.
    pub image: Option<u32>,
    pub key: ContentKey,
}

/// What is wanted of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    Size,
    Body,
}

/// Whether the caller may wait for a disk or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// The thread that takes requests: no other request is answered while it waits.
    None,
    Some,
}

/// What a tier has of a file.
#[derive(Debug)]
pub enum Lookup {
    Found(Copy),
    /// The bytes are not there.
    Absent,
    /// It cannot be told without waiting for a disk or a network.
    WouldWait,
}

/// A file that a tier has.
#[derive(Debug)]
pub struct Copy {
    pub remembered: Remembered,
    /// Absent where only the size is wanted.
    pub body: Option<Body>,
    /// What the file was like when its bytes were found to be right, where the tier looks at that.
    pub compared: Option<Fingerprint>,
}

/// What is known of a file, be its bytes there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// In bytes.
    pub size: u64,
    /// XXH3-64 of the bytes, where that is known.
    pub sum: Option<u64>,
    /// What is damaged in the source, in words.
    pub damage: Option<String>,
}

/// What is known of a file that is to be kept.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// About how many bytes it has.
    pub expected: u64,
    /// What is damaged in its source, in words.
    pub damage: Option<&'a str>,
}

/// A file that has just been kept.
#[derive(Debug)]
pub struct Kept {
    pub tier: TierKind,
    pub body: Body,
    /// See [`Copy::compared`].
    pub compared: Option<Fingerprint>,
    /// XXH3-64 of the bytes.
    pub sum: u64,
}

/// Why a file was not kept.
#[derive(Debug)]
pub enum PutError {
    /// The tier does not take it.
    Refused(io::Error),
    /// It would not fit into an empty tier.
    TooLarge(io::Error),
    /// There is nothing to be kept: its maker failed.
    Maker(io::Error),
}

impl From<io::Error> for PutError {
    fn from(error: io::Error) -> Self {
        Self::Refused(error)
    }
}

/// Which tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TierKind {
    Memory,
    Cache,
    Tree,
}

/// Writes a file; called again for the next tier when one does not take it.
pub type Maker<'a> = dyn FnMut(&mut dyn Write) -> io::Result<()> + 'a;

/// A place where finished files are.
pub trait Tier: Send + Sync {
    fn kind(&self) -> TierKind;

    /// Looks whether the bytes of a file are there, whole and right, and opens them where they are
    /// wanted.
    fn find(&self, file: FileId, want: Want, patience: Patience) -> Lookup;

    /// Opens a file that has been found before and has not changed since: `size` bytes, with this
    /// fingerprint. Cheap enough for every open.
    fn reopen(
        &self,
        file: FileId,
        size: u64,
        compared: Option<Fingerprint>,
        patience: Patience,
    ) -> Option<Body>;

    /// Whether the bytes of a file are there, as far as is known without looking at them.
    fn contains(&self, file: FileId) -> bool;

    /// What is known of a file whose bytes have gone. The outer `None`: that cannot be told without
    /// waiting.
    fn remembered(&self, _file: FileId, _patience: Patience) -> Option<Option<Remembered>> {
        Some(None)
    }

    /// Whether files are kept here at the moment.
    fn takes_files(&self) -> bool;

    /// Keeps what `make` writes.
    ///
    /// # Errors
    /// Nothing is left of the file then.
    fn put(
        &self,
        key: ContentKey,
        about: About<'_>,
        make: &mut Maker<'_>,
    ) -> Result<Kept, PutError>;

    /// How many bytes of what is put from now on can be expected to stay.
    fn capacity(&self) -> u64;
}
