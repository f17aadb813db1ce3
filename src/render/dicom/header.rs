//! What the elements of group 0028 say of the pixels (PS3.3, section C.7.6.3).

use std::fmt;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use super::super::RenderError;
use super::super::source::Channels;
use super::dataset::Elements;
use super::{malformed, unsupported};

/// Retired from the standard, but not from people's disks.
const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// How pixel data are coded, by their transfer syntax (PS3.6, table A-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Native,
    Rle,
    JpegLossy,
    JpegLossless,
    JpegLs,
    Jpeg2000,
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Coding::Native => "uncompressed",
            Coding::Rle => "RLE",
            Coding::JpegLossy => "JPEG",
            Coding::JpegLossless => "JPEG lossless",
            Coding::JpegLs => "JPEG-LS",
            Coding::Jpeg2000 => "JPEG 2000",
        })
    }
}

/// The header of an image that can be rendered: one frame, one or three samples a pixel, of 8 or
/// 16 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub coding: Coding,
    pub rows: usize,
    pub columns: usize,
    pub channels: Channels,
    /// 8 or 16.
    pub bits_allocated: u16,
    pub signed: bool,
    pub big_endian: bool,
    /// MONOCHROME1: the lowest value is white.
    pub inverted: bool,
    pub photometric: String,
    /// Colour by plane, of uncompressed data.
    pub planar: bool,
}

impl Header {
    pub(super) fn new(elements: &Elements) -> Result<Self, RenderError> {
        let number = |tag: Tag, name: &str| {
            let missing = || malformed(&format!("{name} is missing"));
            elements.number(tag).ok_or_else(missing)
        };
        let coding = coding(&elements.transfer_syntax)?;
        let frames = elements.text(tags::NUMBER_OF_FRAMES).unwrap_or("1");
        // What is no number counts as one frame: there are pixels, and they tell.
        if frames.parse().unwrap_or(1) > 1 {
            return Err(unsupported(format!("an image of {frames} frames")));
        }
        let photometric = elements
            .text(tags::PHOTOMETRIC_INTERPRETATION)
            .ok_or_else(|| malformed("the photometric interpretation is missing"))?
            .to_owned();
        let channels = match number(tags::SAMPLES_PER_PIXEL, "samples per pixel")? {
            1 => Channels::Gray,
            3 => Channels::Rgb,
            other => return Err(unsupported(format!("{other} samples a pixel"))),
        };
        let bits_allocated = number(tags::BITS_ALLOCATED, "bits allocated")?;
        if !matches!(bits_allocated, 8 | 16) {
            return Err(unsupported(format!("{bits_allocated} bits allocated")));
        }
        let signed = match number(tags::PIXEL_REPRESENTATION, "pixel representation")? {
            0 => false,
            1 => true,
            other => return Err(malformed(&format!("pixel representation {other}"))),
        };
        let planar = match channels {
            Channels::Gray => false,
            Channels::Rgb if coding == Coding::Native => {
                number(tags::PLANAR_CONFIGURATION, "planar configuration")? == 1
            }
            Channels::Rgb => false,
        };
        Ok(Self {
            coding,
            rows: number(tags::ROWS, "rows")?.into(),
            columns: number(tags::COLUMNS, "columns")?.into(),
            channels,
            bits_allocated,
            signed,
            big_endian: elements.is_big_endian(),
            inverted: photometric == "MONOCHROME1",
            photometric,
            planar,
        })
    }

    /// Samples of the whole image.
    pub(super) fn samples(&self) -> usize {
        self.rows * self.columns * self.channels.count()
    }

    /// Refuses a code stream of another size than the header says.
    pub(super) fn expect(
        &self,
        width: usize,
        height: usize,
        components: usize,
    ) -> Result<(), RenderError> {
        let channels = self.channels.count();
        if (width, height, components) == (self.columns, self.rows, channels) {
            return Ok(());
        }
        Err(malformed(&format!(
            "the {} data have {width}x{height} pixels of {components} samples, the header says {}x{} of {channels}",
            self.coding, self.columns, self.rows
        )))
    }
}

fn coding(transfer_syntax: &str) -> Result<Coding, RenderError> {
    Ok(match transfer_syntax {
        uids::IMPLICIT_VR_LITTLE_ENDIAN
        | uids::EXPLICIT_VR_LITTLE_ENDIAN
        | uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
        | EXPLICIT_VR_BIG_ENDIAN => Coding::Native,
        uids::RLE_LOSSLESS => Coding::Rle,
        uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT => Coding::JpegLossy,
        uids::JPEG_LOSSLESS | uids::JPEG_LOSSLESS_SV1 => Coding::JpegLossless,
        uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Coding::JpegLs,
        uids::JPEG2000_LOSSLESS | uids::JPEG2000 => Coding::Jpeg2000,
        other => {
            return Err(unsupported(format!(
                "pixel data in transfer syntax {other}"
            )));
        }
    })
}
