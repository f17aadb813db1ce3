//! The bytes of a finished file, wherever they are.

use std::any::Any;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Mutex, OnceLock};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::order::Order;
use crate::store::ContentKey;
use crate::sync::held;

/// Bytes that can be read for as long as this is kept.
#[derive(Debug, Clone)]
pub enum Body {
    File {
        stored: Arc<StoredFile>,
        /// Keeps a file of the cache from being evicted.
        pin: Option<Arc<Pin>>,
    },
    Memory(Arc<[u8]>),
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

impl Body {
    /// A file that is not the cache's; `None` unless it has `size` bytes.
    pub fn foreign(file: File, size: u64) -> Option<Self> {
        Self::again(Arc::new(StoredFile::new(file, size)), size)
    }

    /// The same of a file that is open already.
    pub fn again(stored: Arc<StoredFile>, size: u64) -> Option<Self> {
        let metadata = stored.file.metadata().ok()?;
        (metadata.is_file() && metadata.len() == size).then_some(Body::File { stored, pin: None })
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        match self {
            Body::File { stored, .. } => stored.size,
            Body::Memory(bytes) => bytes.len() as u64,
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
    /// Like [`Self::read_at`], but only if no disk has to be waited for.
    pub fn read_now(&self, offset: u64, size: usize, buffer: &mut Vec<u8>) -> io::Result<ReadNow> {
        let Body::File { stored, .. } = self else {
            return self.read_at(offset, size, buffer).map(|()| ReadNow::Done);
        };
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

/// What changes with every change of a file, in one number. The change time cannot be set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    pub fn of(metadata: &Metadata) -> Self {
        let numbers = [
            metadata.dev().cast_signed(),
            metadata.ino().cast_signed(),
            metadata.size().cast_signed(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        ];
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        Self(xxh3_64(&bytes))
    }
}

/// XXH3-64 of a file, read from its beginning.
pub(super) fn checksum(file: &File) -> io::Result<u64> {
    let mut sum = Xxh3::new();
    let mut buffer = vec![0; 256 << 10];
    let mut offset = 0;
    loop {
        match file.read_at(&mut buffer, offset) {
            Ok(0) => return Ok(sum.digest()),
            Ok(count) => {
                sum.update(&buffer[..count]);
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Keeps a file from being evicted.
#[derive(Debug)]
pub struct Pin {
    order: Arc<Mutex<Order>>,
    key: ContentKey,
}

impl Pin {
    pub(super) fn new(order: &Arc<Mutex<Order>>, key: ContentKey) -> Self {
        held(order).pin(key);
        Self {
            order: Arc::clone(order),
            key,
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        held(&self.order).unpin(self.key);
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
        let file = Body::foreign(File::open(&path).unwrap(), 256).unwrap();
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
