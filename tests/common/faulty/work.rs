//! What the requests do to the folder below.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirEntryExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use fuser::{FileAttr, FileHandle, FileType, FopenFlags, INodeNo, TimeOrNow};
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;

use super::faults::{Faults, Verdict};
use super::nodes::{Nodes, proc_path};
use super::space::Told;

/// Entries of a folder: inode, kind, name.
pub(super) type Entries = Vec<(u64, FileType, OsString)>;

/// An open file, and the error that it still has to tell.
pub(super) struct OpenFile {
    file: File,
    lost: Mutex<Option<(Errno, Told)>>,
}

/// Attributes that a SETATTR changes.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) size: Option<u64>,
    pub(super) accessed: Option<TimeOrNow>,
    pub(super) modified: Option<TimeOrNow>,
}

/// The folder below and what is open of it.
pub(super) struct Folder {
    pub(super) nodes: Nodes,
    pub(super) faults: Arc<Faults>,
    files: Mutex<HashMap<u64, Arc<OpenFile>>>,
    next: AtomicU64,
}

impl Folder {
    pub(super) fn new(real: &Path, faults: Arc<Faults>) -> io::Result<Self> {
        Ok(Self {
            nodes: Nodes::new(real)?,
            faults,
            files: Mutex::default(),
            next: AtomicU64::new(1),
        })
    }

    fn add(&self, file: File) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let lost = Mutex::default();
        let file = Arc::new(OpenFile { file, lost });
        self.files.lock().unwrap().insert(number, file);
        number
    }

    pub(super) fn file(&self, handle: FileHandle) -> io::Result<Arc<OpenFile>> {
        let files = self.files.lock().unwrap();
        files
            .get(&handle.0)
            .cloned()
            .ok_or_else(|| Errno::BADF.into())
    }

    pub(super) fn release(&self, handle: FileHandle) {
        self.files.lock().unwrap().remove(&handle.0);
    }

    pub(super) fn open(&self, inode: INodeNo, flags: i32) -> io::Result<(u64, FopenFlags)> {
        let node = self.nodes.get(inode)?;
        // The path below is a link, to what the kernel has looked up without following any.
        let flags = plain(flags) & !(libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW);
        let file = fs::OpenOptions::new()
            .read(flags & libc::O_ACCMODE != libc::O_WRONLY)
            .write(flags & libc::O_ACCMODE != libc::O_RDONLY)
            .custom_flags(flags & !libc::O_ACCMODE)
            .open(proc_path(&node))?;
        Ok((self.add(file), self.open_flags(inode)))
    }

    fn open_flags(&self, inode: INodeNo) -> FopenFlags {
        match self.faults.may_be_short(&self.nodes.path(inode, None)) {
            true => FopenFlags::FOPEN_DIRECT_IO,
            false => FopenFlags::empty(),
        }
    }

    pub(super) fn create(
        &self,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        flags: i32,
    ) -> io::Result<(FileAttr, u64, FopenFlags)> {
        let folder = self.nodes.get(parent)?;
        let flags = OFlags::from_bits_retain(plain(flags).cast_unsigned())
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode);
        let file = File::from(rustix::fs::openat(&*folder, name, flags, mode)?);
        // Again, without this process' umask.
        rustix::fs::fchmod(&file, mode)?;
        let attributes = self.nodes.enter(parent, name)?;
        let open_flags = self.open_flags(attributes.ino);
        Ok((attributes, self.add(file), open_flags))
    }

    pub(super) fn set(
        &self,
        inode: INodeNo,
        handle: Option<FileHandle>,
        changes: &Changes,
    ) -> io::Result<FileAttr> {
        let node = self.nodes.get(inode)?;
        let path = proc_path(&node);
        if let Some(mode) = changes.mode {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o7777))?;
        }
        if changes.uid.is_some() || changes.gid.is_some() {
            std::os::unix::fs::chown(&path, changes.uid, changes.gid)?;
        }
        if let Some(size) = changes.size {
            let before = self.nodes.attributes(&*node)?.size;
            if let Err((errno, _)) = self.faults.space.take(size.saturating_sub(before)) {
                return Err(errno.into());
            }
            self.faults.space.give_back(before.saturating_sub(size));
            match handle {
                Some(handle) => self.file(handle)?.file.set_len(size)?,
                None => fs::OpenOptions::new()
                    .write(true)
                    .open(&path)?
                    .set_len(size)?,
            }
        }
        if changes.accessed.is_some() || changes.modified.is_some() {
            let times = Timestamps {
                last_access: timespec(changes.accessed),
                last_modification: timespec(changes.modified),
            };
            rustix::fs::utimensat(rustix::fs::CWD, &path, &times, AtFlags::empty())?;
        }
        self.nodes.attributes(&*node)
    }

    pub(super) fn write(
        &self,
        file: &OpenFile,
        offset: u64,
        data: &[u8],
        verdict: Verdict,
    ) -> io::Result<u32> {
        let data = match verdict.is_short {
            true => &data[..data.len().div_ceil(2)],
            false => data,
        };
        let end = offset + data.len() as u64;
        let size = file.file.metadata()?.len();
        let taken = match verdict.lost {
            Some(lost) => Err(lost),
            None => self.faults.space.take(end.saturating_sub(size)),
        };
        match taken {
            Ok(()) => file.file.write_all_at(data, offset)?,
            Err((errno, Told::Write)) => return Err(errno.into()),
            Err(lost) => {
                // The size looks right, so that only the error tells.
                file.file.set_len(end.max(size))?;
                file.lost.lock().unwrap().get_or_insert(lost);
            }
        }
        Ok(data.len() as u32)
    }

    /// Makes a folder or a link by `make` and looks it up.
    pub(super) fn make(
        &self,
        parent: INodeNo,
        name: &OsStr,
        make: impl FnOnce(&OwnedFd) -> rustix::io::Result<()>,
    ) -> io::Result<FileAttr> {
        make(&*self.nodes.get(parent)?)?;
        self.nodes.enter(parent, name)
    }

    pub(super) fn unlink(&self, parent: INodeNo, name: &OsStr, flags: AtFlags) -> io::Result<()> {
        let parent = self.nodes.get(parent)?;
        let freed = freed_by_removing(&parent, name);
        rustix::fs::unlinkat(&*parent, name, flags)?;
        self.faults.space.give_back(freed);
        Ok(())
    }

    pub(super) fn rename(
        &self,
        (parent, name): (INodeNo, &OsStr),
        (new_parent, new_name): (INodeNo, &OsStr),
        flags: u32,
    ) -> io::Result<()> {
        let (old, new) = (self.nodes.get(parent)?, self.nodes.get(new_parent)?);
        let flags = rustix::fs::RenameFlags::from_bits_retain(flags);
        let freed = match flags.is_empty() {
            true => freed_by_removing(&new, new_name),
            false => 0,
        };
        rustix::fs::renameat_with(&*old, name, &*new, new_name, flags)?;
        self.faults.space.give_back(freed);
        Ok(())
    }

    pub(super) fn entries(&self, inode: INodeNo) -> io::Result<Entries> {
        let node = self.nodes.get(inode)?;
        let mut entries = vec![
            (inode.0, FileType::Directory, OsString::from(".")),
            (inode.0, FileType::Directory, OsString::from("..")),
        ];
        for entry in fs::read_dir(proc_path(&node))? {
            let entry = entry?;
            let kind = FileType::from_std(entry.file_type()?).unwrap_or(FileType::RegularFile);
            entries.push((entry.ino(), kind, entry.file_name()));
        }
        Ok(entries)
    }
}

impl OpenFile {
    pub(super) fn read(&self, offset: u64, size: u32, is_short: bool) -> io::Result<Vec<u8>> {
        let size = match is_short {
            true => size.div_ceil(2),
            false => size,
        };
        let mut bytes = vec![0; size as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match self
                .file
                .read_at(&mut bytes[filled..], offset + filled as u64)?
            {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// The error of bytes that were lost, once, if this call is one that tells it.
    pub(super) fn tell_loss(&self, is_fsync: bool) -> io::Result<()> {
        let mut lost = self.lost.lock().unwrap();
        match *lost {
            Some((errno, told)) if is_fsync || told == Told::Close => {
                *lost = None;
                Err(errno.into())
            }
            _ => Ok(()),
        }
    }
}

/// Flags for opening a file below: offsets come from the kernel, and pages are the kernel's affair.
fn plain(flags: i32) -> i32 {
    flags & !(libc::O_APPEND | libc::O_DIRECT | libc::O_TRUNC)
}

/// Bytes that are free when this name has gone.
fn freed_by_removing(parent: impl AsFd, name: &OsStr) -> u64 {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if stat.st_nlink <= 1 => stat.st_size.cast_unsigned(),
        _ => 0,
    }
}

fn timespec(time: Option<TimeOrNow>) -> Timespec {
    let special = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    match time {
        None => special(rustix::fs::UTIME_OMIT),
        Some(TimeOrNow::Now) => special(rustix::fs::UTIME_NOW),
        Some(TimeOrNow::SpecificTime(time)) => {
            let since = time
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            Timespec {
                tv_sec: since.as_secs().cast_signed(),
                tv_nsec: since.subsec_nanos().into(),
            }
        }
    }
}
