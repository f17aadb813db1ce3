//! The root of the materialized tree, opened before anything is mounted over it.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::catalog::names;
use crate::store::{is_remote, remembered_stat};

/// The open root, and on which file system it is.
#[derive(Debug)]
pub(super) struct TreeRoot {
    folder: OwnedFd,
    /// Number of the file system.
    device: u64,
    is_remote: bool,
}

impl TreeRoot {
    /// `None` where there is no tree.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty()).ok()?;
        let device = rustix::fs::fstat(&folder).ok()?.st_dev;
        Some(Self {
            folder,
            device,
            is_remote: is_remote(path),
        })
    }

    /// The path by which it is reached, even below a mount.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd()))
    }

    /// Whether an image is on a disk of this machine, as far as the kernel knows without asking a disk
    /// or a server: the tree may hold links.
    pub(super) fn is_near(&self, dataset: &str, number: u32) -> bool {
        if self.is_remote {
            return false;
        }
        let path = Path::new(dataset).join(names::image_path(number));
        remembered_stat(&self.folder, &path)
            .is_some_and(|found| rustix::fs::makedev(found.device.0, found.device.1) == self.device)
    }

    /// Whether an open file is on the tree's own file system and that is this machine's.
    pub(super) fn is_on_it(&self, file: &File) -> bool {
        !self.is_remote && file.metadata().is_ok_and(|file| file.dev() == self.device)
    }
}
