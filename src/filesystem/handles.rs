//! Open files, and how their bytes come to the readers.
//!
//! The kernel wants one mode for all handles of an inode: while one is passed through, every other
//! must be passed through to the same backing file; while one is read through us, none may be. A
//! backing file is registered once for an inode and let go with its last handle.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use fuser::{BackingId, Errno, FileHandle, FopenFlags, ReplyOpen};
use parking_lot::Mutex;

use crate::store::Body;

/// How an open file is cached by the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caching {
    /// What the kernel has of the file is still true.
    Keep,
    /// The file has changed since the kernel read it.
    Renew,
    /// What is read must not be kept.
    Never,
}

/// How a file is to be opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub caching: Caching,
    /// By O_DIRECT: the disk of the cache would want reads that are aligned, which those of other file
    /// systems by FUSE need not be. So these are read through us.
    pub is_direct: bool,
}

/// One open file.
struct Handle {
    inode: u64,
    body: Body,
    /// Keeps the backing file registered.
    backing: Option<Arc<BackingId>>,
}

/// How the handles of one inode are read.
#[derive(Default)]
struct Mode {
    /// Of the file's content; while handles of one are open, those of another are kept apart.
    revision: u32,
    backing: Weak<BackingId>,
    passed_through: usize,
    read: usize,
}

/// All open files.
#[derive(Default)]
pub(super) struct Handles {
    handles: Mutex<HashMap<u64, Handle>>,
    modes: Mutex<HashMap<u64, Mode>>,
    next: AtomicU64,
    passthrough: AtomicBool,
}

impl Handles {
    /// Whether finished files are passed through; to be set before the first is opened.
    pub(super) fn set_passthrough(&self, on: bool) {
        self.passthrough.store(on, Ordering::Relaxed);
    }

    pub(super) fn is_passthrough(&self) -> bool {
        self.passthrough.load(Ordering::Relaxed)
    }

    /// Opens a file with these bytes and answers the request.
    pub(super) fn open(&self, inode: u64, body: Body, revision: u32, how: How, reply: ReplyOpen) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let chosen = self.choose_mode(inode, &body, revision, how.caching, &reply);
        let (caching, backing) = match chosen {
            Ok(chosen) => chosen,
            Err(error) => return reply.error(error),
        };
        let handle = Handle {
            inode,
            body,
            backing: backing.clone(),
        };
        // Before the answer: the first read may come while this thread still sends it.
        self.handles.lock().insert(number, handle);
        let number = FileHandle(number);
        match backing {
            Some(backing) => {
                let direct = if how.is_direct {
                    FopenFlags::FOPEN_DIRECT_IO
                } else {
                    FopenFlags::empty()
                };
                reply.opened_passthrough(number, FopenFlags::FOPEN_NOFLUSH | direct, &backing);
            }
            None => {
                let flags = match caching {
                    Caching::Keep => FopenFlags::FOPEN_KEEP_CACHE,
                    Caching::Renew => FopenFlags::empty(),
                    Caching::Never => FopenFlags::FOPEN_DIRECT_IO,
                };
                reply.opened(number, flags | FopenFlags::FOPEN_NOFLUSH);
            }
        }
    }

    fn choose_mode(
        &self,
        inode: u64,
        body: &Body,
        revision: u32,
        mut caching: Caching,
        reply: &ReplyOpen,
    ) -> Result<(Caching, Option<Arc<BackingId>>), Errno> {
        let mut modes = self.modes.lock();
        let mode = modes.entry(inode).or_default();
        if mode.passed_through + mode.read == 0 {
            mode.revision = revision;
        } else if mode.revision != revision {
            // The file changed while it is open. The kernel has one backing file, or one set of
            // pages, for all handles: those of the old content keep them.
            if mode.passed_through > 0 {
                return Err(Errno::EIO);
            }
            caching = Caching::Never;
        }
        let wanted = self.is_passthrough() && caching != Caching::Never;
        let backing = match mode.backing.upgrade() {
            Some(backing) => Some(backing),
            None if wanted && mode.read == 0 => register(body, reply),
            None => None,
        };
        match &backing {
            Some(backing) => {
                mode.backing = Arc::downgrade(backing);
                mode.passed_through += 1;
            }
            None => mode.read += 1,
        }
        Ok((caching, backing))
    }

    /// The bytes of an open file.
    pub(super) fn body(&self, handle: FileHandle) -> Option<Body> {
        let handles = self.handles.lock();
        handles.get(&handle.0).map(|handle| handle.body.clone())
    }

    /// Has an open file be read from other bytes, which are the same.
    pub(super) fn replace_body(&self, handle: FileHandle, body: &Body) {
        let old = self
            .handles
            .lock()
            .get_mut(&handle.0)
            .map(|handle| std::mem::replace(&mut handle.body, body.clone()));
        // Closed without the lock.
        drop(old);
    }

    /// Takes an open file away, and returns its bytes.
    pub(super) fn release(&self, handle: FileHandle) -> Option<Body> {
        let handle = self.handles.lock().remove(&handle.0)?;
        let mut modes = self.modes.lock();
        if let Some(mode) = modes.get_mut(&handle.inode) {
            match handle.backing {
                Some(_) => mode.passed_through -= 1,
                None => mode.read -= 1,
            }
            if mode.passed_through == 0 && mode.read == 0 {
                modes.remove(&handle.inode);
            }
        }
        Some(handle.body)
    }

    pub(super) fn len(&self) -> usize {
        self.handles.lock().len()
    }
}

/// Registers the backing file, unless that has been done for an earlier handle. Without success the
/// file is read through us.
fn register(body: &Body, reply: &ReplyOpen) -> Option<Arc<BackingId>> {
    let Body::File { stored, .. } = body else {
        return None;
    };
    let known = stored.attachment.get().map(Arc::clone);
    if let Some(known) = known.and_then(|known| known.downcast::<BackingId>().ok()) {
        return Some(known);
    }
    // One that was closed is not opened for this: others wait for the lock that the caller holds.
    let registered: io::Result<BackingId> = reply.open_backing(&*stored.opened()?);
    match registered {
        Ok(backing) => {
            let backing = Arc::new(backing);
            // For as long as the store keeps the file open. Another thread may have been first: then
            // the file is registered twice, which is no harm.
            let _ = stored.attachment.set(Arc::clone(&backing) as _);
            Some(backing)
        }
        Err(error) => {
            tracing::debug!("no passthrough for a file: {error}");
            None
        }
    }
}
