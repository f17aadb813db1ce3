//! The output: a baseline JPEG as Pillow's `save(quality=…)` writes it.
//!
//! Three components, 4:2:0, standard Huffman tables, JFIF 1.01 with density 0/1/1, slow integer
//! DCT, no restart markers: all defaults of libjpeg, which both Pillow and TurboJPEG leave alone.
//! A gray image has constant chroma of 128, which is what libjpeg makes of R = G = B.

use std::ffi::c_int;

use turbojpeg::raw as tj;

use super::jpeg::raw::Handle;
use super::source::Channels;
use super::{RenderError, RenderParams};

/// Encodes images of one size and quality.
pub(super) struct Encoder {
    handle: Handle,
    size: usize,
    /// One plane of 128, for both chroma components of gray images.
    chroma: Vec<u8>,
    /// Room for the largest JPEG, used over and over.
    buffer: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(params: RenderParams) -> Result<Self, RenderError> {
        let mut handle = Handle::encoder()?;
        handle.set(tj::TJPARAM_TJPARAM_QUALITY, c_int::from(params.quality))?;
        handle.set(tj::TJPARAM_TJPARAM_SUBSAMP, tj::TJSAMP_TJSAMP_420 as c_int)?;
        let size = params.size as usize;
        let most = Handle::most_encoded(params.size as c_int);
        Ok(Self {
            handle,
            size,
            chroma: vec![128; size.div_ceil(2) * size.div_ceil(2)],
            buffer: vec![0; most],
        })
    }

    /// Encodes `size` x `size` pixels, channels interleaved.
    pub(super) fn encode(
        &mut self,
        pixels: &[u8],
        channels: Channels,
    ) -> Result<Vec<u8>, RenderError> {
        let Self {
            handle,
            size,
            chroma,
            buffer,
        } = self;
        let jpeg = match channels {
            Channels::Gray if size.is_multiple_of(2) => {
                handle.encode(pixels, Some(chroma), *size, buffer)
            }
            // TurboJPEG wants planes of even sizes: the rare odd image takes the long way.
            Channels::Gray => {
                let rgb: Vec<u8> = pixels.iter().flat_map(|sample| [*sample; 3]).collect();
                handle.encode(&rgb, None, *size, buffer)
            }
            Channels::Rgb => handle.encode(pixels, None, *size, buffer),
        };
        jpeg.map(<[u8]>::to_vec).map_err(RenderError::Encode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gray_is_what_rgb_of_equal_channels_gives() {
        for size in [16, 17, 40, 1024] {
            let mut encoder = Encoder::new(RenderParams { size, quality: 95 }).unwrap();
            let gray: Vec<u8> = (0..size * size)
                .map(|at| ((at % size * 3) ^ (at / size * 7)) as u8)
                .collect();
            let rgb: Vec<u8> = gray.iter().flat_map(|sample| [*sample; 3]).collect();
            let from_gray = encoder.encode(&gray, Channels::Gray).unwrap();
            assert!(
                from_gray == encoder.encode(&rgb, Channels::Rgb).unwrap(),
                "size {size}"
            );
            assert_eq!(
                from_gray[..20],
                *b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
            );
        }
    }
}
