//! Answers the requests of the kernel.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::SystemTime;

use fuser::{
    AccessFlags, BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, Filesystem, FopenFlags,
    INodeNo, InitFlags, IoctlFlags, KernelConfig, LockOwner, OpenAccMode, OpenFlags, PollEvents,
    PollFlags, PollNotifier, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyIoctl, ReplyLseek, ReplyOpen, ReplyPoll, ReplyStatfs, ReplyWrite,
    ReplyXattr, Request, TimeOrNow, WriteFlags,
};

use super::busy_poll::After;
use super::inode::Node;
use super::{Passthrough, Stop, Tree, directory, xattr};
use crate::store::{Body, ReadNow};

/// Largest request in bytes: the kernel sends at most 256 pages.
const MAX_REQUEST: u32 = 1 << 20;

/// Maximum number of background requests, such as readahead, that the kernel may have pending.
const MAX_BACKGROUND: u16 = 128;

/// Block size of statfs.
const BLOCK: u32 = 4096;

/// The file system as the kernel sees it.
pub struct MachexFilesystem {
    tree: Arc<Tree>,
    passthrough: Passthrough,
    /// Reports when the kernel has ended the mount.
    end: mpsc::Sender<Stop>,
}

impl MachexFilesystem {
    pub fn new(tree: Arc<Tree>, passthrough: Passthrough, end: mpsc::Sender<Stop>) -> Self {
        Self {
            tree,
            passthrough,
            end,
        }
    }

    fn node(&self, inode: INodeNo) -> Option<Node> {
        self.tree.inodes.node(inode.0)
    }
}

thread_local! {
    /// One buffer per thread, since it is large and every read needs it.
    static READ_BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Filesystem for MachexFilesystem {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // One at a time: if one flag of a call is unknown, all of them are refused.
        for wanted in [
            InitFlags::FUSE_PARALLEL_DIROPS,
            // NFS servers need file handles that outlive the inodes in the kernel's memory.
            InitFlags::FUSE_EXPORT_SUPPORT,
            // If the size is an estimate, the first read requests the exact one. Without this flag,
            // two reads at once that both pass the end may leave the kernel with a size that is too
            // large, and readers with zeros after the last byte.
            InitFlags::FUSE_AUTO_INVAL_DATA,
        ] {
            if let Err(missing) = config.add_capabilities(wanted) {
                tracing::debug!("this kernel does not have {missing:?}");
            }
        }
        if self.passthrough != Passthrough::Off
            && config.add_capabilities(InitFlags::FUSE_PASSTHROUGH).is_ok()
        {
            // 1: backing files are on a file system that is not itself stacked.
            let _ = config.set_max_stack_depth(1);
        }
        // If a value is refused, the error contains the nearest valid one.
        if let Err(most) = config.set_max_readahead(MAX_REQUEST) {
            let _ = config.set_max_readahead(most);
        }
        let _ = config.set_max_write(MAX_REQUEST);
        let _ = config.set_max_background(MAX_BACKGROUND);
        Ok(())
    }

    fn destroy(&mut self) {
        // The receiver is gone only if the process ends anyway.
        let _ = self.end.send(Stop::Unmounted);
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let node = self
            .node(parent)
            .and_then(|parent| directory::find(&self.tree.server, parent, name));
        match node {
            Some(node) if !self.tree.may_see(request.uid(), node) => reply.error(Errno::EACCES),
            Some(node) => self.tree.lookup(node, reply),
            None => reply.error(Errno::ENOENT),
        }
        self.tree.busy_poll(After::Lookup);
    }

    fn getattr(
        &self,
        request: &Request,
        inode: INodeNo,
        _handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        match self.node(inode) {
            Some(node) if !self.tree.may_see(request.uid(), node) => reply.error(Errno::EACCES),
            Some(node) => self.tree.getattr(node, request.pid(), reply),
            None => reply.error(Errno::ENOENT),
        }
        self.tree.busy_poll(After::Getattr);
    }

    fn open(&self, request: &Request, inode: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let is_direct = flags.0 & libc::O_DIRECT != 0;
        match self.node(inode) {
            _ if flags.acc_mode() != OpenAccMode::O_RDONLY => reply.error(Errno::EROFS),
            // The kernel may know the file from another user's lookup.
            Some(node) if !self.tree.may_see(request.uid(), node) => reply.error(Errno::EACCES),
            Some(node) => self.tree.open(node, is_direct, reply),
            None => reply.error(Errno::ENOENT),
        }
        self.tree.busy_poll(After::Open);
    }

    fn read(
        &self,
        _request: &Request,
        inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Some(body) = self.tree.handles.body(handle) else {
            return reply.error(Errno::EBADF);
        };
        if let Body::Memory(bytes) = &body {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = bytes.get(start..).unwrap_or_default();
            return reply.data(rest.get(..size as usize).unwrap_or(rest));
        }
        let size = size as usize;
        READ_BUFFER.with_borrow_mut(|buffer| match body.read_now(offset, size, buffer) {
            Ok(ReadNow::Done) => reply.data(buffer),
            _ => {
                let Some(Node::Item(item)) = self.node(inode) else {
                    return reply.error(Errno::EBADF);
                };
                let tree = Arc::clone(&self.tree);
                self.tree.server.aside(item, body.is_of_tree(), move || {
                    READ_BUFFER.with_borrow_mut(|buffer| {
                        tree.read((handle, item), &body, (offset, size), buffer, reply);
                    });
                });
            }
        });
        self.tree.busy_poll(After::Read);
    }

    fn release(
        &self,
        _request: &Request,
        inode: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
        // Closing the last handle of a file may wait for another machine.
        let body = self.tree.handles.release(handle).filter(Body::is_remote);
        if let (Some(body), Some(Node::Item(item))) = (body, self.node(inode)) {
            let of_tree = body.is_of_tree();
            self.tree.server.aside(item, of_tree, move || drop(body));
        }
        self.tree.busy_poll(After::Release);
    }

    fn flush(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn opendir(&self, request: &Request, inode: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.node(inode) {
            Some(node) if !self.tree.may_see(request.uid(), node) => reply.error(Errno::EACCES),
            // Folders do not change during a mount.
            Some(_) => reply.opened(
                FileHandle(0),
                FopenFlags::FOPEN_CACHE_DIR | FopenFlags::FOPEN_KEEP_CACHE,
            ),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn readdir(
        &self,
        _request: &Request,
        inode: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let Some(folder) = self.node(inode) else {
            return reply.error(Errno::ENOENT);
        };
        let mut position = offset;
        while let Some(entry) = directory::entry(&self.tree.server, folder, position) {
            let (at, node, name) = entry;
            position = at + 1;
            let number = INodeNo(self.tree.inodes.number(node));
            if reply.add(number, position, node.kind(), name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _request: &Request, _inode: INodeNo, reply: ReplyStatfs) {
        let datasets = self.tree.server.datasets();
        let files: u64 = datasets
            .iter()
            .map(|dataset| u64::from(dataset.catalog.present()) + 1)
            .sum();
        let bytes: u64 = datasets
            .iter()
            .map(|dataset| {
                let image = dataset.estimate(crate::serve::What::Image(0));
                image.saturating_mul(u64::from(dataset.catalog.present()))
            })
            .sum();
        let blocks = bytes.div_ceil(u64::from(BLOCK));
        // Report all of it as free: monitors warn of full disks.
        reply.statfs(blocks, blocks, blocks, files, files, BLOCK, 255, BLOCK);
    }

    fn access(&self, request: &Request, inode: INodeNo, mask: AccessFlags, reply: ReplyEmpty) {
        match self.node(inode) {
            None => reply.error(Errno::ENOENT),
            Some(node) if !self.tree.may_see(request.uid(), node) => reply.error(Errno::EACCES),
            Some(_) if mask.contains(AccessFlags::W_OK) => reply.error(Errno::EROFS),
            Some(node)
                if mask.contains(AccessFlags::X_OK)
                    && node.kind() == fuser::FileType::RegularFile =>
            {
                reply.error(Errno::EACCES);
            }
            Some(_) => reply.ok(),
        }
    }

    fn getxattr(
        &self,
        request: &Request,
        inode: INodeNo,
        name: &OsStr,
        size: u32,
        reply: ReplyXattr,
    ) {
        if xattr::is_private(name) && !self.tree.is_owner(request.uid()) {
            return reply.error(Errno::EACCES);
        }
        let value = match self.node(inode) {
            Some(Node::Item(item)) => xattr::value(&self.tree.server, item, name),
            _ => None,
        };
        match value {
            Some(value) => reply_xattr(&value, size, reply),
            None => reply.error(Errno::NO_XATTR),
        }
    }

    fn listxattr(&self, request: &Request, inode: INodeNo, size: u32, reply: ReplyXattr) {
        let names = match self.node(inode) {
            Some(Node::Item(item)) => xattr::names(item, self.tree.is_owner(request.uid())),
            _ => Vec::new(),
        };
        reply_xattr(&names, size, reply);
    }

    fn ioctl(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _flags: IoctlFlags,
        _command: u32,
        _input: &[u8],
        _output_size: u32,
        reply: ReplyIoctl,
    ) {
        // Python checks whether each file that it opens is a terminal.
        reply.error(Errno::ENOTTY);
        self.tree.busy_poll(After::Ioctl);
    }

    /// There are no holes. After this error, the kernel seeks without further requests.
    fn lseek(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _offset: i64,
        _whence: i32,
        reply: ReplyLseek,
    ) {
        reply.error(Errno::ENOSYS);
    }

    /// Files are always ready. After this error, the kernel assumes that without further requests.
    fn poll(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _notifier: PollNotifier,
        _events: PollEvents,
        _flags: PollFlags,
        reply: ReplyPoll,
    ) {
        reply.error(Errno::ENOSYS);
    }

    /// There is never anything to write.
    fn fsync(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _data_only: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn fsyncdir(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _data_only: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn setattr(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        _size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        reply.error(Errno::EROFS);
    }

    fn mknod(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _mode: u32,
        _umask: u32,
        _rdev: u32,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EROFS);
    }

    fn mkdir(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EROFS);
    }

    fn unlink(&self, _request: &Request, _parent: INodeNo, _name: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EROFS);
    }

    fn rmdir(&self, _request: &Request, _parent: INodeNo, _name: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EROFS);
    }

    fn symlink(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _target: &Path,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EROFS);
    }

    fn rename(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _new_parent: INodeNo,
        _new_name: &OsStr,
        _flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EROFS);
    }

    fn link(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _new_parent: INodeNo,
        _new_name: &OsStr,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EROFS);
    }

    fn create(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        reply.error(Errno::EROFS);
    }

    fn write(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _offset: u64,
        _data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        reply.error(Errno::EROFS);
    }

    fn fallocate(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _offset: u64,
        _length: u64,
        _mode: i32,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EROFS);
    }

    fn copy_file_range(
        &self,
        _request: &Request,
        _inode_in: INodeNo,
        _handle_in: FileHandle,
        _offset_in: u64,
        _inode_out: INodeNo,
        _handle_out: FileHandle,
        _offset_out: u64,
        _length: u64,
        _flags: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        reply.error(Errno::EROFS);
    }

    fn setxattr(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _name: &OsStr,
        _value: &[u8],
        _flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EROFS);
    }

    fn removexattr(&self, _request: &Request, _inode: INodeNo, _name: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EROFS);
    }
}

/// With a size of 0, the caller asks for the length of the value.
fn reply_xattr(value: &[u8], size: u32, reply: ReplyXattr) {
    match u32::try_from(value.len()) {
        Ok(length) if size == 0 => reply.size(length),
        Ok(length) if length <= size => reply.data(value),
        _ => reply.error(Errno::ERANGE),
    }
}
