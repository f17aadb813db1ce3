//! Estimates how much memory rendering needs.

use super::{BYTES_PER_PIXEL, RenderParams};

/// Bytes per output pixel that a worker holds while it encodes a colour image: three channels, and
/// one byte in the encoder's buffer. The finished JPEG is not included.
const BYTES_HELD: f64 = 4.0;

impl RenderParams {
    /// About how many bytes one worker needs for a colour image of this size: `size * size * 4.3`.
    /// Memory that depends on the source (its bytes, its decoded pixels) and memory that is the
    /// same for every output size are not included.
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
