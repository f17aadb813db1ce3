//! Converts the bytes of a row to 8-bit samples like Pillow's `convert("RGB")`: small depths are
//! stretched to the full range, 16-bit samples keep their high byte, alpha is dropped, and palette
//! colours are looked up.

use super::super::source::Channels;
use super::container::{Color, Container};

/// How to read the samples of one image.
pub(super) struct Samples {
    color: Color,
    bits: u8,
    channels: Channels,
    palette: [[u8; 3]; 256],
}

impl Samples {
    pub(super) fn new(container: &Container<'_>) -> Self {
        // Pillow's palette starts as a gray ramp, which remains for entries missing in PLTE.
        let mut palette: [[u8; 3]; 256] = std::array::from_fn(|index| [index as u8; 3]);
        for (entry, color) in palette.iter_mut().zip(container.palette.chunks_exact(3)) {
            entry.copy_from_slice(color);
        }
        let is_gray = palette
            .iter()
            .all(|[red, green, blue]| red == green && green == blue);
        let channels = match container.color {
            Color::Gray | Color::GrayAlpha => Channels::Gray,
            Color::Palette if is_gray => Channels::Gray,
            Color::Rgb | Color::RgbAlpha | Color::Palette => Channels::Rgb,
        };
        Self {
            color: container.color,
            bits: container.bits,
            channels,
            palette,
        }
    }

    pub(super) fn channels(&self) -> Channels {
        self.channels
    }

    /// Converts the pixels `left..left + width` of a row; `line` is scratch memory.
    pub(super) fn to_8_bits<'a>(
        &self,
        row: &'a [u8],
        left: usize,
        width: usize,
        line: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        let bytes = usize::from(self.bits / 8);
        let pixel = bytes * self.color.samples();
        let part = || &row[left * pixel..][..width * pixel];
        line.clear();
        match (self.color, self.bits) {
            (Color::Gray | Color::Rgb, 8) => return part(),
            (Color::Gray | Color::Rgb, 16) => line.extend(part().iter().step_by(2)),
            (Color::GrayAlpha, _) if bytes > 0 => line.extend(part().iter().step_by(pixel)),
            (Color::RgbAlpha, _) if bytes > 0 => {
                for pixel in part().chunks_exact(pixel) {
                    line.extend([pixel[0], pixel[bytes], pixel[2 * bytes]]);
                }
            }
            (Color::Palette, _) => {
                let colors = self
                    .small(row, left, width)
                    .map(|index| self.palette[index]);
                match self.channels {
                    Channels::Gray => line.extend(colors.map(|[gray, ..]| gray)),
                    Channels::Rgb => line.extend(colors.flatten()),
                }
            }
            _ => {
                let highest = (1 << self.bits) - 1;
                line.extend(
                    self.small(row, left, width)
                        .map(|value| (value * 255 / highest) as u8),
                );
            }
        }
        line
    }

    /// Samples of 1, 2, 4 or 8 bits, the first in the highest bits of a byte.
    fn small(&self, row: &[u8], left: usize, width: usize) -> impl Iterator<Item = usize> {
        let bits = usize::from(self.bits.min(8));
        let mask = (1usize << bits) - 1;
        (left..left + width).map(move |x| {
            let bit = x * bits;
            usize::from(row[bit / 8]) >> (8 - bits - bit % 8) & mask
        })
    }
}
