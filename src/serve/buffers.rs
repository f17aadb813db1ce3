//! Memory for the bytes of sources, used again from image to image.

use std::sync::Mutex;

use crate::sync::held;

/// Empty buffers. They are filled by one thread and emptied by another: were each freed, the allocator
/// would keep its memory for every thread that ever had one.
#[derive(Debug)]
pub(super) struct Buffers {
    empty: Mutex<Empty>,
    /// Bytes that are kept.
    most: usize,
}

#[derive(Debug, Default)]
struct Empty {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Buffers {
    pub(super) fn new(most: usize) -> Self {
        Self {
            empty: Mutex::default(),
            most,
        }
    }

    pub(super) fn take(&self) -> Vec<u8> {
        let mut empty = held(&self.empty);
        let buffer = empty.buffers.pop().unwrap_or_default();
        empty.bytes -= buffer.capacity();
        buffer
    }

    pub(super) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut empty = held(&self.empty);
        if empty.bytes.saturating_add(buffer.capacity()) <= self.most {
            empty.bytes += buffer.capacity();
            empty.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_kept_up_to_a_number_of_bytes() {
        let buffers = Buffers::new(300);
        buffers.give(vec![1; 100]);
        buffers.give(vec![2; 200]);
        buffers.give(vec![3; 1]);
        assert_eq!(held(&buffers.empty).bytes, 300);
        assert_eq!(buffers.take().capacity(), 200);
        assert_eq!(buffers.take().capacity(), 100);
        assert_eq!(buffers.take().capacity(), 0);
        buffers.give(Vec::with_capacity(301));
        assert_eq!(buffers.take().capacity(), 0);
    }
}
