//! The bytes of a finished file, wherever they are stored.

use std::fmt;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::spliced::Spliced;
use super::stored_file::StoredFile;
use crate::store::ContentKey;

/// Protects something from removal for as long as it lives.
pub trait Hold: fmt::Debug + Send + Sync {}

/// Bytes that stay readable for as long as this is kept.
#[derive(Debug, Clone)]
pub enum Body {
    File {
        stored: Arc<StoredFile>,
        /// Protects a file of the cache from eviction.
        hold: Option<Arc<dyn Hold>>,
    },
    Memory(Arc<[u8]>),
    /// A file with bytes inserted into it.
    Spliced(Arc<Spliced>),
}

/// Result of a read that must not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadNow {
    /// The buffer holds all of it.
    Done,
    /// The read would have to wait for a disk.
    WouldWait,
}

impl Body {
    /// A file of the materialized tree; `None` unless it still has `size` bytes.
    pub fn of_tree(stored: Arc<StoredFile>, size: u64) -> Option<Self> {
        let metadata = stored.open_at_once().ok()?.metadata().ok()?;
        (metadata.is_file() && metadata.len() == size).then_some(Body::File { stored, hold: None })
    }

    /// Whether a read may have to wait for another machine.
    pub fn is_remote(&self) -> bool {
        match self {
            Body::File { stored, .. } => stored.is_remote(),
            Body::Memory(_) => false,
            Body::Spliced(spliced) => spliced.kept().is_remote(),
        }
    }

    /// The content key of a file; `None` for bytes in memory.
    pub fn key(&self) -> Option<ContentKey> {
        match self {
            Body::File { stored, .. } => Some(stored.key),
            Body::Memory(_) => None,
            Body::Spliced(spliced) => spliced.kept().key(),
        }
    }

    /// The cache file that the bytes are read from, if any.
    pub(super) fn cache_file(&self) -> Option<&StoredFile> {
        match self {
            Body::File {
                stored,
                hold: Some(_),
            } => Some(stored),
            Body::Spliced(spliced) => spliced.kept().cache_file(),
            _ => None,
        }
    }

    /// Whether it is a file of the materialized tree.
    pub fn is_of_tree(&self) -> bool {
        matches!(self, Body::File { hold: None, .. })
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        match self {
            Body::File { stored, .. } => stored.size,
            Body::Memory(bytes) => bytes.len() as u64,
            Body::Spliced(spliced) => spliced.size(),
        }
    }

    /// Reads up to `size` bytes at `offset` into `buffer`; fewer only at the end.
    ///
    /// # Errors
    /// Also when the file has become shorter since it was opened.
    pub fn read_at(&self, offset: u64, size: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        let left = self.size().saturating_sub(offset);
        let size = size.min(usize::try_from(left).unwrap_or(usize::MAX));
        buffer.clear();
        match self {
            Body::File { stored, .. } => {
                buffer.resize(size, 0);
                stored.open()?.read_exact_at(buffer, offset)
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

    /// Like [`Self::read_at`], but only if the file is open and no disk access is needed.
    pub fn read_now(&self, offset: u64, size: usize, buffer: &mut Vec<u8>) -> io::Result<ReadNow> {
        let stored = match self {
            Body::File { stored, .. } => stored,
            Body::Memory(_) => {
                return self.read_at(offset, size, buffer).map(|()| ReadNow::Done);
            }
            Body::Spliced(spliced) => return spliced.read(offset, size, buffer, Body::read_now),
        };
        let file = match stored.opened() {
            Some(file) if !stored.is_remote() => file,
            _ => return Ok(ReadNow::WouldWait),
        };
        let left = stored.size.saturating_sub(offset);
        let size = size.min(usize::try_from(left).unwrap_or(usize::MAX));
        buffer.clear();
        buffer.resize(size, 0);
        let flags = rustix::io::ReadWriteFlags::NOWAIT;
        let mut buffers = [io::IoSliceMut::new(buffer)];
        match rustix::io::preadv2(&*file, &mut buffers, offset, flags) {
            Ok(count) if count == size => Ok(ReadNow::Done),
            // Only part of it is in memory, or the file system cannot tell.
            _ => Ok(ReadNow::WouldWait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OpenFiles;
    use std::fs;

    #[test]
    fn both_kinds_read_alike_and_a_shortened_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let bytes: Vec<u8> = (0..=255).collect();
        fs::write(&path, &bytes).unwrap();
        let recent = OpenFiles::new(false);
        let key = ContentKey::from_bytes([1; 16]);
        let stored = recent.open(key, path.clone(), 256, false).unwrap();
        let file = Body::of_tree(stored, 256).unwrap();
        assert!(recent.open(key, path.clone(), 255, false).is_err());
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
