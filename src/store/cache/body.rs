//! The bytes of a finished file, wherever they are.

use std::any::Any;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};

use super::pin::Pin;
use super::spliced::Spliced;

/// Bytes that can be read for as long as this is kept.
#[derive(Debug, Clone)]
pub enum Body {
    File {
        stored: Arc<StoredFile>,
        /// Keeps a file of the cache from being evicted.
        pin: Option<Arc<Pin>>,
        /// Whether whatever is done with it may wait for another machine.
        is_remote: bool,
    },
    Memory(Arc<[u8]>),
    /// With something put in.
    Spliced(Arc<Spliced>),
}

/// An open file of the cache or of the materialized tree.
#[derive(Debug)]
pub struct StoredFile {
    pub file: File,
    /// In bytes.
    pub size: u64,
    /// Whatever its user wants to keep for as long as the file is open.
    pub attachment: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl StoredFile {
    pub(super) fn new(file: File, size: u64) -> Self {
        Self {
            file,
            size,
            attachment: OnceLock::new(),
        }
    }
}

/// How far a read came that must not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadNow {
    /// All of it is in the buffer.
    Done,
    /// It would have to wait for a disk.
    WouldWait,
}

impl Body {
    /// A file that is not the cache's; `None` unless it has `size` bytes.
    pub fn foreign(file: File, size: u64, is_remote: bool) -> Option<Self> {
        Self::again(Arc::new(StoredFile::new(file, size)), size, is_remote)
    }

    /// The same of a file that is open already.
    pub fn again(stored: Arc<StoredFile>, size: u64, is_remote: bool) -> Option<Self> {
        let metadata = stored.file.metadata().ok()?;
        let is_whole = metadata.is_file() && metadata.len() == size;
        is_whole.then_some(Body::File {
            stored,
            pin: None,
            is_remote,
        })
    }

    /// Whether reading or closing it may wait for another machine.
    pub fn is_remote(&self) -> bool {
        match self {
            Body::File { is_remote, .. } => *is_remote,
            Body::Memory(_) => false,
            Body::Spliced(spliced) => spliced.kept().is_remote(),
        }
    }

    /// Whether it is a file of the materialized tree.
    pub fn is_of_tree(&self) -> bool {
        matches!(self, Body::File { pin: None, .. })
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        match self {
            Body::File { stored, .. } => stored.size,
            Body::Memory(bytes) => bytes.len() as u64,
            Body::Spliced(spliced) => spliced.size(),
        }
    }

    /// Reads up to `size` bytes at `offset` into `buffer`: fewer at the end only.
    ///
    /// # Errors
    /// Also when a file is shorter than it was when it was opened.
    pub fn read_at(&self, offset: u64, size: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        let left = self.size().saturating_sub(offset);
        let size = size.min(usize::try_from(left).unwrap_or(usize::MAX));
        buffer.clear();
        match self {
            Body::File { stored, .. } => {
                buffer.resize(size, 0);
                stored.file.read_exact_at(buffer, offset)
            }
            Body::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let bytes = bytes.get(start..).unwrap_or_default();
                buffer.extend_from_slice(bytes.get(..size).unwrap_or(bytes));
                Ok(())
            }
            Body::Spliced(spliced) => spliced
                .read(offset, size, buffer, |kept, offset, size, buffer| {
                    kept.read_at(offset, size, buffer).map(|()| ReadNow::Done)
                })
                .map(drop),
        }
    }

    /// Like [`Self::read_at`], but only if no disk has to be waited for.
    pub fn read_now(&self, offset: u64, size: usize, buffer: &mut Vec<u8>) -> io::Result<ReadNow> {
        let stored = match self {
            Body::File { stored, .. } => stored,
            Body::Memory(_) => {
                return self.read_at(offset, size, buffer).map(|()| ReadNow::Done);
            }
            Body::Spliced(spliced) => return spliced.read(offset, size, buffer, Body::read_now),
        };
        if self.is_remote() {
            return Ok(ReadNow::WouldWait);
        }
        let left = stored.size.saturating_sub(offset);
        let size = size.min(usize::try_from(left).unwrap_or(usize::MAX));
        buffer.clear();
        buffer.resize(size, 0);
        let flags = rustix::io::ReadWriteFlags::NOWAIT;
        let mut buffers = [io::IoSliceMut::new(buffer)];
        match rustix::io::preadv2(&stored.file, &mut buffers, offset, flags) {
            Ok(count) if count == size => Ok(ReadNow::Done),
            // Only part of it is in memory, or the file system cannot tell.
            _ => Ok(ReadNow::WouldWait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn both_kinds_read_alike_and_a_shortened_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let bytes: Vec<u8> = (0..=255).collect();
        fs::write(&path, &bytes).unwrap();
        let file = Body::foreign(File::open(&path).unwrap(), 256, false).unwrap();
        let memory = Body::Memory(bytes.clone().into());
        let mut buffer = Vec::new();
        for (offset, size) in [(0, 256), (0, 1000), (250, 10), (256, 1), (9000, 5), (3, 0)] {
            for body in [&file, &memory] {
                body.read_at(offset, size, &mut buffer).unwrap();
                let start = (offset as usize).min(256);
                assert_eq!(buffer, bytes[start..(start + size).min(256)]);
            }
        }
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(100)
            .unwrap();
        assert!(file.read_at(90, 20, &mut buffer).is_err());
    }
}
