//! JPEG 2000 outside DICOM, by OpenJPEG, which Pillow uses too.

use jpeg2k::{DecodeParameters, Image};

use super::super::source::{Channels, check_size, probe, reserve};
use super::super::{RenderError, error};
use super::{Picture, Pixels};
use crate::shown::Show;

/// Marker of image and tile size, the first after the start of a code stream.
const SIZ: [u8; 4] = [0xff, 0x4f, 0xff, 0x51];

/// Bytes that OpenJPEG holds of each sample.
const HELD: usize = 16;

pub(super) fn open(source: &[u8]) -> Result<Picture<'_>, RenderError> {
    let start = memchr::memmem::find(source, &SIZ);
    // T.800, section A.5.1.
    let Some(siz) = start.and_then(|start| source.get(start + 8..start + 42)) else {
        return Err(malformed("there is no image size"));
    };
    let number = |at: usize| {
        let bytes = siz[at..].first_chunk::<4>().copied().unwrap_or_default();
        u32::from_be_bytes(bytes) as usize
    };
    let width = number(0).saturating_sub(number(8));
    let height = number(4).saturating_sub(number(12));
    let components = usize::from(u16::from_be_bytes([siz[32], siz[33]]));
    let channels = match components {
        1 | 2 => Channels::Gray,
        3 | 4 => Channels::Rgb,
        _ => return Err(malformed(&format!("an image of {components} components"))),
    };
    check_size(width as u64, height as u64)?;
    Picture::new(width, height, channels, move || {
        probe((width * height * components).saturating_mul(HELD))?;
        let image = Image::from_bytes_with(source, DecodeParameters::default())
            .map_err(|error| malformed(&error.to_string().shown().to_string()))?;
        let components = image.components();
        let shown = channels.count();
        let is_whole = |plane: &jpeg2k::ImageComponent| plane.data().len() == width * height;
        if components.len() < shown || !components.iter().take(shown).all(is_whole) {
            return Err(malformed("components of different sizes"));
        }
        let mut bytes = Vec::new();
        reserve(&mut bytes, width * height * shown)?;
        for at in 0..width * height {
            for plane in &components[..shown] {
                bytes.push(to_8_bits(
                    plane.data()[at],
                    plane.precision(),
                    plane.is_signed(),
                    shown,
                ));
            }
        }
        Ok(Pixels {
            bytes,
            damage: None,
        })
    })
}

/// Colour is scaled to 8 bits; gray of more than 8 bits ends at white, as in Pillow.
fn to_8_bits(value: i32, bits: u32, is_signed: bool, channels: usize) -> u8 {
    let value = i64::from(value)
        + if is_signed {
            1 << bits.clamp(1, 31) >> 1
        } else {
            0
        };
    let value = match bits {
        0..=8 => value << (8 - bits.max(1)),
        _ if channels == 1 => value << 16u32.saturating_sub(bits),
        _ => value >> (bits - 8),
    };
    value.clamp(0, 255) as u8
}

fn malformed(problem: &str) -> RenderError {
    error::malformed("JPEG 2000", problem)
}
