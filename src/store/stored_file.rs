//! A file of the cache or of the materialized tree that readers have open. It does not need a
//! descriptor all the time: one that was not read for long is closed, and opened again on the next
//! read.

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

/// An open file, or one that is opened again on the next read.
#[derive(Debug)]
pub struct StoredFile {
    pub(super) key: ContentKey,
    path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// As it was when first opened: detects another file with the same name.
    pub(super) fingerprint: Fingerprint,
    file: Mutex<Option<Arc<File>>>,
    /// Decides which files are open.
    pool: Weak<Pool>,
    is_remote: bool,
    /// Any data of the user, kept as long as the file.
    pub attachment: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl StoredFile {
    /// A file that was just opened, with its path, size and fingerprint.
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

    /// The file, opened again if necessary; waits for a descriptor if there is none.
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
        // Without the lock: other threads must not wait for this disk. If two threads open the file
        // at the same time, one does so in vain.
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

    /// Releases its descriptor, once current reads are done.
    pub(super) fn close(&self) {
        let file = self.file.lock().take();
        // Closed without the lock.
        drop(file);
    }
}

/// Opens a file; follows no links, and does not wait if it is a pipe.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}
