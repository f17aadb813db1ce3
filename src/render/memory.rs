//! How much memory rendering takes.

use super::{BYTES_PER_PIXEL, RenderParams};

/// Bytes of each pixel of the output that a worker holds while it encodes a colour image: its three
/// channels, and a byte in the encoder's buffer. The finished JPEG comes on top.
const BYTES_HELD: f64 = 4.0;

impl RenderParams {
    /// About how many bytes one worker needs for a colour image of this size: `size * size * 4.3`.
    /// What depends on the source (its bytes, its decoded pixels) is not in it, nor is what is the same
    /// for every size.
    pub fn memory(self) -> u64 {
        let side = f64::from(self.size);
        (side * side * (BYTES_HELD + BYTES_PER_PIXEL)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_with_the_square_of_the_side() {
        let memory = |size| RenderParams { size, quality: 95 }.memory();
        assert_eq!(memory(1024) >> 20, 4);
        assert_eq!(memory(65_500) >> 30, 17);
        assert!(memory(u32::MAX) > memory(65_500));
    }
}
