//! A storage that is watched: for work that reads much on many threads, and that must tell a slow
//! storage from a silent one.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Listing, OpenFile, Stamp, Stat, Storage};
use crate::files::is_absent;

/// Passes everything on to another storage, and notices its answers.
pub struct Watched {
    storage: Arc<dyn Storage>,
    watch: Arc<Watch>,
}

struct Watch {
    answered: Box<dyn Fn() + Send + Sync>,
    has_failed: AtomicBool,
}

impl Watched {
    /// `answered` is called after each answer, whatever it is.
    pub fn new(storage: Arc<dyn Storage>, answered: impl Fn() + Send + Sync + 'static) -> Self {
        let watch = Arc::new(Watch {
            answered: Box::new(answered),
            has_failed: AtomicBool::new(false),
        });
        Self { storage, watch }
    }

    /// Whether something could not be read although it is there.
    pub fn has_failed(&self) -> bool {
        self.watch.has_failed.load(Ordering::Relaxed)
    }
}

impl Watch {
    fn note<T>(&self, answer: io::Result<T>) -> io::Result<T> {
        (self.answered)();
        if let Err(error) = &answer
            && !is_absent(error)
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        answer
    }
}

impl Storage for Watched {
    fn list(&self, name: &Path) -> io::Result<Listing<'_>> {
        let listing = self.watch.note(self.storage.list(name))?;
        Ok(Box::new(listing.map(|entry| self.watch.note(entry))))
    }

    fn stat(&self, name: &Path) -> io::Result<Stat> {
        self.watch.note(self.storage.stat(name))
    }

    fn stat_without_waiting(&self, name: &Path) -> Option<Stat> {
        self.storage.stat_without_waiting(name)
    }

    fn open(&self, name: &Path, limit: u64) -> io::Result<Box<dyn OpenFile>> {
        let file = self.watch.note(self.storage.open(name, limit))?;
        Ok(Box::new(WatchedFile {
            file,
            watch: Arc::clone(&self.watch),
        }))
    }

    fn is_link(&self, name: &Path) -> bool {
        self.storage.is_link(name)
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Watched")
            .field(&self.storage)
            .finish()
    }
}

struct WatchedFile {
    file: Box<dyn OpenFile>,
    watch: Arc<Watch>,
}

impl Read for WatchedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watch.note(self.file.read(buffer))
    }
}

impl OpenFile for WatchedFile {
    fn stamp(&self) -> Stamp {
        self.file.stamp()
    }

    fn check_unchanged(&self) -> io::Result<()> {
        self.watch.note(self.file.check_unchanged())
    }
}

impl fmt::Debug for WatchedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("WatchedFile")
            .field(&self.file)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Folder;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn answers_are_noticed_and_absence_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "text").unwrap();
        let answers = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&answers);
        let watched = Watched::new(Folder::shared(), move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let storage: &dyn Storage = &watched;
        assert_eq!(
            storage.read(&folder.path().join("file"), 9).unwrap(),
            b"text"
        );
        assert_eq!(storage.list(folder.path()).unwrap().count(), 1);
        assert!(storage.stat(&folder.path().join("absent")).is_err());
        assert!(answers.load(Ordering::Relaxed) >= 4);
        assert!(!watched.has_failed());
        // Not a file.
        assert!(storage.open(folder.path(), 9).is_err());
        assert!(watched.has_failed());
    }
}
