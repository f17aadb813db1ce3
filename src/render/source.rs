//! What every decoder offers the rest of the renderer: its size, and its rows from top to bottom.

use super::RenderError;

/// Samples a pixel, as they go on to the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    /// One luminance sample.
    Gray,
    /// Red, green, blue, interleaved.
    Rgb,
}

impl Channels {
    pub(super) fn count(self) -> usize {
        match self {
            Channels::Gray => 1,
            Channels::Rgb => 3,
        }
    }
}

/// The part of a source image from which the output follows, in source pixels. The rest of the
/// image is dropped by the centre crop and need not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// A source image whose header has been read and checked (its size is within
/// [`super::MAX_PIXELS`]), and nothing of whose size has been allocated yet.
pub(super) trait SourceImage {
    fn width(&self) -> usize;
    fn height(&self) -> usize;
    fn channels(&self) -> Channels;

    /// Decodes the rows of `window`, top to bottom, and hands each to `sink`: 8 bits a sample,
    /// `window.width * channels` samples. Calls `sink` exactly `window.height` times on success.
    /// `scratch` is memory that may be used for anything and keeps its capacity between images.
    fn decode_rows(
        &mut self,
        window: Window,
        scratch: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), RenderError>;
}
