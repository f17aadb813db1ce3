//! The interface of all places that store finished files.

use std::io::{self, Write};

use super::{Body, ContentGroup, ContentKey, Fingerprint};

/// A file of the tree, and its content key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// Position of the dataset in the mount.
    pub dataset: u8,
    /// Number of the image; `None` for a file about the whole dataset.
    pub image: Option<u32>,
    pub key: ContentKey,
}

/// What the caller wants of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    Size,
    Body,
}

/// Whether the caller may wait for a disk or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// The caller is the thread that takes requests: while it waits, no other request is answered.
    None,
    Some,
}

/// What a tier knows of a file.
#[derive(Debug)]
pub enum Lookup {
    Found(Copy),
    /// The tier does not have the bytes.
    Absent,
    /// Unknown without waiting for a disk or a network.
    WouldWait,
}

/// A file in a tier.
#[derive(Debug)]
pub struct Copy {
    pub remembered: Remembered,
    /// Absent if the caller only wants the size.
    pub body: Option<Body>,
    /// Fingerprint of the file when its bytes were verified, if the tier does that.
    pub compared: Option<Fingerprint>,
}

/// What is known of a file, whether or not its bytes exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// In bytes.
    pub size: u64,
    /// XXH3-64 of the bytes, if known.
    pub sum: Option<u64>,
    /// What is damaged in the source, in words.
    pub damage: Option<String>,
}

/// What is known of a file to be kept.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its approximate size in bytes.
    pub expected: u64,
    /// What is damaged in its source, in words.
    pub damage: Option<&'a str>,
    /// Which images it is one of; `None` for a file about a whole dataset.
    pub group: Option<ContentGroup>,
}

/// A file that was just stored.
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
    /// The tier refused the file.
    Refused(io::Error),
    /// It would not even fit into an empty tier.
    TooLarge(io::Error),
    /// There is nothing to store: `make` failed.
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

/// Writes a file; called again for the next tier if one refuses it.
pub type Maker<'a> = dyn FnMut(&mut Output<'_>) -> io::Result<()> + 'a;

/// Where a file is written to, on any thread.
pub type Output<'a> = dyn Write + Send + 'a;

/// A place that stores finished files.
pub trait Tier: Send + Sync {
    fn kind(&self) -> TierKind;

    /// Checks whether the bytes of a file exist and are correct, and opens them if wanted.
    fn find(&self, file: FileId, want: Want, patience: Patience) -> Lookup;

    /// Opens a file that was found before and is unchanged: `size` bytes, with this fingerprint.
    /// Cheap enough for every open.
    fn reopen(
        &self,
        file: FileId,
        size: u64,
        compared: Option<Fingerprint>,
        patience: Patience,
    ) -> Option<Body>;

    /// Whether the bytes of a file exist, as far as is known without accessing them.
    fn contains(&self, file: FileId) -> bool;

    /// What is known of a file whose bytes are gone. The outer `None` means: unknown without
    /// waiting.
    fn remembered(&self, _file: FileId, _patience: Patience) -> Option<Option<Remembered>> {
        Some(None)
    }

    /// Whether the tier takes files at the moment.
    fn takes_files(&self) -> bool;

    /// Stores what `make` writes.
    ///
    /// # Errors
    /// Nothing is left of the file then.
    fn put(
        &self,
        key: ContentKey,
        about: About<'_>,
        make: &mut Maker<'_>,
    ) -> Result<Kept, PutError>;

    /// How many bytes of the files stored from now on can be expected to stay.
    fn capacity(&self) -> u64;
}
