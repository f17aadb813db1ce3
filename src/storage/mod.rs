//! Where raw bytes come from: one small, read-only interface.
//!
//! Datasets, lists, looks at sources and reads of sources all go through [`Storage`], and know no
//! other way to a file. [`Folder`] is the file system; what else can list names and read them (an
//! archive that is not unpacked) need not be one.
//!
//! Names are absolute paths, below one of a dataset's folders. So a storage can offer names that no
//! file system has: the members of an archive, as if they were unpacked beside it.

mod folder;
mod remembered;
mod stamp;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use crate::files::{Unfit, read_within};

pub use folder::Folder;
pub use remembered::remembered_stat;
pub use stamp::{Stamp, Tag};

/// Read-only access to the files of a dataset. Shared by all threads.
///
/// Errors are those of the file system: for a name that is not there, [`crate::files::is_absent`]
/// holds.
pub trait Storage: fmt::Debug + Send + Sync {
    /// What is in the folder `name`, in any order. Names are read as they are asked for: a caller that
    /// stops early does not pay for the rest of a large folder.
    ///
    /// # Errors
    /// When there is no such folder, or it cannot be read; an entry is an error when the folder cannot
    /// be read any further.
    fn list(&self, name: &Path) -> io::Result<Listing<'_>>;

    /// What `name` is. Links are followed. One metadata call; nothing is read.
    ///
    /// # Errors
    /// When there is no such name, or it cannot be looked at.
    fn stat(&self, name: &Path) -> io::Result<Stat>;

    /// As [`Self::stat`], out of memory alone. `None` where a disk or a network would have to be waited
    /// for, and where there is no such name.
    fn stat_without_waiting(&self, _name: &Path) -> Option<Stat> {
        None
    }

    /// Opens the file `name` for reading, if it has at most `limit` bytes. Links are followed.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read; [`Unfit`] inside of the error where `name` is
    /// no file or has more bytes.
    fn open(&self, name: &Path, limit: u64) -> io::Result<Box<dyn OpenFile>>;

    /// Whether `name` is a link, wherever it leads: to explain why what it leads to is not there.
    fn is_link(&self, _name: &Path) -> bool {
        false
    }
}

/// What [`Storage::list`] returns.
pub type Listing<'a> = Box<dyn Iterator<Item = io::Result<Listed>> + 'a>;

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Without the folder.
    pub name: OsString,
    /// Of the name itself: a link is [`Kind::Link`].
    pub kind: Kind,
}

/// What a name stands for.
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
    /// What it is, in words, unless it is a file.
    pub fn unless_file(self) -> Option<&'static str> {
        match self {
            Self::File => None,
            Self::Folder => Some("a folder"),
            Self::Link => Some("a link"),
            Self::Special(kind) => Some(kind),
        }
    }
}

/// What a storage says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub kind: Kind,
    pub stamp: Stamp,
    /// Absent outside of a file system.
    pub inode: Option<Inode>,
}

/// What a file system says besides: tells a file from another one that has its name, and a folder from
/// the same folder by another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inode {
    /// Number of the file system.
    pub device: u64,
    pub number: u64,
    /// When anything about it was changed last: seconds since 1970, and nanoseconds.
    pub changed: (i64, u32),
}

/// A file that is open for reading, from its beginning to its end.
pub trait OpenFile: Read + fmt::Debug + Send {
    /// What the storage said of the file when it was opened.
    fn stamp(&self) -> Stamp;

    /// Asks the storage again.
    ///
    /// # Errors
    /// [`changed`] when the file is not as it was when it was opened.
    fn check_unchanged(&self) -> io::Result<()>;
}

impl dyn Storage + '_ {
    /// Whether `name` is a folder, or a link to one.
    pub fn is_folder(&self, name: &Path) -> bool {
        self.stat(name).is_ok_and(|stat| stat.kind == Kind::Folder)
    }

    /// All of a file of at most `limit` bytes, also where it grows meanwhile.
    ///
    /// # Errors
    /// As [`Storage::open`].
    pub fn read(&self, name: &Path, limit: u64) -> io::Result<Vec<u8>> {
        read_within(self.open(name, limit)?, limit)
    }
}

/// Refuses what is no file, or has more bytes than `limit`.
///
/// # Errors
/// [`Unfit`], as [`Storage::open`] has it.
pub fn check_fit(stat: &Stat, limit: u64) -> Result<(), Unfit> {
    let size = stat.stamp.size;
    match stat.kind.unless_file() {
        Some(kind) => Err(Unfit::NotAFile(kind)),
        None if size > limit => Err(Unfit::TooLarge { size, limit }),
        None => Ok(()),
    }
}

/// Said of a file that is written while it is read.
pub fn changed() -> io::Error {
    io::Error::other("it was changed while it was read")
}
