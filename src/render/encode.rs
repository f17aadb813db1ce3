//! The output: a baseline JPEG, identical to what Pillow's `save(quality=…)` writes.
//!
//! Three components, 4:2:0, standard Huffman tables, JFIF 1.01 with density 0/1/1, slow integer
//! DCT, no restart markers: all are libjpeg's defaults, which neither Pillow nor TurboJPEG changes.
//! A gray image has constant chroma of 128, which is also what libjpeg computes for R = G = B.

use super::jpeg::compressor::Compressor;
use super::source::{Channels, reserve};
use super::{RenderError, RenderParams};

/// Encodes images of one size and quality.
pub(super) struct Encoder {
    compressor: Compressor,
    size: u32,
}

impl Encoder {
    pub(super) fn new(params: RenderParams) -> Result<Self, RenderError> {
        Ok(Self {
            compressor: Compressor::new(params.size, params.quality)?,
            size: params.size,
        })
    }

    /// Encodes `size` x `size` pixels with interleaved channels.
    pub(super) fn encode(
        &mut self,
        pixels: &[u8],
        channels: Channels,
    ) -> Result<Vec<u8>, RenderError> {
        let jpeg = match channels {
            Channels::Gray if self.size.is_multiple_of(2) => self.compressor.gray(pixels)?,
            // TurboJPEG needs planes of even size, so the rare odd image is encoded as RGB.
            Channels::Gray => {
                let mut rgb = Vec::new();
                reserve(&mut rgb, pixels.len().saturating_mul(3))?;
                rgb.extend(pixels.iter().flat_map(|sample| [*sample; 3]));
                self.compressor.rgb(&rgb)?
            }
            Channels::Rgb => self.compressor.rgb(pixels)?,
        };
        let mut finished = Vec::new();
        reserve(&mut finished, jpeg.len())?;
        finished.extend_from_slice(jpeg);
        Ok(finished)
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
