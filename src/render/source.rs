//! The interface of every decoder: the size of an image, and its rows from top to bottom.

use super::{MAX_PIXELS, MAX_SIDE, Notes, RenderError};

/// Samples per pixel, as the decoder passes them on.
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

/// The part of a source image that the output depends on, in source pixels. The centre crop drops
/// the rest, which need not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// A source image whose header has been read and checked (its size is within
/// [`super::MAX_PIXELS`]). No memory that depends on its size has been allocated yet.
pub(super) trait SourceImage {
    fn width(&self) -> usize;
    fn height(&self) -> usize;
    fn channels(&self) -> Channels;

    /// Decodes the rows of `window`, top to bottom, and passes each to `sink`: 8 bits per sample,
    /// `window.width * channels` samples. On success, it has called `sink` exactly
    /// `window.height` times and returns notes about the source. `scratch` may be used for anything
    /// and keeps its capacity between images.
    fn decode_rows(
        &mut self,
        window: Window,
        scratch: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Notes, RenderError>;
}

/// Refuses sizes that no radiograph has, before anything is allocated.
pub(super) fn check_size(width: u64, height: u64) -> Result<(), RenderError> {
    match width.checked_mul(height) {
        Some(0) => Err(RenderError::NoPixels { width, height }),
        Some(pixels) if pixels <= MAX_PIXELS && width.max(height) <= MAX_SIDE => Ok(()),
        _ => Err(RenderError::TooLarge { width, height }),
    }
}

/// The first `len` elements of `scratch`, which grows if necessary. Old contents remain.
pub(super) fn grow<T: Copy + Default>(
    scratch: &mut Vec<T>,
    len: usize,
) -> Result<&mut [T], RenderError> {
    if scratch.len() < len {
        let more = len - scratch.len();
        reserve(scratch, more)?;
        scratch.resize(len, T::default());
    }
    Ok(&mut scratch[..len])
}

/// `len` zeros.
pub(super) fn zeros<T: Copy + Default>(len: usize) -> Result<Vec<T>, RenderError> {
    let mut zeros = Vec::new();
    grow(&mut zeros, len)?;
    Ok(zeros)
}

/// Makes room for `more` elements. Use this before every allocation whose size depends on a config
/// or a source: `Vec` aborts the process if memory runs out.
pub(super) fn reserve<T>(vec: &mut Vec<T>, more: usize) -> Result<(), RenderError> {
    vec.try_reserve_exact(more)
        .map_err(|_| no_memory(more.saturating_mul(size_of::<T>())))
}

/// Tests whether `bytes` bytes of memory are available now, for libraries that abort the process if
/// memory runs out. This costs at most two system calls: the memory is not touched.
pub(super) fn probe(bytes: usize) -> Result<(), RenderError> {
    reserve(&mut Vec::<u8>::new(), bytes)
}

fn no_memory(bytes: usize) -> RenderError {
    RenderError::NoMemory { bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_limited() {
        assert!(check_size(32_768, 16_384).is_ok());
        assert!(check_size(1, (1 << 20) + 1).is_err());
        assert!(check_size(u64::MAX, 2).is_err());
        assert!(check_size(32_768, 16_385).is_err());
        assert!(check_size(0, 7).is_err());
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let too_much = isize::MAX as usize / 2;
        let expected = Err(RenderError::NoMemory { bytes: too_much });
        assert_eq!(zeros::<u8>(too_much).map(drop), expected);
        assert_eq!(probe(too_much), expected);
        assert!(zeros::<u16>(usize::MAX).is_err());
        assert_eq!(zeros::<u16>(3), Ok(vec![0; 3]));
    }
}
