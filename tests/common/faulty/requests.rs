//! The requests of the kernel: judged first, then done, on a thread of their own if they have to wait.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::SystemTime;

use fuser::{
    AccessFlags, BsdFileFlags, FileHandle, Filesystem, FopenFlags, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};
use rustix::fs::{AtFlags, Mode};

use super::answers::Answer;
use super::faults::{Op, Verdict};
use super::nodes::proc_path;
use super::work::{Changes, Entries, Folder};

/// Requests such as readahead that may wait at a time: those that hang must not hold up the others.
const MAX_BACKGROUND: u16 = 1024;

/// The file system as the kernel sees it.
pub(super) struct FaultyFilesystem {
    pub(super) folder: Arc<Folder>,
    /// What each open folder listed when it was opened or rewound.
    listings: Arc<Mutex<HashMap<u64, Arc<Entries>>>>,
    next_listing: AtomicU64,
}

/// What a request is about.
type Place<'a> = (INodeNo, Option<&'a OsStr>);

impl FaultyFilesystem {
    pub(super) fn new(folder: Arc<Folder>) -> Self {
        Self {
            folder,
            listings: Arc::default(),
            next_listing: AtomicU64::new(1),
        }
    }

    /// Answers a request with what `work` makes, unless a fault says otherwise.
    fn answer<T, R: Answer<T> + Send + 'static>(
        &self,
        op: Op,
        places: &[Place],
        reply: R,
        work: impl FnOnce(&Folder, Verdict) -> io::Result<T> + Send + 'static,
    ) {
        let nodes = &self.folder.nodes;
        let paths = || {
            let places = places.iter();
            places
                .map(|(inode, name)| nodes.path(*inode, *name))
                .collect()
        };
        let verdict = self.folder.faults.judge(op, paths);
        let folder = Arc::clone(&self.folder);
        let work = move || {
            folder.faults.wait(verdict);
            reply.give(match verdict.error {
                Some(errno) => Err(errno.into()),
                None => work(&folder, verdict),
            });
        };
        match verdict.delay.is_some() || verdict.hang.is_some() {
            true => drop(thread::spawn(work)),
            false => work(),
        }
    }
}

impl Filesystem for FaultyFilesystem {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Otherwise a lookup that hangs holds up its folder.
        let _ = config.add_capabilities(InitFlags::FUSE_PARALLEL_DIROPS);
        let _ = config.set_max_background(MAX_BACKGROUND);
        Ok(())
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let owned = name.to_owned();
        self.answer(
            Op::Lookup,
            &[(parent, Some(name))],
            reply,
            move |folder, _| folder.nodes.enter(parent, &owned),
        );
    }

    fn forget(&self, _request: &Request, inode: INodeNo, count: u64) {
        self.folder.nodes.forget(inode, count);
    }

    fn getattr(
        &self,
        _request: &Request,
        inode: INodeNo,
        _handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        self.answer(Op::Getattr, &[(inode, None)], reply, move |folder, _| {
            folder.nodes.attributes(&*folder.nodes.get(inode)?)
        });
    }

    fn setattr(
        &self,
        _request: &Request,
        inode: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _changed: Option<SystemTime>,
        handle: Option<FileHandle>,
        _created: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changes = Changes {
            mode,
            uid,
            gid,
            size,
            accessed,
            modified,
        };
        self.answer(Op::Setattr, &[(inode, None)], reply, move |folder, _| {
            folder.set(inode, handle, &changes)
        });
    }

    fn readlink(&self, _request: &Request, inode: INodeNo, reply: ReplyData) {
        self.answer(Op::Getattr, &[(inode, None)], reply, move |folder, _| {
            let target = rustix::fs::readlinkat(&*folder.nodes.get(inode)?, "", Vec::new())?;
            Ok(target.into_bytes())
        });
    }

    fn mkdir(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let owned = name.to_owned();
        self.answer(
            Op::Mkdir,
            &[(parent, Some(name))],
            reply,
            move |folder, _| {
                let mode = Mode::from_raw_mode(mode);
                folder.make(parent, &owned, |at| {
                    rustix::fs::mkdirat(at, &owned, mode)?;
                    rustix::fs::chmodat(at, &owned, mode, AtFlags::empty())
                })
            },
        );
    }

    fn unlink(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let owned = name.to_owned();
        self.answer(
            Op::Unlink,
            &[(parent, Some(name))],
            reply,
            move |folder, _| folder.unlink(parent, &owned, AtFlags::empty()),
        );
    }

    fn rmdir(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let owned = name.to_owned();
        self.answer(
            Op::Rmdir,
            &[(parent, Some(name))],
            reply,
            move |folder, _| folder.unlink(parent, &owned, AtFlags::REMOVEDIR),
        );
    }

    fn symlink(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let (owned, target) = (name.to_owned(), target.to_owned());
        self.answer(
            Op::Link,
            &[(parent, Some(name))],
            reply,
            move |folder, _| {
                folder.make(parent, &owned, |at| {
                    rustix::fs::symlinkat(&target, at, &owned)
                })
            },
        );
    }

    fn rename(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let places = [(parent, Some(name)), (new_parent, Some(new_name))];
        let (old, new) = (name.to_owned(), new_name.to_owned());
        self.answer(Op::Rename, &places, reply, move |folder, _| {
            folder.rename((parent, &old), (new_parent, &new), flags.bits())
        });
    }

    fn link(
        &self,
        _request: &Request,
        inode: INodeNo,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
    ) {
        let owned = name.to_owned();
        self.answer(
            Op::Link,
            &[(parent, Some(name))],
            reply,
            move |folder, _| {
                let file = folder.nodes.get(inode)?;
                folder.make(parent, &owned, |at| {
                    let (from, flags) = (rustix::fs::CWD, AtFlags::SYMLINK_FOLLOW);
                    rustix::fs::linkat(from, proc_path(&file), at, &owned, flags)
                })
            },
        );
    }

    fn open(&self, _request: &Request, inode: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        self.answer(Op::Open, &[(inode, None)], reply, move |folder, _| {
            folder.open(inode, flags.0)
        });
    }

    fn create(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let owned = name.to_owned();
        self.answer(
            Op::Create,
            &[(parent, Some(name))],
            reply,
            move |folder, _| folder.create(parent, &owned, mode, flags),
        );
    }

    fn read(
        &self,
        _request: &Request,
        inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.answer(Op::Read, &[(inode, None)], reply, move |folder, verdict| {
            folder.file(handle)?.read(offset, size, verdict.is_short)
        });
    }

    fn write(
        &self,
        _request: &Request,
        inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let data = data.to_vec();
        self.answer(
            Op::Write,
            &[(inode, None)],
            reply,
            move |folder, verdict| folder.write(&*folder.file(handle)?, offset, &data, verdict),
        );
    }

    fn flush(
        &self,
        _request: &Request,
        inode: INodeNo,
        handle: FileHandle,
        _owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        self.answer(Op::Close, &[(inode, None)], reply, move |folder, _| {
            folder.file(handle)?.tell_loss(false)
        });
    }

    fn release(
        &self,
        _request: &Request,
        _inode: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.folder.release(handle);
        reply.ok();
    }

    fn fsync(
        &self,
        _request: &Request,
        inode: INodeNo,
        handle: FileHandle,
        _is_data: bool,
        reply: ReplyEmpty,
    ) {
        // What is below survives the tests; nothing has to be written through.
        self.answer(Op::Fsync, &[(inode, None)], reply, move |folder, _| {
            folder.file(handle)?.tell_loss(true)
        });
    }

    fn fsyncdir(
        &self,
        _request: &Request,
        inode: INodeNo,
        _handle: FileHandle,
        _is_data: bool,
        reply: ReplyEmpty,
    ) {
        self.answer(Op::Fsync, &[(inode, None)], reply, |_, _| Ok(()));
    }

    fn opendir(&self, _request: &Request, inode: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let number = self.next_listing.fetch_add(1, Ordering::Relaxed);
        self.answer(Op::Open, &[(inode, None)], reply, move |_, _| {
            Ok((number, FopenFlags::empty()))
        });
    }

    fn readdir(
        &self,
        _request: &Request,
        inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        reply: ReplyDirectory,
    ) {
        let listings = Arc::clone(&self.listings);
        self.answer(Op::Readdir, &[(inode, None)], reply, move |folder, _| {
            let known = listings.lock().unwrap().get(&handle.0).cloned();
            let entries = match known {
                Some(entries) if offset > 0 => entries,
                _ => Arc::new(folder.entries(inode)?),
            };
            listings
                .lock()
                .unwrap()
                .insert(handle.0, Arc::clone(&entries));
            Ok((entries, offset))
        });
    }

    fn releasedir(
        &self,
        _request: &Request,
        _inode: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        self.listings.lock().unwrap().remove(&handle.0);
        reply.ok();
    }

    fn statfs(&self, _request: &Request, inode: INodeNo, reply: ReplyStatfs) {
        self.answer(Op::Statfs, &[(inode, None)], reply, move |folder, _| {
            let space = rustix::fs::fstatvfs(&*folder.nodes.get(inode)?)?;
            Ok((space, folder.faults.space.told()))
        });
    }

    fn access(&self, _request: &Request, _inode: INodeNo, _mask: AccessFlags, reply: ReplyEmpty) {
        // The kernel has checked it by the modes.
        reply.ok();
    }
}
