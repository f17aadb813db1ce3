//! Phantoms in the file formats of the datasets.

use super::dicom::{self, Syntax};
use super::phantom::{Phantom, mix};

/// How to encode a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// 8 or 16 bits.
    Png {
        bits: u8,
        shade: Shade,
    },
    Jpeg {
        shade: Shade,
    },
    /// `inverted`: MONOCHROME1.
    Dicom {
        syntax: Syntax,
        inverted: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shade {
    Gray,
    Rgb,
}

/// Sizes of the pictures: square, portrait, landscape, larger and smaller than the output.
const SIZES: [(u32, u32); 4] = [(1024, 1024), (880, 1030), (1301, 1067), (620, 745)];

/// Mean number of pixels of a picture of [`SIZES`].
const MEAN_PIXELS: u64 = 951_261;

/// About how many bytes a drawn picture has on average: measured, and compared with a few drawings
/// by a test.
pub(super) fn mean_size(coding: Coding) -> u64 {
    match coding {
        Coding::Png { bits: 16, .. } => 1_800_000,
        Coding::Png { shade, .. } => match shade {
            Shade::Gray => 540_000,
            Shade::Rgb => 1_700_000,
        },
        Coding::Jpeg { .. } => 155_000,
        Coding::Dicom { syntax, .. } => match syntax {
            Syntax::Explicit { bits: 8 } => MEAN_PIXELS,
            Syntax::Explicit { .. } | Syntax::Implicit => 2 * MEAN_PIXELS,
            Syntax::Jpeg => 155_000,
            Syntax::JpegLs | Syntax::Deflated => 1_500_000,
        },
    }
}

/// Draws a picture of one of [`SIZES`] and encodes it.
pub(super) fn draw(coding: Coding, seed: u64) -> Result<Vec<u8>, String> {
    let (width, height) = SIZES[(mix(seed) >> 24) as usize % SIZES.len()];
    picture(coding, width, height, seed)
}

/// Draws a picture of `width` x `height` pixels and encodes it; the error is the encoder's.
pub fn picture(coding: Coding, width: u32, height: u32, seed: u64) -> Result<Vec<u8>, String> {
    let phantom = Phantom::new(seed);
    let values = |highest: f32| {
        (0..height).flat_map(move |y| {
            (0..width).map(move |x| (phantom.at(x, y, width, height) * highest) as u16)
        })
    };
    let bytes = |shade: Shade| -> Vec<u8> {
        match shade {
            Shade::Gray => values(255.0).map(|value| value as u8).collect(),
            // A tint, like that of a photographed film.
            Shade::Rgb => values(255.0)
                .flat_map(|value| [value as u8, value as u8, (value * 9 / 10) as u8])
                .collect(),
        }
    };
    match coding {
        Coding::Png { bits: 16, .. } => {
            let samples: Vec<u8> = values(65_535.0).flat_map(u16::to_be_bytes).collect();
            encode_png(
                width,
                height,
                png::ColorType::Grayscale,
                png::BitDepth::Sixteen,
                &samples,
            )
        }
        Coding::Png { shade, .. } => {
            let color = match shade {
                Shade::Gray => png::ColorType::Grayscale,
                Shade::Rgb => png::ColorType::Rgb,
            };
            encode_png(width, height, color, png::BitDepth::Eight, &bytes(shade))
        }
        Coding::Jpeg { shade } => encode_jpeg(width, height, shade, &bytes(shade)),
        Coding::Dicom { syntax, inverted } => {
            let highest = dicom::highest(syntax);
            // MONOCHROME1 shows its lowest value as white.
            let stored = |value: u16| if inverted { highest - value } else { value };
            let values: Vec<u16> = values(f32::from(highest)).map(stored).collect();
            dicom::encode(&dicom::Picture {
                width,
                height,
                values,
                syntax,
                inverted,
                seed,
            })
        }
    }
}

fn encode_png(
    width: u32,
    height: u32,
    color: png::ColorType,
    depth: png::BitDepth,
    samples: &[u8],
) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer
        .write_image_data(samples)
        .map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// A JPEG of quality 90; in colour with 4:2:0.
pub(super) fn encode_jpeg(
    width: u32,
    height: u32,
    shade: Shade,
    pixels: &[u8],
) -> Result<Vec<u8>, String> {
    let (format, subsampling, samples) = match shade {
        Shade::Gray => (turbojpeg::PixelFormat::GRAY, turbojpeg::Subsamp::Gray, 1),
        Shade::Rgb => (turbojpeg::PixelFormat::RGB, turbojpeg::Subsamp::Sub2x2, 3),
    };
    let (width, height) = (width as usize, height as usize);
    let image = turbojpeg::Image {
        pixels,
        width,
        pitch: width * samples,
        height,
        format,
    };
    turbojpeg::compress(image, 90, subsampling)
        .map(|jpeg| jpeg.to_vec())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::DICOM_CODINGS;
    use super::*;

    #[test]
    fn mean_sizes_are_about_those_of_drawn_pictures() {
        let shades = [Shade::Gray, Shade::Rgb];
        let gray = Shade::Gray;
        let pictures = shades
            .into_iter()
            .flat_map(|shade| [Coding::Png { bits: 8, shade }, Coding::Jpeg { shade }])
            .chain([Coding::Png {
                bits: 16,
                shade: gray,
            }]);
        let syntaxes = DICOM_CODINGS.into_iter().chain([Syntax::Jpeg]);
        let inverted = false;
        for coding in pictures.chain(syntaxes.map(|syntax| Coding::Dicom { syntax, inverted })) {
            let sizes = SIZES.iter().zip(1..).map(|(&(width, height), seed)| {
                picture(coding, width, height, seed).unwrap().len() as u64
            });
            let mean = sizes.sum::<u64>() / SIZES.len() as u64;
            let ratio = mean as f64 / mean_size(coding) as f64;
            assert!((0.75..1.33).contains(&ratio), "{coding:?}: {mean}");
        }
    }
}
