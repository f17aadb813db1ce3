//! TurboJPEG as an encoder of square images.

use std::ffi::c_int;
use std::ptr;

use turbojpeg::raw;

use super::super::RenderError;
use super::super::source::grow;
use super::raw::{Handle, is_no_memory};
use super::types::Pixels;

/// libjpeg's words for an output buffer that is full.
const BUFFER_FULL: &str = "Buffer passed to JPEG library is too small";

/// Room for headers, beside a byte for each pixel.
const HEADER_ROOM: usize = 64 << 10;

/// Encodes images of one size and quality, as three components with 4:2:0.
pub(in crate::render) struct Compressor {
    handle: Handle,
    size: usize,
    /// What both chroma components of gray images are made of. Its rows overlap: each begins one
    /// byte behind the one before, which no reader of constant samples can tell.
    chroma: Vec<u8>,
    /// Room for a JPEG, used over and over. Rarely more than a byte for each pixel is needed: the
    /// largest that is possible has three, which nobody pays for before an image needs them.
    buffer: Vec<u8>,
}

impl Compressor {
    /// For `size` x `size` pixels.
    pub(in crate::render) fn new(size: u32, quality: u8) -> Result<Self, RenderError> {
        let size = size as usize;
        let mut handle = Handle::new(raw::TJINIT_TJINIT_COMPRESS)?;
        handle.set(raw::TJPARAM_TJPARAM_QUALITY, c_int::from(quality))?;
        handle.set(
            raw::TJPARAM_TJPARAM_SUBSAMP,
            raw::TJSAMP_TJSAMP_420 as c_int,
        )?;
        // The buffer is ours: TurboJPEG must neither grow nor free it.
        handle.set(raw::TJPARAM_TJPARAM_NOREALLOC, 1)?;
        let (mut chroma, mut buffer) = (Vec::new(), Vec::new());
        grow(&mut chroma, chroma_len(size))?.fill(128);
        grow(
            &mut buffer,
            size.saturating_mul(size).saturating_add(HEADER_ROOM),
        )?;
        Ok(Self {
            handle,
            size,
            chroma,
            buffer,
        })
    }

    /// Encodes gray pixels as YCbCr with chroma of 128. The size must be even, since the planes of
    /// 4:2:0 are.
    pub(in crate::render) fn gray(&mut self, pixels: &[u8]) -> Result<&[u8], RenderError> {
        let side = self.side()?;
        if !self.size.is_multiple_of(2) || pixels.len() < self.size.saturating_mul(self.size) {
            return Err(wrong_size());
        }
        let (handle, chroma) = (self.handle.as_ptr(), &self.chroma[..chroma_len(self.size)]);
        let planes = [pixels.as_ptr(), chroma.as_ptr(), chroma.as_ptr()];
        // 0 is the plane's width, without gaps.
        let strides: [c_int; 3] = [0, 1, 1];
        self.with_room(|out, len| {
            // SAFETY: the instance is valid, and three planes are what 4:2:0 takes. Of the first,
            // `side` rows of `side` bytes are read, which `pixels` has, as looked at above. Of the
            // others, `side / 2` rows of `side / 2` bytes, one byte apart, which end before
            // `side` bytes do, the length of `chroma`. With NOREALLOC nothing is written beyond
            // `len` bytes of `out`, which `with_room` owns.
            unsafe {
                raw::tj3CompressFromYUVPlanes8(
                    handle,
                    planes.as_ptr(),
                    side,
                    strides.as_ptr(),
                    side,
                    out,
                    len,
                )
            }
        })
    }

    /// Encodes red, green and blue, interleaved.
    pub(in crate::render) fn rgb(&mut self, pixels: &[u8]) -> Result<&[u8], RenderError> {
        let side = self.side()?;
        if pixels.len() / 3 < self.size.saturating_mul(self.size) {
            return Err(wrong_size());
        }
        let (handle, format) = (self.handle.as_ptr(), Pixels::Rgb.format());
        self.with_room(|out, len| {
            // SAFETY: the instance is valid; `pixels` has `side` rows of `side` pixels of three
            // bytes without gaps, as looked at above. With NOREALLOC nothing is written beyond
            // `len` bytes of `out`, which `with_room` owns.
            unsafe { raw::tj3Compress8(handle, pixels.as_ptr(), side, 0, side, format, out, len) }
        })
    }

    fn side(&self) -> Result<c_int, RenderError> {
        c_int::try_from(self.size).map_err(|_| wrong_size())
    }

    /// Calls `compress` with the buffer and its length, and again with twice the room as long as
    /// that is too little.
    fn with_room(
        &mut self,
        compress: impl Fn(*mut *mut u8, *mut raw::size_t) -> c_int,
    ) -> Result<&[u8], RenderError> {
        loop {
            let (mut start, mut len) = (self.buffer.as_mut_ptr(), self.buffer.len() as raw::size_t);
            if compress(ptr::from_mut(&mut start), ptr::from_mut(&mut len)) == 0 {
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                return self.buffer.get(..len).ok_or_else(wrong_size);
            }
            let message = self.handle.message();
            if is_no_memory(&message) {
                return Err(RenderError::NoMemory { bytes: self.size });
            }
            if !message.contains(BUFFER_FULL) {
                return Err(RenderError::Encode(message));
            }
            let more = self.buffer.len().saturating_mul(2);
            grow(&mut self.buffer, more)?;
        }
    }
}

/// Bytes of a plane of `size / 2` rows and columns of which each row begins one byte behind the one
/// before.
fn chroma_len(size: usize) -> usize {
    2 * size.div_ceil(2)
}

fn wrong_size() -> RenderError {
    RenderError::Encode("pixels of another size than the encoder was made for".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 56) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn pixels_of_another_size_are_refused() {
        let mut compressor = Compressor::new(16, 95).unwrap();
        assert!(compressor.gray(&[0; 16 * 16 - 1]).is_err());
        assert!(compressor.rgb(&[0; 16 * 16 * 3 - 1]).is_err());
        assert!(compressor.gray(&[0; 16 * 16]).is_ok());
        assert!(
            Compressor::new(17, 95)
                .unwrap()
                .gray(&[0; 17 * 17])
                .is_err()
        );
    }

    #[test]
    fn a_jpeg_larger_than_the_buffer_is_written_all_the_same() {
        let size = 512;
        let pixels = noise(size * size * 3);
        let mut roomy = Compressor::new(size as u32, 100).unwrap();
        let expected = roomy.rgb(&pixels).unwrap().to_vec();
        assert!(
            expected.len() > size * size + HEADER_ROOM,
            "the test needs more noise"
        );
        let mut narrow = Compressor::new(size as u32, 100).unwrap();
        narrow.buffer.truncate(100);
        assert!(narrow.rgb(&pixels).unwrap() == expected);
        narrow.buffer.truncate(100);
        let gray = narrow.gray(&pixels).unwrap().to_vec();
        assert!(roomy.gray(&pixels).unwrap() == gray);
    }
}
