//! Memory for the bytes of sources, used again from image to image.

use std::sync::Mutex;

use crate::sync::held;

/// Buffers above this size are given back after use.
const KEEP_CAPACITY: usize = 64 << 20;

/// Empty buffers.
#[derive(Debug)]
pub(super) struct Buffers {
    empty: Mutex<Vec<Vec<u8>>>,
    /// How many are kept.
    most: usize,
}

impl Buffers {
    pub(super) fn new(most: usize) -> Self {
        Self {
            empty: Mutex::default(),
            most,
        }
    }

    pub(super) fn take(&self) -> Vec<u8> {
        held(&self.empty).pop().unwrap_or_default()
    }

    pub(super) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut empty = held(&self.empty);
        if buffer.capacity() <= KEEP_CAPACITY && empty.len() < self.most {
            empty.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_buffers_of_usual_size_are_kept() {
        let buffers = Buffers::new(1);
        buffers.give(vec![1; 100]);
        buffers.give(vec![2; 200]);
        assert_eq!(buffers.take().capacity(), 100);
        assert_eq!(buffers.take().capacity(), 0);
        buffers.give(Vec::with_capacity(KEEP_CAPACITY + 1));
        assert_eq!(buffers.take().capacity(), 0);
    }
}
