//! Encodes square images with TurboJPEG.

use std::ffi::c_int;
use std::ptr;

use turbojpeg::raw;

use super::super::RenderError;
use super::super::source::grow;
use super::raw::{Handle, is_no_memory};
use super::types::Pixels;

/// libjpeg's message if the output buffer is full.
const BUFFER_FULL: &str = "Buffer passed to JPEG library is too small";

/// Room for headers, in addition to a byte per pixel.
const HEADER_ROOM: usize = 64 << 10;

/// Encodes images of one size and quality, as three components with 4:2:0.
pub(in crate::render) struct Compressor {
    handle: Handle,
    size: usize,
    /// Both chroma planes of gray images. Their rows overlap: each begins one byte after the
    /// previous one, which makes no difference for constant samples.
    chroma: Vec<u8>,
    /// Output buffer, reused for every image. An image rarely needs more than a byte per pixel. The
    /// largest possible one needs three, so the buffer grows only when an image needs it.
    buffer: Vec<u8>,
}

impl Compressor {
    /// Creates a compressor for `size` x `size` pixels.
    pub(in crate::render) fn new(size: u32, quality: u8) -> Result<Self, RenderError> {
        let size = size as usize;
        let mut handle = Handle::new(raw::TJINIT_TJINIT_COMPRESS)?;
        handle.set(raw::TJPARAM_TJPARAM_QUALITY, c_int::from(quality))?;
        handle.set(
            raw::TJPARAM_TJPARAM_SUBSAMP,
            raw::TJSAMP_TJSAMP_420 as c_int,
        )?;
        // The buffer belongs to this struct: TurboJPEG must neither grow nor free it.
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

    /// Encodes gray pixels as YCbCr with chroma of 128. The size must be even, as for all planes of
    /// 4:2:0.
    pub(in crate::render) fn gray(&mut self, pixels: &[u8]) -> Result<&[u8], RenderError> {
        let side = self.side()?;
        if !self.size.is_multiple_of(2) || pixels.len() < self.size.saturating_mul(self.size) {
            return Err(wrong_size());
        }
        let (handle, chroma) = (self.handle.as_ptr(), &self.chroma[..chroma_len(self.size)]);
        let planes = [pixels.as_ptr(), chroma.as_ptr(), chroma.as_ptr()];
        // 0 means the plane's width, without gaps.
        let strides: [c_int; 3] = [0, 1, 1];
        self.with_room(|out, len| {
            // SAFETY: the instance is valid, and 4:2:0 takes three planes. C reads `side` rows of
            // `side` bytes from the first plane; the check above ensures that `pixels` has them.
            // From each of the others it reads `side / 2` rows of `side / 2` bytes, one byte apart,
            // which end before `side` bytes, the length of `chroma`. With NOREALLOC, C writes at
            // most `len` bytes to `out`, which `with_room` owns.
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

    /// Encodes interleaved red, green and blue.
    pub(in crate::render) fn rgb(&mut self, pixels: &[u8]) -> Result<&[u8], RenderError> {
        let side = self.side()?;
        if pixels.len() / 3 < self.size.saturating_mul(self.size) {
            return Err(wrong_size());
        }
        let (handle, format) = (self.handle.as_ptr(), Pixels::Rgb.format());
        self.with_room(|out, len| {
            // SAFETY: the instance is valid; the check above ensures that `pixels` has `side` rows
            // of `side` pixels of three bytes without gaps. With NOREALLOC, C writes at most `len`
            // bytes to `out`, which `with_room` owns.
            unsafe { raw::tj3Compress8(handle, pixels.as_ptr(), side, 0, side, format, out, len) }
        })
    }

    fn side(&self) -> Result<c_int, RenderError> {
        c_int::try_from(self.size).map_err(|_| wrong_size())
    }

    /// Calls `compress` with the buffer and its length, and repeats with twice the room while the
    /// buffer is too small.
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

/// Length in bytes of a plane of `size / 2` rows and columns in which each row begins one byte
/// after the previous one.
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
