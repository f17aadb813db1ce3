//! Converts the bytes of a source image into the bytes of the finished JPEG. This module knows no
//! paths, no config and no locks.
//!
//! ```text
//! bytes ─► decode (jpeg, png, dicom) ─rows─► resize + centre crop ─► encode ─► bytes
//! ```
//!
//! The same bytes and parameters always give the same output: what [`Renderer`] keeps between
//! images does not affect it.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod boxes;
mod contents;
mod dicom;
mod encode;
mod error;
mod format;
mod geometry;
mod jpeg;
mod jpeg2000;
mod memory;
mod other;
mod placement;
mod png;
mod rendered;
mod resize;
mod source;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use contents::Contents;
pub use dicom::Attributes;
pub use error::RenderError;
pub use format::refuse;
pub use placement::{Axis, Placement};
pub use rendered::{Damage, Notes, Rendered};

use encode::Encoder;
use format::Format;
use geometry::Geometry;
use jpeg::JpegImage;
use resize::Resizer;
use source::SourceImage;

/// Increase this with every change that may alter an output byte. It is part of every content key.
pub const RENDERER_VERSION: u32 = 2;

/// Largest source image in pixels (512 megapixels). Larger ones are refused before anything is
/// allocated.
pub const MAX_PIXELS: u64 = 512 << 20;

/// Longest side in pixels, so that a single row never needs much memory.
pub const MAX_SIDE: u64 = 1 << 20;

/// Scratch memory above this size is freed after use, so that one huge image does not increase
/// every worker's memory for the rest of the run.
const KEEP_CAPACITY: usize = 64 << 20;

/// Bytes of a finished image per pixel, for estimates: 1024x1024 radiographs at quality 95 have 200
/// to 480 KB.
const BYTES_PER_PIXEL: f64 = 0.3;

/// Size and quality of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RenderParams {
    /// Side of the square output in pixels.
    pub size: u32,
    /// libjpeg's quality, 1 to 100.
    pub quality: u8,
}

impl RenderParams {
    /// Estimates the size of an image in bytes before any is finished.
    pub fn estimated_bytes(self) -> u64 {
        let side = f64::from(self.size);
        (side * side * BYTES_PER_PIXEL) as u64
    }
}

impl Default for RenderParams {
    fn default() -> Self {
        Self {
            size: 1024,
            quality: 95,
        }
    }
}

/// The properties of a source image, from its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// For example `PNG` or `DICOM, JPEG 2000`.
    pub format: String,
    pub width: usize,
    pub height: usize,
    /// Bits per sample.
    pub bits: u32,
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {}x{}, {} bit",
            self.format, self.width, self.height, self.bits
        )
    }
}

/// Renders one image after another and keeps its scratch memory between them. Use one per thread.
pub struct Renderer {
    params: RenderParams,
    workshop: Option<Workshop>,
}

/// The parts that are created once and reused for every image.
struct Workshop {
    encoder: Encoder,
    resizer: Resizer,
    scratch: Vec<u8>,
}

impl Workshop {
    fn new(params: RenderParams) -> Result<Self, RenderError> {
        Ok(Self {
            encoder: Encoder::new(params)?,
            resizer: Resizer::new(),
            scratch: Vec::new(),
        })
    }

    fn render(&mut self, source: &[u8], size: usize) -> Result<Rendered, RenderError> {
        let mut image = open(source)?;
        let geometry = Geometry::new(image.width(), image.height(), size)?;
        let channels = image.channels();
        let mut pass = self.resizer.begin(geometry, channels)?;
        let window = pass.window();
        let notes = image.decode_rows(window, &mut self.scratch, &mut |row| pass.push_row(row))?;
        let jpeg = self.encoder.encode(pass.finish()?, channels);
        drop(image);
        if self.scratch.capacity() > KEEP_CAPACITY {
            self.scratch = Vec::new();
        }
        Ok(Rendered { jpeg: jpeg?, notes })
    }
}

impl Renderer {
    pub fn new(params: RenderParams) -> Self {
        Self {
            params,
            workshop: None,
        }
    }

    /// Renders one source image. Its first bytes determine the format: PNG, JPEG, DICOM or one of
    /// `other`.
    ///
    /// # Errors
    /// If the source is not an image that machex accepts. A panic of a decoder is also returned as
    /// an error: only this image fails, not the run.
    pub fn render(&mut self, source: &[u8]) -> Result<Rendered, RenderError> {
        // The workshop is taken out while in use. After an error or a panic its state is not
        // trusted, so it is not put back.
        let (kept, params) = (self.workshop.take(), self.params);
        let size = params.size as usize;
        let (workshop, rendered) = guarded(move || {
            let mut workshop = match kept {
                Some(workshop) => workshop,
                None => Workshop::new(params)?,
            };
            let rendered = workshop.render(source, size);
            Ok((workshop, rendered))
        })?;
        if rendered.is_ok() {
            self.workshop = Some(workshop);
        }
        rendered
    }
}

/// Reads the header of a source image.
pub fn describe(source: &[u8]) -> Result<Description, RenderError> {
    guarded(|| {
        Ok(match Format::of(source)? {
            Format::Png => png::describe(source)?,
            Format::Dicom => dicom::describe(source)?,
            Format::Other(_) | Format::Targa => other::describe(&*open(source)?),
            Format::Jpeg => {
                let image = JpegImage::open(source)?;
                Description {
                    format: "JPEG".to_owned(),
                    width: image.width(),
                    height: image.height(),
                    bits: 8,
                }
            }
        })
    })
}

/// What a DICOM file, or the beginning of one, says about patient and study. Other files say nothing.
pub fn attributes(source: &[u8]) -> Attributes {
    let read = || match Format::of(source)? {
        Format::Dicom => Attributes::of(source),
        _ => Ok(Attributes::default()),
    };
    guarded(read).unwrap_or_default()
}

fn open(source: &[u8]) -> Result<Box<dyn SourceImage + '_>, RenderError> {
    match Format::of(source)? {
        Format::Png => png::open(source),
        Format::Dicom => dicom::open(source),
        Format::Other(format) => other::open(format, source),
        Format::Targa => other::open_targa(source),
        Format::Jpeg => Ok(Box::new(JpegImage::open(source)?)),
    }
}

/// Runs a decoder and turns its panic into an error.
fn guarded<T>(decode: impl FnOnce() -> Result<T, RenderError>) -> Result<T, RenderError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Err(RenderError::Crashed(
            text.unwrap_or_else(|| "no message".to_owned()),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Coding, Shade, Syntax, picture};

    #[test]
    fn a_bad_file_does_not_harm_the_next_one() {
        let jpeg = picture(Coding::Jpeg { shade: Shade::Gray }, 90, 70, 1).unwrap();
        let dicom = Coding::Dicom {
            syntax: Syntax::Jpeg,
            inverted: false,
        };
        let dicom = picture(dicom, 90, 70, 1).unwrap();
        let mut bad_table = jpeg.clone();
        let table = bad_table
            .windows(2)
            .position(|bytes| bytes == [0xff, 0xc4])
            .unwrap();
        bad_table[table + 5..table + 21].fill(255);
        let tables_only = b"\xff\xd8\xff\xd9\xff\xda\0\x02".as_slice();
        let mut renderer = Renderer::new(RenderParams {
            size: 32,
            quality: 95,
        });
        let expected = [&jpeg, &dicom].map(|source| renderer.render(source).unwrap());
        for bad in [
            &bad_table[..],
            tables_only,
            &jpeg[..40],
            b"",
            b"\xff\xd8\xff\xd9",
        ] {
            for (good, expected) in [&jpeg, &dicom].into_iter().zip(&expected) {
                // Pillow shows a black picture for what libjpeg refuses.
                let is_good = |rendered: &Rendered| rendered.notes.damage.is_none();
                assert!(
                    !renderer
                        .render(bad)
                        .is_ok_and(|rendered| is_good(&rendered))
                );
                assert!(renderer.render(good).unwrap() == *expected);
            }
        }
    }
}
