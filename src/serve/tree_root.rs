//! The root of the materialized tree, opened before anything is mounted over it.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::files::is_remote;
use crate::names;
use crate::storage::remembered_stat;
use crate::store::ContentKey;
use crate::store::cache::{Body, RecentFiles};

/// The open root, on which file system it is, and the images that were opened lately.
pub(super) struct TreeRoot {
    folder: OwnedFd,
    /// Number of the file system.
    device: u64,
    is_remote: bool,
    /// Images on a disk of this machine.
    near: RecentFiles,
    /// Images on another machine, or on another file system than the root: the tree may hold links.
    far: RecentFiles,
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
            near: RecentFiles::new(false),
            far: RecentFiles::new(true),
        })
    }

    /// The path by which it is reached, even below a mount.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd()))
    }

    /// Whether an image is on a disk of this machine, as far as the kernel knows without asking a disk
    /// or a server.
    pub(super) fn is_near(&self, dataset: &str, number: u32) -> bool {
        if self.is_remote {
            return false;
        }
        let path = Path::new(dataset).join(names::image_path(number));
        remembered_stat(&self.folder, &path)
            .and_then(|found| found.inode)
            .is_some_and(|inode| inode.device == self.device)
    }

    /// An image that was opened before and has not changed in size since, if it is on a disk of this
    /// machine.
    pub(super) fn opened_before(&self, key: ContentKey, size: u64) -> Option<Body> {
        let stored = self.near.get(key)?;
        // One that was closed has to be opened again, for which its disk may have to be waited for.
        stored.opened()?;
        Body::of_tree(stored, size)
    }

    /// Opens the image `path` if it still has its size. Waits for its disk unless [`Self::is_near`], and
    /// with `may_wait` for a descriptor.
    pub(super) fn open_file(
        &self,
        key: ContentKey,
        path: PathBuf,
        size: u64,
        may_wait: bool,
    ) -> Option<Body> {
        let device = fs::symlink_metadata(&path).ok()?.dev();
        let files = match !self.is_remote && device == self.device {
            true => &self.near,
            false => &self.far,
        };
        Body::of_tree(files.open(key, path, size, may_wait).ok()?, size)
    }
}
