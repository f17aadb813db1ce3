//! Writing one file of the cache, with its checksum.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::Xxh3;

use super::record_db::FileRecord;
use crate::store::tier::{Maker, PutError};

/// Writes a file and computes its checksum on the way.
pub(super) fn write_summed(
    file: &mut File,
    offered: &AtomicU64,
    write: &mut Maker<'_>,
) -> Result<FileRecord, PutError> {
    let mut out = Summed {
        out: file,
        size: 0,
        sum: Xxh3::new(),
        offered,
        failed: None,
    };
    // An image arrives in one piece and passes through; an index arrives in many small ones.
    let mut buffered = BufWriter::with_capacity(256 << 10, &mut out);
    let written = write(&mut buffered).and_then(|()| buffered.flush());
    // The rest of the buffer of a failed file is not written.
    drop(buffered.into_parts());
    written.map_err(|error| match out.failed {
        Some(code) => PutError::Refused(io::Error::from_raw_os_error(code)),
        None => PutError::Maker(error),
    })?;
    Ok(FileRecord {
        size: out.size,
        sum: out.sum.digest(),
        is_damaged: false,
        group: None,
    })
}

struct Summed<'a> {
    out: &'a mut File,
    size: u64,
    sum: Xxh3,
    /// Bytes of the file that were offered so far, written or not.
    offered: &'a AtomicU64,
    /// The error of the disk, if it failed.
    failed: Option<i32>,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let offered = self.size + bytes.len() as u64;
        self.offered.store(offered, Ordering::Relaxed);
        let written = self.out.write(bytes);
        if let Err(error) = &written {
            self.failed = error.raw_os_error();
        }
        let count = written?;
        self.sum.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
