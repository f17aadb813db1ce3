//! Pixels: what is drawn on.

use std::io::Write;

use image::RgbImage;

/// A colour: red, green, blue.
pub type Color = [u8; 3];

/// An RGB picture. What is drawn outside of it is cut off.
pub struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A canvas of one colour.
    pub fn new(width: u32, height: u32, color: Color) -> Self {
        Self {
            width,
            height,
            pixels: color.repeat(width as usize * height as usize),
        }
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, left: u32, top: u32, width: u32, height: u32, color: Color) {
        let right = left.saturating_add(width).min(self.width);
        let bottom = top.saturating_add(height).min(self.height);
        for y in top..bottom {
            if let Some(row) = self.row(left, right, y) {
                row.copy_from_slice(&color.repeat(row.len() / 3));
            }
        }
    }

    /// Puts a picture on it.
    pub fn put(&mut self, left: u32, top: u32, picture: &RgbImage) {
        let right = left.saturating_add(picture.width()).min(self.width);
        let rows = picture.chunks_exact(picture.width() as usize * 3);
        for (y, pixels) in (top..self.height).zip(rows) {
            if let Some(row) = self.row(left, right, y) {
                row.copy_from_slice(&pixels[..row.len()]);
            }
        }
    }

    /// Lets a colour cover a pixel in part: 0 is not at all, 1 is wholly.
    pub fn blend(&mut self, x: i32, y: i32, color: Color, coverage: f32) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
            return;
        };
        let Some(pixel) = self.row(x, x.saturating_add(1).min(self.width), y) else {
            return;
        };
        let coverage = coverage.clamp(0.0, 1.0);
        for (old, new) in pixel.iter_mut().zip(color) {
            let mixed = f32::from(*old) * (1.0 - coverage) + f32::from(new) * coverage;
            *old = mixed.round() as u8;
        }
    }

    /// The samples from `left` up to `right` of a row, if there are any.
    fn row(&mut self, left: u32, right: u32, y: u32) -> Option<&mut [u8]> {
        if left >= right || y >= self.height {
            return None;
        }
        let start = y as usize * self.width as usize;
        self.pixels
            .get_mut((start + left as usize) * 3..(start + right as usize) * 3)
    }

    pub fn write_png(&self, out: &mut dyn Write) -> Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::new(out, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colours_are_mixed_by_coverage() {
        let mut canvas = Canvas::new(2, 1, [0, 100, 200]);
        canvas.blend(1, 0, [100, 100, 100], 0.5);
        canvas.blend(0, 0, [1, 2, 3], 7.0);
        assert_eq!(canvas.pixels, [1, 2, 3, 50, 100, 150]);
    }

    proptest! {
        #[test]
        fn nothing_is_drawn_outside(
            (left, top) in (0u32..30, 0u32..30),
            (width, height) in (1u32..30, 1u32..30),
        ) {
            let picture = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
            let mut put = Canvas::new(20, 10, [0; 3]);
            put.put(left, top, &picture);
            let mut filled = Canvas::new(20, 10, [0; 3]);
            filled.fill(left, top, width, height, [255; 3]);
            prop_assert_eq!(&put.pixels, &filled.pixels);
            let is_in = |at: usize, from: u32, length: u32| (from..from + length).contains(&(at as u32));
            for (at, pixel) in put.pixels.chunks_exact(3).enumerate() {
                let inside = is_in(at % 20, left, width) && is_in(at / 20, top, height);
                prop_assert_eq!(pixel[0] == 255, inside);
            }
        }
    }
}
