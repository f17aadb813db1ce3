//! Memory for the bytes of sources, used again from image to image.

use std::sync::Mutex;

use crate::source::SourceBuffer;
use crate::sync::held;

/// Buffers that are not in use.
#[derive(Debug)]
pub(super) struct Buffers {
    empty: Mutex<Empty>,
    /// Bytes that are kept.
    most: usize,
}

#[derive(Debug, Default)]
struct Empty {
    buffers: Vec<SourceBuffer>,
    bytes: usize,
}

impl Buffers {
    pub(super) fn new(most: usize) -> Self {
        Self {
            empty: Mutex::default(),
            most,
        }
    }

    pub(super) fn take(&self) -> SourceBuffer {
        let mut empty = held(&self.empty);
        let buffer = empty.buffers.pop().unwrap_or_default();
        empty.bytes -= buffer.capacity();
        buffer
    }

    pub(super) fn give(&self, buffer: SourceBuffer) {
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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "12345").unwrap();
        let filled = || {
            let params = crate::render::RenderParams::default();
            let fetched =
                crate::source::fetch(path.clone(), params, SourceBuffer::default(), |_| ());
            fetched.unwrap().0.bytes
        };
        let size = filled().capacity();
        let buffers = Buffers::new(2 * size);
        for _ in 0..3 {
            buffers.give(filled());
        }
        assert_eq!(held(&buffers.empty).bytes, 2 * size);
        let capacities = [(); 3].map(|()| buffers.take().capacity());
        assert_eq!(capacities, [size, size, 0]);
        assert_eq!(held(&buffers.empty).bytes, 0);
    }
}
