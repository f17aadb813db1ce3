//! The attributes that stat returns.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, FileType, INodeNo};

/// How long the kernel may cache what does not change during a mount.
pub(super) const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// For what can change at any moment.
pub(super) const NEVER: Duration = Duration::ZERO;

/// `st_blksize`: Python reads in units of this size.
const BLOCK_SIZE: u32 = 256 << 10;

/// Makes attributes. Files are owned by the user who mounted them and are readable by every user
/// who can access the mount, unless they are [`private`].
#[derive(Debug)]
pub(super) struct Attributes {
    uid: u32,
    gid: u32,
}

impl Attributes {
    pub(super) fn of_this_process() -> Self {
        Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        }
    }

    /// A file of `size` bytes; `modified` in seconds since 1970, and nanoseconds.
    pub(super) fn file(&self, inode: u64, size: u64, modified: (i64, u32)) -> FileAttr {
        self.of(inode, size, modified, FileType::RegularFile, 0o444, 1)
    }

    /// A folder that contains this many folders.
    pub(super) fn folder(&self, inode: u64, folders: u32, modified: (i64, u32)) -> FileAttr {
        let links = folders.saturating_add(2);
        self.of(inode, 4096, modified, FileType::Directory, 0o555, links)
    }

    /// Whether a user owns the mount, or is root.
    pub(super) fn is_owner(&self, uid: u32) -> bool {
        uid == self.uid || uid == 0
    }

    fn of(
        &self,
        inode: u64,
        size: u64,
        modified: (i64, u32),
        kind: FileType,
        perm: u16,
        nlink: u32,
    ) -> FileAttr {
        let time = system_time(modified);
        FileAttr {
            ino: INodeNo(inode),
            size,
            blocks: size.div_ceil(512),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm,
            nlink,
            uid: self.uid,
            gid: self.gid,
            rdev: 0,
            blksize: BLOCK_SIZE,
            flags: 0,
        }
    }
}

/// Restricts attributes to the owner.
pub(super) fn private(attributes: FileAttr) -> FileAttr {
    let perm = attributes.perm & 0o500;
    FileAttr { perm, ..attributes }
}

/// Times before 1970, or too late for the clock of this system, become 1970.
fn system_time((seconds, nanoseconds): (i64, u32)) -> SystemTime {
    u64::try_from(seconds)
        .ok()
        .and_then(|seconds| {
            UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds.min(999_999_999)))
        })
        .unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_of_512_bytes_rounded_up() {
        let attributes = Attributes { uid: 1, gid: 2 };
        let file = attributes.file(9, 513, (5, 6));
        assert_eq!((file.size, file.blocks, file.blksize), (513, 2, 262_144));
        assert_eq!(file.mtime, UNIX_EPOCH + Duration::new(5, 6));
        assert_eq!(attributes.file(9, 0, (-5, 6)).mtime, UNIX_EPOCH);
        assert_eq!(attributes.folder(9, 3, (0, 0)).nlink, 5);
    }
}
