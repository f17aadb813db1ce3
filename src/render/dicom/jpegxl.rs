//! JPEG XL (ISO/IEC 18181) inside DICOM, decoded by jxl-oxide. The reference cannot decode it.
//!
//! jxl-oxide receives only the code stream: other boxes of a file can contain compressed metadata,
//! which it would inflate without limit.

use std::borrow::Cow;

use jxl_bitstream::Bitstream;
use jxl_image::{BitDepth, ImageHeader};
use jxl_oxide::{AllocTracker, InitializeResult, JxlImage};
use jxl_oxide_common::Bundle as _;

use super::super::boxes::first_box;
use super::super::source::{probe, reserve, zeros};
use super::super::{RenderError, error};
use super::header::Header;
use super::samples::{Frame, Samples, flip8, flip16};
use crate::shown::Show;

const FORMAT: &str = "DICOM JPEG XL";

/// Start of a bare code stream.
const CODE_STREAM: [u8; 2] = [0xff, 0x0a];

/// Start of a file that contains its code stream in boxes.
const CONTAINER: [u8; 12] = *b"\0\0\0\x0cJXL \r\n\x87\n";

/// Bytes that the decoder may allocate: per pixel, and for an image of any size. It needs 5 per
/// pixel for lossless gray, 13 for lossless colour and 25 for anything lossy.
const HELD_A_PIXEL: usize = 48;
const HELD: usize = 64 << 20;

/// Maximum number of frames composed into one image. Encoders write one or two.
const MAX_FRAMES: usize = 16;

/// Bytes passed to the decoder before its frames are counted again.
const CHUNK: usize = 1 << 16;

pub(super) fn is_jpeg_xl(stream: &[u8]) -> bool {
    stream.starts_with(&CODE_STREAM) || stream.starts_with(&CONTAINER)
}

pub(super) fn frame(header: &Header, stream: &[u8]) -> Result<Frame<'static>, RenderError> {
    if header.signed {
        return Err(unsupported("signed samples"));
    }
    let code = code_stream(stream)?;
    let bits = check(header, &code)?;
    let limit = header.rows * header.columns * HELD_A_PIXEL + HELD;
    probe(limit)?;
    // The decoder's log lines name no file, and its errors contain the same information.
    let silent = tracing::subscriber::NoSubscriber::default();
    tracing::subscriber::with_default(silent, || decode(header, &code, bits, limit))
}

/// Refuses a code stream that does not match the DICOM header, before the decoder allocates
/// anything. Returns the number of bits per sample.
fn check(header: &Header, code: &[u8]) -> Result<u32, RenderError> {
    let jxl = ImageHeader::parse(&mut Bitstream::new(code), ()).map_err(refused)?;
    let (width, height) = (jxl.width_with_orientation(), jxl.height_with_orientation());
    let metadata = &jxl.metadata;
    let colors = if metadata.grayscale() { 1 } else { 3 };
    let components = colors + metadata.ec_info.len();
    header.expect(width as usize, height as usize, components)?;
    let odd = [
        (!metadata.ec_info.is_empty(), "channels besides colour"),
        (metadata.animation.is_some(), "an animation"),
        (metadata.preview.is_some(), "a preview"),
        // A profile takes up to 256 MiB for an image of any size, and changes no stored value.
        (metadata.colour_encoding.want_icc(), "an ICC profile"),
    ];
    if let Some((_, feature)) = odd.iter().find(|(is_there, _)| *is_there) {
        return Err(unsupported(feature));
    }
    match metadata.bit_depth {
        BitDepth::IntegerSample {
            bits_per_sample: bits @ 1..=16,
        } => Ok(bits),
        BitDepth::IntegerSample { bits_per_sample } => {
            Err(unsupported(&format!("samples of {bits_per_sample} bits")))
        }
        BitDepth::FloatSample { .. } => Err(unsupported("floating point samples")),
    }
}

fn decode(
    header: &Header,
    code: &[u8],
    bits: u32,
    limit: usize,
) -> Result<Frame<'static>, RenderError> {
    let image = load(code, limit)?;
    let render = image.render_frame(0).map_err(refused)?;
    let mut stream = render.stream();
    let mut row: Vec<f32> = zeros(header.columns * header.samples_per_pixel)?;
    // The decoder returns numbers from 0 to 1; scaling restores the numbers of the code stream.
    let highest = ((1u32 << bits) - 1) as f32;
    let number = |sample: &f32| (sample * highest).round().clamp(0.0, highest);
    let samples = if bits <= 8 {
        let mut values = Vec::new();
        reserve(&mut values, header.samples())?;
        for _ in 0..header.rows {
            let len = stream.write_to_buffer(&mut row);
            values.extend(row[..len].iter().map(|sample| number(sample) as u8));
        }
        Samples::Bytes {
            values: values.into(),
            flip: flip8(false),
        }
    } else {
        let mut values = Vec::new();
        reserve(&mut values, header.samples())?;
        for _ in 0..header.rows {
            let len = stream.write_to_buffer(&mut row);
            values.extend(row[..len].iter().map(|sample| number(sample) as u16));
        }
        Samples::Words {
            values,
            flip: flip16(false),
        }
    };
    Ok(Frame {
        samples,
        planar: false,
    })
}

/// Reads the headers of all frames.
fn load(code: &[u8], limit: usize) -> Result<JxlImage, RenderError> {
    let mut chunks = code.chunks(CHUNK);
    let mut empty = JxlImage::builder()
        .alloc_tracker(AllocTracker::with_limit(limit))
        .build_uninit();
    let mut image = loop {
        let chunk = chunks.next().ok_or_else(cut_off)?;
        empty.feed_bytes(chunk).map_err(refused)?;
        match empty.try_init().map_err(refused)? {
            InitializeResult::Initialized(image) => break image,
            InitializeResult::NeedMoreData(more) => empty = more,
        }
    };
    while !image.is_loading_done() {
        if image.num_loaded_frames() > MAX_FRAMES {
            return Err(unsupported("an image of many layers"));
        }
        let chunk = chunks.next().ok_or_else(cut_off)?;
        image.feed_bytes(chunk).map_err(refused)?;
    }
    if image.num_loaded_frames() > MAX_FRAMES {
        return Err(unsupported("an image of many layers"));
    }
    Ok(image)
}

/// The code stream: the whole stream, or the contents of its boxes (ISO/IEC 18181-2).
fn code_stream(stream: &[u8]) -> Result<Cow<'_, [u8]>, RenderError> {
    if stream.starts_with(&CODE_STREAM) {
        return Ok(stream.into());
    }
    let mut code = Vec::new();
    let mut rest = stream;
    while let Some(one) = first_box(rest) {
        match one.kind {
            b"jxlc" => return Ok(one.body.into()),
            // A part of the code stream, after its number.
            b"jxlp" => {
                let part = one.body.get(4..).unwrap_or_default();
                reserve(&mut code, part.len())?;
                code.extend_from_slice(part);
            }
            _ => {}
        }
        rest = one.rest;
    }
    Ok(code.into())
}

fn cut_off() -> RenderError {
    error::malformed(FORMAT, "the data are cut off: download the file again")
}

fn refused(said: impl std::fmt::Display) -> RenderError {
    let said = said.to_string();
    let problem = format!("the data are damaged (jxl-oxide: {})", said.shown());
    error::malformed(FORMAT, problem)
}

fn unsupported(feature: &str) -> RenderError {
    RenderError::Unsupported {
        format: FORMAT,
        feature: feature.to_owned(),
    }
}
