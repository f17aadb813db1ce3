//! From the bytes of a source image to the bytes of the finished JPEG. No paths, no config, no
//! locks.
//!
//! ```text
//! bytes ─► decode (jpeg, png, dicom) ─rows─► resize + centre crop ─► encode ─► bytes
//! ```

mod error;
mod source;

pub use error::RenderError;

/// Raised by every change that may change an output byte: it is part of every content key.
pub const RENDERER_VERSION: u32 = 1;

/// Largest source image in pixels (512 megapixels): more is refused before anything is allocated.
pub const MAX_PIXELS: u64 = 512 << 20;

/// What the output looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RenderParams {
    /// Side of the square output in pixels.
    pub size: u32,
    /// libjpeg's quality, 1 to 100.
    pub quality: u8,
}

impl Default for RenderParams {
    fn default() -> Self {
        Self {
            size: 1024,
            quality: 95,
        }
    }
}

/// Renders one image after another, keeping its scratch memory in between. One for each thread.
pub struct Renderer {
    params: RenderParams,
}

impl Renderer {
    pub fn new(params: RenderParams) -> Self {
        Self { params }
    }

    /// Renders one source image (PNG, JPEG or DICOM, told by its first bytes).
    pub fn render(&mut self, _source: &[u8]) -> Result<Vec<u8>, RenderError> {
        todo!("{:?}", self.params)
    }
}
