//! Open files, and how readers get their bytes.
//!
//! The kernel requires one mode for all handles of an inode: while one is passed through, every
//! other must be passed through to the same backing file; while one is read through machex, none
//! may be passed through. All handles share one registration of the backing file.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use fuser::{BackingId, Errno, FileHandle, FopenFlags, ReplyOpen};
use parking_lot::Mutex;

use crate::store::Body;

/// How the kernel caches an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caching {
    /// What the kernel has cached of the file is still valid.
    Keep,
    /// The file has changed since the kernel cached it.
    Renew,
    /// The kernel must not cache what it reads.
    Never,
}

/// How to open a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub caching: Caching,
    /// Opened with O_DIRECT. Passed through, such reads would have to be aligned as the disk of the
    /// cache requires, while other FUSE file systems do not require that. So machex answers them.
    pub is_direct: bool,
}

/// An open file.
struct Handle {
    inode: u64,
    body: Body,
    /// Keeps the backing file registered.
    backing: Option<Arc<BackingId>>,
}

/// How the handles of one inode are read.
#[derive(Default)]
struct Mode {
    /// Revision of the file that its handles were opened with, unless they bypass the kernel's
    /// cache.
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
    /// Sets whether finished files are passed through. Call this before the first open.
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
        // Before the reply, since the first read may arrive while this thread is still sending it.
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
            // The file changed while it was open. All handles share one backing file, or one set of
            // cached pages, and these belong to the old content.
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

    /// Makes an open file read from another body with the same bytes.
    pub(super) fn replace_body(&self, handle: FileHandle, body: &Body) {
        let old = self
            .handles
            .lock()
            .get_mut(&handle.0)
            .map(|handle| std::mem::replace(&mut handle.body, body.clone()));
        // Close it without the lock.
        drop(old);
    }

    /// Removes an open file, and returns its bytes.
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

/// Registers the backing file, unless an earlier handle has done so. If that fails, machex reads
/// the file for the kernel.
fn register(body: &Body, reply: &ReplyOpen) -> Option<Arc<BackingId>> {
    let Body::File { stored, .. } = body else {
        return None;
    };
    let known = stored.attachment.get().map(Arc::clone);
    if let Some(known) = known.and_then(|known| known.downcast::<BackingId>().ok()) {
        return Some(known);
    }
    // If the store has closed the file, do not open it for this: other opens wait for the caller's
    // lock.
    let registered: io::Result<BackingId> = reply.open_backing(&*stored.opened()?);
    match registered {
        Ok(backing) => {
            let backing = Arc::new(backing);
            // Keep it as long as the store keeps the file. If another thread was first, the file is
            // registered twice, which does no harm.
            let _ = stored.attachment.set(Arc::clone(&backing) as _);
            Some(backing)
        }
        Err(error) => {
            tracing::debug!("no passthrough for a file: {error}");
            None
        }
    }
}
