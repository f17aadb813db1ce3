//! Reusable memory for the bytes of sources.

use parking_lot::Mutex;

use crate::source::SourceBuffer;

/// Sources below this size share buffers.
const SMALL: u64 = 1 << 20;

/// Buffers that are not in use.
#[derive(Debug)]
pub struct Buffers {
    empty: Mutex<Empty>,
    /// Maximum number of bytes to keep.
    most: usize,
}

#[derive(Debug, Default)]
struct Empty {
    buffers: Vec<SourceBuffer>,
    bytes: usize,
}

impl Buffers {
    pub fn new(most: usize) -> Self {
        Self {
            empty: Mutex::default(),
            most,
        }
    }

    /// Returns a buffer for `size` bytes: a used one that is not several times as large, or an
    /// empty one.
    pub fn take(&self, size: u64) -> SourceBuffer {
        let mut empty = self.empty.lock();
        let fits = |buffer: &SourceBuffer| {
            let capacity = buffer.capacity() as u64;
            capacity >= size && capacity / 4 <= size.max(SMALL)
        };
        match empty.buffers.iter().rposition(fits) {
            Some(at) => {
                let buffer = empty.buffers.swap_remove(at);
                empty.bytes -= buffer.capacity();
                buffer
            }
            None => SourceBuffer::default(),
        }
    }

    /// Takes a buffer back, and drops those unused for longest if there are too many.
    pub fn give(&self, buffer: SourceBuffer) {
        let mut empty = self.empty.lock();
        empty.bytes += buffer.capacity();
        empty.buffers.push(buffer);
        while empty.bytes > self.most && !empty.buffers.is_empty() {
            let old = empty.buffers.remove(0);
            empty.bytes -= old.capacity();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_kept_up_to_a_number_of_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, b"\xff\xd8\xff\xe0\0").unwrap();
        let filled = || {
            let (storage, mut buffer) = (crate::storage::Folder, SourceBuffer::default());
            crate::source::read_source(&storage, &path, &mut buffer).unwrap();
            buffer
        };
        let size = filled().capacity();
        let buffers = Buffers::new(2 * size);
        for _ in 0..3 {
            buffers.give(filled());
        }
        assert_eq!(buffers.empty.lock().bytes, 2 * size);
        assert_eq!(buffers.take(size as u64 + 1).capacity(), 0, "too small");
        let capacities = [(); 3].map(|()| buffers.take(5).capacity());
        assert_eq!(capacities, [size, size, 0]);
        assert_eq!(buffers.empty.lock().bytes, 0);
    }
}
