//! The files that the kernel knows, each held by a handle, so that renaming does not matter.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, FileType, INodeNo};
use rustix::fs::{Mode, OFlags, Stat, fstat, openat};
use rustix::io::Errno;

/// Inodes by number. All files have to be on one device.
pub(super) struct Nodes {
    root: Arc<OwnedFd>,
    root_path: PathBuf,
    known: Mutex<HashMap<u64, Node>>,
}

struct Node {
    handle: Arc<OwnedFd>,
    lookups: u64,
}

impl Nodes {
    pub(super) fn new(real: &Path) -> io::Result<Self> {
        let root_path = real.canonicalize()?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            root: Arc::new(rustix::fs::open(&root_path, flags, Mode::empty())?),
            root_path,
            known: Mutex::default(),
        })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<u64, Node>> {
        self.known
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn get(&self, inode: INodeNo) -> io::Result<Arc<OwnedFd>> {
        if inode == INodeNo::ROOT {
            return Ok(Arc::clone(&self.root));
        }
        match self.known().get(&inode.0) {
            Some(node) => Ok(Arc::clone(&node.handle)),
            None => Err(Errno::STALE.into()),
        }
    }

    /// Looks a name up; the kernel knows the file from now on.
    pub(super) fn enter(&self, parent: INodeNo, name: &OsStr) -> io::Result<FileAttr> {
        let parent = self.get(parent)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat(&*parent, name, flags, Mode::empty())?;
        let attributes = self.attributes(&handle)?;
        let mut known = self.known();
        let node = known.entry(attributes.ino.0).or_insert_with(|| Node {
            handle: Arc::new(handle),
            lookups: 0,
        });
        node.lookups += 1;
        Ok(attributes)
    }

    pub(super) fn forget(&self, inode: INodeNo, count: u64) {
        let mut known = self.known();
        if let Some(node) = known.get_mut(&inode.0) {
            node.lookups = node.lookups.saturating_sub(count);
            if node.lookups == 0 {
                known.remove(&inode.0);
            }
        }
    }

    /// Where a file is now, relative to the root.
    pub(super) fn path(&self, inode: INodeNo, name: Option<&OsStr>) -> String {
        let Ok(handle) = self.get(inode) else {
            return String::new();
        };
        let mut path = std::fs::read_link(proc_path(&handle)).unwrap_or_default();
        path.extend(name);
        let path = path.strip_prefix(&self.root_path).unwrap_or(&path);
        let path = path.to_string_lossy();
        path.strip_suffix(" (deleted)").unwrap_or(&path).to_owned()
    }

    pub(super) fn attributes(&self, handle: impl AsFd) -> io::Result<FileAttr> {
        let stat = fstat(handle)?;
        let mut attributes = attributes(&stat);
        if stat.st_ino == fstat(&*self.root)?.st_ino {
            attributes.ino = INodeNo::ROOT;
        }
        Ok(attributes)
    }
}

/// The path by which this process reaches a file that it holds.
pub(super) fn proc_path(handle: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}

fn attributes(stat: &Stat) -> FileAttr {
    FileAttr {
        ino: INodeNo(stat.st_ino),
        size: stat.st_size.cast_unsigned(),
        blocks: stat.st_blocks.cast_unsigned(),
        atime: time(stat.st_atime, stat.st_atime_nsec),
        mtime: time(stat.st_mtime, stat.st_mtime_nsec),
        ctime: time(stat.st_ctime, stat.st_ctime_nsec),
        crtime: UNIX_EPOCH,
        kind: kind(rustix::fs::FileType::from_raw_mode(stat.st_mode)),
        perm: (stat.st_mode & 0o7777) as u16,
        nlink: stat.st_nlink as u32,
        uid: stat.st_uid,
        gid: stat.st_gid,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn time(seconds: i64, nanos: u64) -> SystemTime {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let time = match seconds < 0 {
        true => UNIX_EPOCH - whole,
        false => UNIX_EPOCH + whole,
    };
    time + Duration::from_nanos(nanos)
}

pub(super) fn kind(kind: rustix::fs::FileType) -> FileType {
    match kind {
        rustix::fs::FileType::Directory => FileType::Directory,
        rustix::fs::FileType::Symlink => FileType::Symlink,
        rustix::fs::FileType::Fifo => FileType::NamedPipe,
        rustix::fs::FileType::Socket => FileType::Socket,
        rustix::fs::FileType::CharacterDevice => FileType::CharDevice,
        rustix::fs::FileType::BlockDevice => FileType::BlockDevice,
        _ => FileType::RegularFile,
    }
}
