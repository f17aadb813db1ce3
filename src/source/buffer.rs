//! Memory for the bytes of one source.

use std::io::{self, ErrorKind, Read};
use std::ops::Deref;

use memmap2::MmapMut;

use crate::storage::changed;

/// Memory is allocated in multiples of this.
const STEP: usize = 1 << 20;

/// Bytes of a source, in their own memory map: one thread reads a source and another renders it,
/// and an allocator would keep such memory for every thread that ever used any.
#[derive(Debug, Default)]
pub struct SourceBuffer {
    map: Option<MmapMut>,
    len: usize,
}

impl SourceBuffer {
    /// Allocated bytes, used or not.
    pub fn capacity(&self) -> usize {
        self.map.as_ref().map_or(0, |map| map.len())
    }

    /// Stores the `size` bytes of a file: `start`, and the rest from `rest`.
    ///
    /// # Errors
    /// Also if there is no memory for them, or the file has more or fewer.
    pub(super) fn fill(&mut self, start: &[u8], rest: &mut dyn Read, size: u64) -> io::Result<()> {
        self.len = 0;
        let size = usize::try_from(size).map_err(|_| ErrorKind::OutOfMemory)?;
        if self.capacity() < size {
            self.map = None;
            let room = size.checked_next_multiple_of(STEP).unwrap_or(size);
            self.map = Some(MmapMut::map_anon(room)?);
        }
        let bytes = match &mut self.map {
            Some(map) => &mut map[..size],
            None => &mut [],
        };
        let (known, unknown) = bytes
            .split_at_mut_checked(start.len())
            .ok_or_else(changed)?;
        known.copy_from_slice(start);
        rest.read_exact(unknown)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => changed(),
                _ => error,
            })?;
        let is_longer = rest.read(&mut [0])? > 0;
        if is_longer {
            return Err(changed());
        }
        self.len = size;
        Ok(())
    }
}

impl Deref for SourceBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_ref().map_or(&[], |map| &map[..self.len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut buffer = SourceBuffer::default();
        for size in [0, 5, STEP, STEP + 1, 3] {
            let bytes: Vec<u8> = (0..size).map(|at| at as u8).collect();
            fs::write(&path, &bytes).unwrap();
            let open = || File::open(&path).unwrap();
            buffer.fill(&[], &mut open(), size as u64).unwrap();
            assert!(buffer[..] == bytes);
            let mut file = open();
            let mut start = vec![0; size.min(3)];
            file.read_exact(&mut start).unwrap();
            buffer.fill(&start, &mut file, size as u64).unwrap();
            assert!(buffer[..] == bytes);
            for other in [size + 1, size.saturating_sub(1)] {
                let filled = buffer.fill(&[], &mut open(), other as u64);
                assert!(other == size || filled.is_err() && buffer.is_empty());
            }
        }
        assert_eq!(buffer.capacity(), 2 * STEP);
        let mut file = File::open(&path).unwrap();
        assert!(buffer.fill(&[], &mut file, u64::MAX).is_err());
        assert!(buffer.fill(b"longer", &mut file, 3).is_err());
    }
}
