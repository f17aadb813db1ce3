//! A file of the cache or of the materialized tree that readers have open. It need not hold a
//! descriptor all that time: one that has not been read for long is closed, and opened again when it
//! is.

use std::any::Any;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

use super::fingerprint::Fingerprint;
use super::open_files::Pool;
use crate::files::{at_once, patiently};
use crate::store::ContentKey;

/// An open file, or one that is opened again when it is read.
#[derive(Debug)]
pub struct StoredFile {
    pub(super) key: ContentKey,
    path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// As it was when it was first opened: another file of its name is not taken for it.
    pub(super) fingerprint: Fingerprint,
    file: Mutex<Option<Arc<File>>>,
    /// Decides which files are open.
    pool: Weak<Pool>,
    is_remote: bool,
    /// Whatever its user wants to keep for as long as the file is kept.
    pub attachment: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl StoredFile {
    /// A file that has just been opened, with its path and fingerprint.
    pub(super) fn new(
        pool: &Arc<Pool>,
        key: ContentKey,
        path: PathBuf,
        file: File,
        (size, fingerprint): (u64, Fingerprint),
    ) -> Self {
        Self {
            key,
            path,
            size,
            fingerprint,
            file: Mutex::new(Some(Arc::new(file))),
            pool: Arc::downgrade(pool),
            is_remote: pool.is_remote,
            attachment: OnceLock::new(),
        }
    }

    /// Whether it is on another machine.
    pub fn is_remote(&self) -> bool {
        self.is_remote
    }

    /// The file, if it is open now.
    pub fn opened(&self) -> Option<Arc<File>> {
        self.file.lock().clone()
    }

    /// The file, opened again if need be; waits for a descriptor if there is none.
    pub fn open(self: &Arc<Self>) -> io::Result<Arc<File>> {
        self.open_by(|open| patiently(open))
    }

    /// The same for threads that must not wait for a descriptor.
    pub fn open_at_once(self: &Arc<Self>) -> io::Result<Arc<File>> {
        self.open_by(|open| at_once(open))
    }

    fn open_by(
        self: &Arc<Self>,
        try_to: impl FnOnce(&mut dyn FnMut() -> io::Result<File>) -> io::Result<File>,
    ) -> io::Result<Arc<File>> {
        if let Some(file) = self.opened() {
            return Ok(file);
        }
        // Without the lock: others must not wait for this disk. Who opens it at the same time
        // does so in vain.
        let file = try_to(&mut || open(&self.path))?;
        if Fingerprint::of(&file.metadata()?) != self.fingerprint {
            return Err(io::Error::other("it was replaced while it was open"));
        }
        let file = Arc::clone(self.file.lock().get_or_insert_with(|| Arc::new(file)));
        if let Some(pool) = self.pool.upgrade() {
            pool.put(self);
        }
        Ok(file)
    }

    /// Takes the descriptor of `other`, which is the same file.
    pub(super) fn take_over(&self, other: &Self) {
        let file = other.file.lock().take();
        let old = std::mem::replace(&mut *self.file.lock(), file);
        drop(old);
    }

    /// Gives its descriptor back, once those who read at this moment are done.
    pub(super) fn close(&self) {
        let file = self.file.lock().take();
        // Closed without the lock.
        drop(file);
    }
}

/// Opens a file, but not through links, and not waiting for a pipe that somebody put there.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}
