//! Replies of each kind, given a result.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use fuser::{
    Errno, FileAttr, FileHandle, FopenFlags, Generation, INodeNo, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite,
};
use rustix::fs::StatVfs;

use super::work::Entries;

/// Nothing is remembered by the kernel, so that every look reaches the faults.
const TTL: Duration = Duration::ZERO;

/// A reply that takes a result of this kind.
pub(super) trait Answer<T> {
    fn give(self, result: io::Result<T>);
}

macro_rules! answer {
    ($reply:ty, $value:ty, |$this:ident, $got:pat_param| $give:expr) => {
        impl Answer<$value> for $reply {
            fn give(self, result: io::Result<$value>) {
                let $this = self;
                match result {
                    Ok($got) => $give,
                    Err(error) => $this.error(Errno::from(error)),
                }
            }
        }
    };
}

answer!(ReplyEmpty, (), |reply, ()| reply.ok());
answer!(ReplyData, Vec<u8>, |reply, bytes| reply.data(&bytes));
answer!(ReplyWrite, u32, |reply, count| reply.written(count));
answer!(ReplyAttr, FileAttr, |reply, attributes| reply
    .attr(&TTL, &attributes));
answer!(ReplyEntry, FileAttr, |reply, attributes| reply.entry(
    &TTL,
    &attributes,
    Generation(0)
));
answer!(ReplyOpen, (u64, FopenFlags), |reply, (handle, flags)| reply
    .opened(FileHandle(handle), flags));
answer!(ReplyCreate, (FileAttr, u64, FopenFlags), |reply,
                                                   (
    attributes,
    handle,
    flags,
)| reply.created(
    &TTL,
    &attributes,
    Generation(0),
    FileHandle(handle),
    flags
));

impl Answer<(Arc<Entries>, u64)> for ReplyDirectory {
    fn give(mut self, result: io::Result<(Arc<Entries>, u64)>) {
        let (entries, offset) = match result {
            Ok(found) => found,
            Err(error) => return self.error(Errno::from(error)),
        };
        for (at, (inode, kind, name)) in entries.iter().enumerate().skip(offset as usize) {
            if self.add(INodeNo(*inode), at as u64 + 1, *kind, name) {
                break;
            }
        }
        self.ok();
    }
}

impl Answer<(StatVfs, Option<(u64, u64)>)> for ReplyStatfs {
    fn give(self, result: io::Result<(StatVfs, Option<(u64, u64)>)>) {
        let (real, told) = match result {
            Ok(found) => found,
            Err(error) => return self.error(Errno::from(error)),
        };
        let unit = real.f_frsize.max(1);
        let (total, free) = match told {
            Some((total, free)) => (total / unit, free / unit),
            None => (real.f_blocks, real.f_bavail),
        };
        let (files, free_files) = (real.f_files, real.f_ffree);
        self.statfs(
            total,
            free,
            free,
            files,
            free_files,
            unit as u32,
            255,
            unit as u32,
        );
    }
}
