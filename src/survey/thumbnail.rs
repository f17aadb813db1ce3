//! Small pictures of images.

use fast_image_resize::images::Image;
use fast_image_resize::{PixelType, Resizer};
use image::RgbImage;
use turbojpeg::{Decompressor, PixelFormat, ScalingFactor};

use crate::render::MAX_PIXELS;

/// Samples per pixel.
const RGB: usize = 3;

/// Maximum number of pixels to decode for a thumbnail; the largest JPEG has this many at one
/// eighth.
const MAX_DECODED: u64 = 80 << 20;

/// Maximum number of scans of a progressive JPEG; files with a thousand scans exist only to keep
/// decoders busy.
const SCAN_LIMIT: u32 = 500;

/// Why an image has no thumbnail.
#[derive(Debug, thiserror::Error)]
pub enum ThumbnailError {
    #[error("the file is empty")]
    Empty,
    #[error("{width}x{height} pixels are too many")]
    TooLarge { width: usize, height: usize },
    #[error("the image has no pixels")]
    NoPixels,
    #[error("JPEG: {0}")]
    Jpeg(String),
    #[error("scaling: {0}")]
    Scale(String),
}

impl From<turbojpeg::Error> for ThumbnailError {
    fn from(error: turbojpeg::Error) -> Self {
        Self::Jpeg(match error {
            turbojpeg::Error::TurboJpegError(problem) => problem,
            other => other.to_string(),
        })
    }
}

/// An RGB picture of `jpeg` whose longer side has `side` pixels.
pub fn thumbnail(jpeg: &[u8], side: u32) -> Result<RgbImage, ThumbnailError> {
    let mut picture = decode(jpeg, side as usize)?;
    let (width, height) = fitted(picture.width(), picture.height(), side);
    if (picture.width(), picture.height()) != (width, height) {
        let mut scaled = Image::new(width, height, PixelType::U8x3);
        Resizer::new()
            .resize(&picture, &mut scaled, None)
            .map_err(|error| ThumbnailError::Scale(error.to_string()))?;
        picture = scaled;
    }
    RgbImage::from_raw(width, height, picture.into_vec()).ok_or(ThumbnailError::NoPixels)
}

/// The picture as a JPEG.
pub fn to_jpeg(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, ThumbnailError> {
    let width = picture.width() as usize;
    let image = turbojpeg::Image {
        pixels: picture.as_raw().as_slice(),
        width,
        pitch: width * RGB,
        height: picture.height() as usize,
        format: PixelFormat::RGB,
    };
    let jpeg = turbojpeg::compress(image, quality.into(), turbojpeg::Subsamp::Sub2x2)?;
    Ok(jpeg.to_vec())
}

/// Decodes at the smallest size that is not below `side`.
fn decode(jpeg: &[u8], side: usize) -> Result<Image<'static>, ThumbnailError> {
    if jpeg.is_empty() {
        return Err(ThumbnailError::Empty);
    }
    // A new decompressor for each file: after a broken header, libjpeg refuses the next file.
    let mut decompressor = Decompressor::new()?;
    decompressor.set_scan_limit(SCAN_LIMIT)?;
    let header = decompressor.read_header(jpeg)?;
    let (width, height) = (header.width, header.height);
    if width == 0 || height == 0 {
        return Err(ThumbnailError::NoPixels);
    }
    let scaling = if header.is_lossless {
        ScalingFactor::ONE
    } else {
        scaling(width.max(height), side)
    };
    let small = header.scaled(scaling);
    let pixels = |width: usize, height: usize| width as u64 * height as u64;
    // All coefficients of a progressive file are in memory.
    if pixels(small.width, small.height) > MAX_DECODED
        || (header.is_progressive && pixels(width, height) > MAX_PIXELS)
    {
        return Err(ThumbnailError::TooLarge { width, height });
    }
    if scaling != ScalingFactor::ONE {
        decompressor.set_scaling_factor(scaling)?;
    }
    let mut image = turbojpeg::Image {
        pixels: vec![0; small.width * small.height * RGB],
        width: small.width,
        pitch: small.width * RGB,
        height: small.height,
        format: PixelFormat::RGB,
    };
    decompressor.decompress(jpeg, image.as_deref_mut())?;
    Image::from_vec_u8(
        small.width as u32,
        small.height as u32,
        image.pixels,
        PixelType::U8x3,
    )
    .map_err(|error| ThumbnailError::Scale(error.to_string()))
}

/// The strongest reduction of a side of `longer` pixels that leaves at least `side`.
fn scaling(longer: usize, side: usize) -> ScalingFactor {
    [
        ScalingFactor::ONE_EIGHTH,
        ScalingFactor::ONE_QUARTER,
        ScalingFactor::ONE_HALF,
    ]
    .into_iter()
    .find(|factor| factor.scale(longer) >= side)
    .unwrap_or(ScalingFactor::ONE)
}

/// `width` and `height` in proportion, so that the longer one is `side`.
fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longer = u64::from(width.max(height)).max(1);
    let fit = |length: u32| {
        let scaled = (u64::from(length) * u64::from(side) + longer / 2) / longer;
        u32::try_from(scaled).unwrap_or(side).max(1)
    };
    (fit(width), fit(height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn jpeg(width: usize, height: usize) -> Vec<u8> {
        let pixels: Vec<u8> = (0..width * height).map(|at| (at % 251) as u8).collect();
        let image = turbojpeg::Image {
            pixels: pixels.as_slice(),
            width,
            pitch: width,
            height,
            format: PixelFormat::GRAY,
        };
        let jpeg = turbojpeg::compress(image, 90, turbojpeg::Subsamp::Gray);
        jpeg.unwrap().to_vec()
    }

    #[test]
    fn images_of_any_shape_have_thumbnails() {
        for (width, height, expected) in [
            (1024, 1024, (224, 224)),
            (2048, 1024, (224, 112)),
            (3, 3, (224, 224)),
            (1, 1, (224, 224)),
            (5000, 1, (224, 1)),
            (224, 224, (224, 224)),
        ] {
            let picture = thumbnail(&jpeg(width, height), 224).unwrap();
            assert_eq!(picture.dimensions(), expected);
            let small = to_jpeg(&picture, 80).unwrap();
            let header = turbojpeg::read_header(&small).unwrap();
            assert_eq!((header.width as u32, header.height as u32), expected);
        }
    }

    #[test]
    fn damaged_files_are_errors() {
        let whole = jpeg(300, 200);
        for end in [0, 1, 2, 20, 100, whole.len() / 2] {
            assert!(thumbnail(&whole[..end], 64).is_err(), "{end}");
        }
        assert!(thumbnail(b"<html>", 64).is_err());
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)
        ) {
            let mut bytes = jpeg(64, 48);
            for (at, value) in damage {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Ok(picture) = thumbnail(&bytes, 32) {
                prop_assert_eq!(picture.width().max(picture.height()), 32);
            }
        }

        #[test]
        fn a_thumbnail_fits(width in 1u32..70_000, height in 1u32..70_000, side in 1u32..2000) {
            let (w, h) = fitted(width, height, side);
            prop_assert_eq!(w.max(h), side);
            prop_assert!(w >= 1 && h >= 1);
            let decoded = scaling(width.max(height) as usize, side as usize);
            let longer = decoded.scale(width.max(height) as usize);
            prop_assert!(longer >= side as usize || decoded == ScalingFactor::ONE);
        }
    }
}
