//! The source of raw bytes: one small, read-only interface.
//!
//! Datasets, lists, checks of sources and reads of sources all access files only through
//! [`Storage`]. [`Folder`] implements it for the file system; anything else that can list names and
//! read them, such as an archive, can implement it too.
//!
//! Names are absolute paths below one of a dataset's folders. A storage can also offer names that
//! no file system has: the members of an archive, as if they were unpacked beside it.

mod folder;
mod remembered;
mod stamp;
mod watched;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use crate::files::{Unfit, read_within};

pub use folder::Folder;
pub use remembered::remembered_stat;
pub use stamp::{Stamp, Tag};
pub use watched::Watched;

/// Read-only access to the files of a dataset. Shared by all threads.
///
/// Errors are those of the file system: for a missing name, [`crate::files::is_absent`] holds.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Lists the folder `name`, in any order. Names are read lazily: a caller that stops early does
    /// not pay for the rest of a large folder.
    ///
    /// # Errors
    /// When the folder does not exist or cannot be read; an entry is an error when the folder
    /// cannot be read any further.
    fn list(&self, name: &Path) -> io::Result<Listing<'_>>;

    /// The kind and state of `name`. Follows links. One metadata call; nothing is read.
    ///
    /// # Errors
    /// When the name does not exist or cannot be accessed.
    fn stat(&self, name: &Path) -> io::Result<Stat>;

    /// Like [`Self::stat`], but from memory alone. `None` if a disk or a network would have to be
    /// asked, or if the name does not exist.
    fn stat_without_waiting(&self, _name: &Path) -> Option<Stat> {
        None
    }

    /// Opens the file `name` for reading, if it has at most `limit` bytes. Follows links.
    ///
    /// # Errors
    /// When the file does not exist or cannot be read; with [`Unfit`] inside the error if `name` is
    /// not a file or has more bytes.
    fn open(&self, name: &Path, limit: u64) -> io::Result<Box<dyn OpenFile>>;

    /// Whether `name` is a link, even a broken one: to explain why its target is missing.
    fn is_link(&self, _name: &Path) -> bool {
        false
    }
}

/// The result of [`Storage::list`].
pub type Listing<'a> = Box<dyn Iterator<Item = io::Result<Listed>> + 'a>;

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Without the folder.
    pub name: OsString,
    /// The kind of the name itself: a link is [`Kind::Link`].
    pub kind: Kind,
}

/// The kind of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    /// Only in listings.
    Link,
    /// In words: `a pipe`.
    Special(&'static str),
}

impl Kind {
    /// Its description, unless it is a file.
    pub fn unless_file(self) -> Option<&'static str> {
        match self {
            Self::File => None,
            Self::Folder => Some("a folder"),
            Self::Link => Some("a link"),
            Self::Special(kind) => Some(kind),
        }
    }
}

/// What a storage knows of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub kind: Kind,
    pub stamp: Stamp,
    /// Absent outside a file system.
    pub inode: Option<Inode>,
}

/// More data from a file system: distinguishes a file from another one with the same name, and
/// recognizes a folder under another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inode {
    /// Number of the file system.
    pub device: u64,
    pub number: u64,
    /// Time of its last change of any kind: seconds since 1970, and nanoseconds.
    pub changed: (i64, u32),
}

/// A file that is open for reading from beginning to end.
pub trait OpenFile: Read + fmt::Debug + Send {
    /// The stamp of the file when it was opened.
    fn stamp(&self) -> Stamp;

    /// Checks the stamp again.
    ///
    /// # Errors
    /// [`changed`] if the file differs from when it was opened.
    fn check_unchanged(&self) -> io::Result<()>;
}

impl dyn Storage + '_ {
    /// Whether `name` is a folder, or a link to one.
    pub fn is_folder(&self, name: &Path) -> bool {
        self.stat(name).is_ok_and(|stat| stat.kind == Kind::Folder)
    }

    /// Reads a whole file of at most `limit` bytes, even if it grows meanwhile.
    ///
    /// # Errors
    /// Those of [`Storage::open`].
    pub fn read(&self, name: &Path, limit: u64) -> io::Result<Vec<u8>> {
        read_within(self.open(name, limit)?, limit)
    }
}

/// Refuses anything that is not a file, or has more than `limit` bytes.
///
/// # Errors
/// [`Unfit`], as for [`Storage::open`].
pub fn check_fit(stat: &Stat, limit: u64) -> Result<(), Unfit> {
    let size = stat.stamp.size;
    match stat.kind.unless_file() {
        Some(kind) => Err(Unfit::NotAFile(kind)),
        None if size > limit => Err(Unfit::TooLarge { size, limit }),
        None => Ok(()),
    }
}

/// The error for a file that is written while it is read.
pub fn changed() -> io::Error {
    io::Error::other("it was changed while it was read")
}
