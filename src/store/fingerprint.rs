//! Detecting changes of a file.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// A number that changes with every change of a file, since the change time cannot be set back.
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

/// XXH3-64 of a whole file.
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

/// The same for a file of `size` bytes that the kernel has in memory.
///
/// # Errors
/// When it would have to wait for a disk.
pub(super) fn checksum_at_once(file: &File, size: u64) -> io::Result<u64> {
    let would_wait = || io::Error::from(io::ErrorKind::WouldBlock);
    let mut bytes = vec![0; usize::try_from(size).map_err(|_| would_wait())?];
    let mut buffers = [io::IoSliceMut::new(&mut bytes)];
    let flags = rustix::io::ReadWriteFlags::NOWAIT;
    let read = rustix::io::preadv2(file, &mut buffers, 0, flags)?;
    if read as u64 == size {
        Ok(xxh3_64(&bytes))
    } else {
        Err(would_wait())
    }
}
