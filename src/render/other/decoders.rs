//! Formats decoded by the `image` crate.

use std::io::Cursor;

use image::codecs::{tga::TgaDecoder, webp::WebPDecoder};
use image::error::{ImageError, LimitErrorKind};
use image::{ColorType, ImageDecoder, Limits};

use super::super::source::{Channels, check_size, probe, reserve, zeros};
use super::super::{RenderError, error};
use super::{Picture, Pixels, cut_off};
use crate::shown::Show;

/// Memory limit of a decoder: bytes per byte of output, and a constant.
const HELD: usize = 3;
const HELD_BESIDE: usize = 16 << 20;

pub(super) fn webp(source: &[u8]) -> Result<Picture<'_>, RenderError> {
    let decoder = WebPDecoder::new(Cursor::new(source)).map_err(|error| fault("WebP", &error))?;
    picture("WebP", decoder, false)
}

/// Recognises a header by the same fields as Pillow (`TgaImagePlugin.py`).
pub(in crate::render) fn is_targa(source: &[u8]) -> bool {
    let Some(header) = source.first_chunk::<18>() else {
        return false;
    };
    let [width, height] = [12, 14].map(|at| u16::from_le_bytes([header[at], header[at + 1]]));
    header[1] <= 1
        && matches!(header[2], 1..=3 | 9..=11)
        && matches!(header[16], 8 | 16 | 24 | 32)
        && width > 0
        && height > 0
}

pub(super) fn targa(source: &[u8]) -> Result<Picture<'_>, RenderError> {
    let decoder = TgaDecoder::new(Cursor::new(source)).map_err(|error| fault("TGA", &error))?;
    picture("TGA", decoder, true)
}

/// A picture from a decoder that has read its header. With `shows_parts`, pixels decoded before a
/// fault are shown.
pub(super) fn picture<'a>(
    format: &'static str,
    mut decoder: impl ImageDecoder + 'a,
    shows_parts: bool,
) -> Result<Picture<'a>, RenderError> {
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into())?;
    let color = decoder.color_type();
    let (samples, channels) = match color {
        ColorType::L8 => (1, Channels::Gray),
        ColorType::La8 => (2, Channels::Gray),
        ColorType::Rgb8 => (3, Channels::Rgb),
        ColorType::Rgba8 => (4, Channels::Rgb),
        _ => {
            return Err(RenderError::Unsupported {
                format,
                feature: format!("{color:?}"),
            });
        }
    };
    let (width, height) = (width as usize, height as usize);
    Picture::new(width, height, channels, move || {
        let len = width * height * samples;
        let held = len.saturating_mul(HELD).saturating_add(HELD_BESIDE);
        // The decoder aborts the process if memory runs out.
        probe(held)?;
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(held as u64);
        decoder
            .set_limits(limits)
            .map_err(|error| fault(format, &error))?;
        let mut decoded = zeros(len)?;
        let damage = match decoder.read_image(&mut decoded) {
            Ok(()) => None,
            Err(ImageError::Decoding(_) | ImageError::IoError(_)) if shows_parts => Some(cut_off()),
            Err(error) => return Err(fault(format, &error)),
        };
        Ok(Pixels {
            bytes: without_alpha(decoded, samples, channels)?,
            damage,
        })
    })
}

/// Drops alpha; it is not composited.
pub(super) fn without_alpha(
    decoded: Vec<u8>,
    samples: usize,
    channels: Channels,
) -> Result<Vec<u8>, RenderError> {
    let kept = channels.count();
    if samples == kept {
        return Ok(decoded);
    }
    let mut bytes = Vec::new();
    reserve(&mut bytes, decoded.len() / samples * kept)?;
    for pixel in decoded.chunks_exact(samples) {
        bytes.extend_from_slice(&pixel[..kept]);
    }
    Ok(bytes)
}

pub(super) fn fault(format: &'static str, problem: &ImageError) -> RenderError {
    let text = problem.to_string().shown().to_string();
    match problem {
        ImageError::Unsupported(_) => RenderError::Unsupported {
            format,
            feature: text,
        },
        ImageError::Limits(limit) if limit.kind() == LimitErrorKind::InsufficientMemory => {
            error::malformed(format, "it takes more memory than a picture of its size")
        }
        _ => error::malformed(format, text),
    }
}
