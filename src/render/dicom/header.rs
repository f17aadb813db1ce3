//! Interprets the elements of group 0028 (PS3.3, section C.7.6.3).

use std::fmt;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use super::super::RenderError;
use super::super::source::Channels;
use super::dataset::{EXPLICIT_VR_BIG_ENDIAN, Elements, PixelKind};
use super::{malformed, unsupported};
use crate::shown::Show;

/// The coding of pixel data, from the transfer syntax (PS3.6, table A-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Native,
    /// Like [`Coding::Native`], but in fragments.
    Encapsulated,
    /// Like [`Coding::Native`], but each frame is deflated.
    DeflatedFrame,
    Rle,
    JpegLossy,
    JpegLossless,
    JpegLs,
    Jpeg2000,
    /// JPEG 2000 with the block coder of ITU-T T.814.
    Htj2k,
    JpegXl,
}

impl Coding {
    /// Whether samples have the layout of uncompressed data once fragments are joined and inflated.
    pub(super) fn is_native(self) -> bool {
        matches!(
            self,
            Coding::Native | Coding::Encapsulated | Coding::DeflatedFrame
        )
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Coding::Native => "uncompressed",
            Coding::Encapsulated => "uncompressed in fragments",
            Coding::DeflatedFrame => "deflated frame",
            Coding::Rle => "RLE",
            Coding::JpegLossy => "JPEG",
            Coding::JpegLossless => "JPEG lossless",
            Coding::JpegLs => "JPEG-LS",
            Coding::Jpeg2000 => "JPEG 2000",
            Coding::Htj2k => "HTJ2K",
            Coding::JpegXl => "JPEG XL",
        })
    }
}

/// The header of an image that can be rendered: one frame, one to four samples per pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// From the transfer syntax; the data may differ.
    pub coding: Coding,
    pub rows: usize,
    pub columns: usize,
    /// 1 to 4. The second of two samples and the last of four are dropped.
    pub samples_per_pixel: usize,
    /// 1, 8, 16, 32 or 64.
    pub bits_allocated: u16,
    /// The highest used bit, if bits above it are allocated.
    pub high_bit: Option<u16>,
    pub signed: bool,
    /// Floating-point numbers of 32 or 64 bits.
    pub is_float: bool,
    pub big_endian: bool,
    /// MONOCHROME1: the lowest value is white.
    pub inverted: bool,
    pub photometric: String,
    /// Whether the colour channels of uncompressed data are stored in planes.
    pub planar: bool,
}

impl Header {
    pub(super) fn new(elements: &Elements<'_>) -> Result<Self, RenderError> {
        let number = |tag: Tag, name: &str| {
            let missing = || malformed(&format!("{name} {tag} is missing"));
            elements.number(tag).ok_or_else(missing)
        };
        let coding = coding(&elements.transfer_syntax)?;
        let frames = elements.text(tags::NUMBER_OF_FRAMES).unwrap_or_default();
        // An invalid number counts as one frame; the length of the pixel data is checked anyway.
        if frames.trim().parse().unwrap_or(1u64) > 1 {
            let frames = frames.shown();
            return Err(unsupported(format!("an image of {frames} frames")));
        }
        let photometric = elements
            .text(tags::PHOTOMETRIC_INTERPRETATION)
            .ok_or_else(|| malformed("the photometric interpretation (0028,0004) is missing"))?;
        let samples_per_pixel = match number(tags::SAMPLES_PER_PIXEL, "the number of samples")? {
            samples @ 1..=4 => samples as usize,
            other => return Err(unsupported(format!("an image of {other} samples a pixel"))),
        };
        let is_float = elements.pixels.kind == PixelKind::Floats;
        let bits_allocated = number(tags::BITS_ALLOCATED, "the number of bits")?;
        let is_taken = match (bits_allocated, is_float) {
            (8 | 16, false) => true,
            (1, false) => coding.is_native(),
            (32 | 64, false) => coding.is_native() || coding == Coding::Rle,
            (32 | 64, true) => coding == Coding::Native,
            _ => false,
        };
        if !is_taken {
            let kind = if is_float {
                "floating point"
            } else {
                "integer"
            };
            let feature = format!("{coding}, {kind} data of {bits_allocated} bits");
            return Err(unsupported(feature));
        }
        let bits_allocated = bits_allocated as u16;
        let signed = match number(tags::PIXEL_REPRESENTATION, "the pixel representation") {
            Ok(0) => false,
            Ok(1) => true,
            _ if is_float => true,
            Ok(other) => return Err(malformed(&format!("pixel representation {other}"))),
            Err(error) => return Err(error),
        };
        let planar = samples_per_pixel > 1
            && coding.is_native()
            && match number(tags::PLANAR_CONFIGURATION, "the planar configuration")? {
                0 => false,
                1 => true,
                other => return Err(malformed(&format!("planar configuration {other}"))),
            };
        Ok(Self {
            coding,
            rows: number(tags::ROWS, "the number of rows")? as usize,
            columns: number(tags::COLUMNS, "the number of columns")? as usize,
            samples_per_pixel,
            bits_allocated,
            high_bit: high_bit(elements, bits_allocated),
            signed,
            is_float,
            big_endian: elements.values.big_endian,
            inverted: photometric == "MONOCHROME1",
            photometric,
            planar,
        })
    }

    /// The channels passed to the encoder.
    pub(super) fn channels(&self) -> Channels {
        if self.samples_per_pixel < 3 {
            Channels::Gray
        } else {
            Channels::Rgb
        }
    }

    /// Number of samples in the whole image.
    pub(super) fn samples(&self) -> usize {
        self.rows * self.columns * self.samples_per_pixel
    }

    /// Refuses a code stream whose size differs from the header's.
    pub(super) fn expect(
        &self,
        width: usize,
        height: usize,
        components: usize,
    ) -> Result<(), RenderError> {
        if (width, height, components) == (self.columns, self.rows, self.samples_per_pixel) {
            return Ok(());
        }
        Err(malformed(&format!(
            "the pixel data are an image of {width}x{height} pixels and {components} samples, \
             the header says {}x{} and {}",
            self.columns, self.rows, self.samples_per_pixel
        )))
    }
}

/// The highest stored bit, if bits above it are allocated.
fn high_bit(elements: &Elements<'_>, bits_allocated: u16) -> Option<u16> {
    let stored = elements.number(tags::BITS_STORED)?;
    let high = elements.number(tags::HIGH_BIT);
    let high = high.unwrap_or(stored.saturating_sub(1));
    let is_below = stored < bits_allocated.into() && high.saturating_add(1) < bits_allocated.into();
    is_below.then_some(high as u16)
}

fn coding(transfer_syntax: &str) -> Result<Coding, RenderError> {
    Ok(match transfer_syntax {
        uids::IMPLICIT_VR_LITTLE_ENDIAN
        | uids::EXPLICIT_VR_LITTLE_ENDIAN
        | uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
        | EXPLICIT_VR_BIG_ENDIAN => Coding::Native,
        uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN => Coding::Encapsulated,
        uids::DEFLATED_IMAGE_FRAME_COMPRESSION => Coding::DeflatedFrame,
        uids::RLE_LOSSLESS => Coding::Rle,
        uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT => Coding::JpegLossy,
        uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => Coding::JpegLossless,
        uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Coding::JpegLs,
        uids::JPEG2000_LOSSLESS | uids::JPEG2000 => Coding::Jpeg2000,
        uids::HTJ2K_LOSSLESS | uids::HTJ2K_LOSSLESS_RPCL | uids::HTJ2K => Coding::Htj2k,
        uids::JPEGXL_LOSSLESS | uids::JPEGXLJPEG_RECOMPRESSION | uids::JPEGXL => Coding::JpegXl,
        other => {
            return Err(unsupported(format!(
                "pixel data in transfer syntax {other}"
            )));
        }
    })
}
