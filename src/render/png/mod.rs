//! PNG sources.
//!
//! This module reads the container, as leniently as Pillow does with `LOAD_TRUNCATED_IMAGES`. The
//! `png` crate inflates and unfilters, and [`samples`] interprets the samples. Decoding stops after
//! the last row that the crop needs.

mod container;
mod header;
mod lines;
mod repair;
mod rows;
mod samples;

use super::source::{Channels, SourceImage, Window, grow, probe, zeros};
use super::{Damage, Description, Notes, RenderError};
use container::Container;
use lines::Lines;
use samples::Samples;

/// A generous estimate of how many rows the `png` crate holds at a time.
const ROWS_HELD: usize = 8;

/// Reads the container of a PNG.
pub(super) fn open<'a>(source: &'a [u8]) -> Result<Box<dyn SourceImage + 'a>, RenderError> {
    let container = Container::read(source)?;
    Ok(Box::new(PngImage {
        samples: Samples::new(&container),
        container,
    }))
}

/// Size and depth of a PNG.
pub(super) fn describe(source: &[u8]) -> Result<Description, RenderError> {
    let container = Container::read(source)?;
    Ok(Description {
        format: "PNG".to_owned(),
        width: container.width,
        height: container.height,
        bits: u32::from(container.bits),
    })
}

struct PngImage<'a> {
    container: Container<'a>,
    samples: Samples,
}

impl SourceImage for PngImage<'_> {
    fn width(&self) -> usize {
        self.container.width
    }

    fn height(&self) -> usize {
        self.container.height
    }

    fn channels(&self) -> Channels {
        self.samples.channels()
    }

    fn decode_rows(
        &mut self,
        window: Window,
        scratch: &mut Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Notes, RenderError> {
        let container = &self.container;
        let frame = container.frame;
        let row_len = container.row_len(frame.width);
        // The `png` crate holds a few rows, and aborts the process if memory for them runs out.
        probe(row_len * ROWS_HELD)?;
        let mut lines = Lines::new(&self.samples, frame, window, sink)?;
        let rows = lines.rows();
        if container.interlaced {
            let image = grow(scratch, row_len * frame.height)?;
            let is_damaged = rows::interlaced(container, image)?;
            let stored = image.chunks_exact(row_len).enumerate();
            for (number, row) in stored.skip(rows.start).take(rows.len()) {
                lines.push(number, row);
            }
            lines.finish();
            let damage =
                || Damage::new("parts of the interlaced image data are missing or damaged");
            return Ok(Notes {
                damage: is_damaged.then(damage),
                ..Notes::default()
            });
        }
        let given = rows::sequential(container, rows.end, &mut |number, row| {
            lines.push(number, row);
        });
        let mut damage = None;
        if given < rows.end {
            // Broken image data: keep whole rows up to the fault; the rest is black.
            let runs = repair::runs(container, rows.end);
            let good = repair::good_rows(container, &runs, &mut |_, number, row| {
                if number >= given {
                    lines.push(number, row);
                }
            })?;
            let good = good.max(given);
            let black = zeros(row_len)?;
            (good..rows.end).for_each(|number| lines.push(number, &black));
            damage = (good < rows.end).then(|| {
                let all = frame.height;
                Damage::new(format!(
                    "the image data end or are damaged after {good} of {all} rows"
                ))
            });
        }
        lines.finish();
        Ok(Notes {
            damage,
            ..Notes::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use png::{BitDepth, ColorType};

    fn encode(width: u32, height: u32, color: ColorType, depth: BitDepth, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == ColorType::Indexed {
            encoder.set_palette([10, 20, 30, 200, 100, 50].as_slice());
        }
        encoder
            .write_header()
            .unwrap()
            .write_image_data(data)
            .unwrap();
        bytes
    }

    fn rows(source: &[u8], window: Window) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut image = open(source).unwrap();
        image
            .decode_rows(window, &mut Vec::new(), &mut |row| found.push(row.to_vec()))
            .unwrap();
        found
    }

    fn whole(width: usize, height: usize) -> Window {
        Window {
            left: 0,
            top: 0,
            width,
            height,
        }
    }

    #[test]
    fn small_depths_fill_the_range() {
        let two_bits = encode(
            5,
            1,
            ColorType::Grayscale,
            BitDepth::Two,
            &[0b00_01_10_11, 0b01 << 6],
        );
        assert_eq!(rows(&two_bits, whole(5, 1)), [[0, 85, 170, 255, 85]]);
        let window = Window {
            left: 3,
            top: 0,
            width: 2,
            height: 1,
        };
        assert_eq!(rows(&two_bits, window), [[255, 85]]);
        let one_bit = encode(2, 1, ColorType::Grayscale, BitDepth::One, &[0b0100_0000]);
        assert_eq!(rows(&one_bit, whole(2, 1)), [[0, 255]]);
    }

    #[test]
    fn sixteen_bits_keep_the_high_byte_and_alpha_is_dropped() {
        let gray = encode(
            2,
            1,
            ColorType::Grayscale,
            BitDepth::Sixteen,
            &[1, 255, 254, 255],
        );
        assert_eq!(rows(&gray, whole(2, 1)), [[1, 254]]);
        let rgba = encode(
            1,
            1,
            ColorType::Rgba,
            BitDepth::Sixteen,
            &[1, 9, 2, 9, 3, 9, 0, 0],
        );
        assert_eq!(rows(&rgba, whole(1, 1)), [[1, 2, 3]]);
    }

    #[test]
    fn an_index_beyond_the_palette_is_its_own_gray() {
        let source = encode(3, 1, ColorType::Indexed, BitDepth::Eight, &[0, 1, 77]);
        assert_eq!(
            rows(&source, whole(3, 1)),
            [[10, 20, 30, 200, 100, 50, 77, 77, 77]]
        );
    }

    #[test]
    fn rows_of_a_truncated_file_are_kept_and_the_rest_is_black() {
        let (width, height) = (300, 200);
        let data: Vec<u8> = (0..width * height)
            .map(|at: usize| (at.wrapping_mul(2_654_435_761) >> 9) as u8 | 1)
            .collect();
        let source = encode(
            width as u32,
            height as u32,
            ColorType::Grayscale,
            BitDepth::Eight,
            &data,
        );
        let complete = rows(&source, whole(width, height));
        let cut = rows(&source[..source.len() / 2], whole(width, height));
        let good = cut
            .iter()
            .take_while(|row| row.iter().any(|sample| *sample != 0))
            .count();
        assert!((50..150).contains(&good), "{good} rows");
        assert_eq!(cut[..good], complete[..good]);
        assert!(cut[good..].iter().flatten().all(|sample| *sample == 0));
    }

    #[test]
    fn a_wrong_sum_of_the_whole_data_costs_the_last_row() {
        let data: Vec<u8> = (1..=60).collect();
        let mut source = encode(6, 10, ColorType::Grayscale, BitDepth::Eight, &data);
        let good = rows(&source, whole(6, 10));
        // After the checksum of the data come the chunk's own and an empty IEND.
        let sum = source.len() - 12 - 4 - 4;
        source[sum] ^= 1;
        let bad = rows(&source, whole(6, 10));
        assert_eq!(bad[..9], good[..9]);
        assert_eq!(bad[9], [0; 6]);
        assert_eq!(good.concat(), data);
    }

    #[test]
    fn a_bad_header_is_an_error() {
        let source = encode(2, 1, ColorType::Grayscale, BitDepth::Eight, &[1, 2]);
        assert!(open(&source[..30]).is_err());
        let mut bad_sum = source.clone();
        bad_sum[29] ^= 1;
        assert!(open(&bad_sum).is_err());
        assert!(open(&source[..33]).is_err(), "no image data");
    }
}
