//! A safe face for the few functions of TurboJPEG (libjpeg-turbo 3.1) that the renderer needs.
//!
//! The `turbojpeg` crate's own safe interface has neither cropping nor the high precisions.

use std::ffi::{CStr, c_int};
use std::ptr;

use turbojpeg::raw;

use super::super::RenderError;
use super::markers::{SOS, segments};

/// More scans than any real progressive JPEG has; a file with thousands of them is made to keep a
/// decoder busy for hours.
const SCAN_LIMIT: c_int = 500;

/// How libjpeg's warnings begin (`jerror.h`, JWRN). TurboJPEG's own error code says "warning" of an
/// error that comes after one, so the last message has to tell.
const WARNINGS: [&str; 8] = [
    "Corrupt JPEG data",
    "Premature end of JPEG",
    "Inconsistent progression sequence",
    "Invalid SOS parameters for sequential JPEG",
    "Unknown Adobe color transform code",
    "Unknown JFIF revision",
    "Warning: unknown JFIF revision",
    "Application transferred too many scanlines",
];

/// Parts of messages that speak of no damage in the data: TurboJPEG's own, a file beyond
/// [`SCAN_LIMIT`], no memory, nothing there to decode, and what libjpeg cannot do.
const NOT_DAMAGE: [&str; 9] = [
    "tj3",
    "scans",
    "Insufficient memory",
    "Memory limit",
    "no image",
    "not supported",
    "Not implemented",
    "Unsupported color conversion",
    "Unsupported JPEG process",
];

/// Samples of a JPEG, as it stores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) enum Color {
    Gray,
    Rgb,
    YCbCr,
    Cmyk,
    Ycck,
}

impl Color {
    pub(in crate::render) fn components(self) -> usize {
        match self {
            Color::Gray => 1,
            Color::Rgb | Color::YCbCr => 3,
            Color::Cmyk | Color::Ycck => 4,
        }
    }
}

/// What the header of a JPEG says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) struct Header {
    pub width: usize,
    pub height: usize,
    pub color: Color,
    /// Bits a sample: 8 or 12 for lossy, 2 to 16 for lossless JPEGs.
    pub precision: u32,
    pub progressive: bool,
}

/// Pixels as libjpeg hands them over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) enum Pixels {
    Gray,
    Rgb,
    Cmyk,
}

impl Pixels {
    fn format(self) -> c_int {
        (match self {
            Pixels::Gray => raw::TJPF_TJPF_GRAY,
            Pixels::Rgb => raw::TJPF_TJPF_RGB,
            Pixels::Cmyk => raw::TJPF_TJPF_CMYK,
        }) as c_int
    }
}

/// The part of an image to decode; `left` must be a multiple of the MCU width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) struct Crop {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// How far a decoding came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) enum Decoded {
    /// To the end, if with warnings.
    Whole,
    /// To an error in the data; the rows before it have been written.
    Partly,
}

/// A TurboJPEG instance; freed when dropped.
pub(in crate::render) struct Handle(raw::tjhandle);

// SAFETY: an instance is plain memory without ties to a thread; `&mut` on every use keeps it to
// one thread at a time.
unsafe impl Send for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from tj3Init and is not used again.
        unsafe { raw::tj3Destroy(self.0) }
    }
}

impl Handle {
    fn new(kind: raw::TJINIT) -> Result<Self, RenderError> {
        // SAFETY: no preconditions; null means out of memory.
        let handle = unsafe { raw::tj3Init(kind as c_int) };
        if handle.is_null() {
            return Err(malformed("no memory for a codec".to_owned()));
        }
        Ok(Self(handle))
    }

    /// An instance for decoding.
    pub(in crate::render) fn decoder() -> Result<Self, RenderError> {
        let mut handle = Self::new(raw::TJINIT_TJINIT_DECOMPRESS)?;
        handle.set(raw::TJPARAM_TJPARAM_SCANLIMIT, SCAN_LIMIT)?;
        Ok(handle)
    }

    /// An instance for encoding.
    pub(in crate::render) fn encoder() -> Result<Self, RenderError> {
        Self::new(raw::TJINIT_TJINIT_COMPRESS)
    }

    pub(in crate::render) fn set(
        &mut self,
        parameter: raw::TJPARAM,
        value: c_int,
    ) -> Result<(), RenderError> {
        // SAFETY: the handle is valid; wrong parameters are reported, not acted on.
        match unsafe { raw::tj3Set(self.0, parameter as c_int, value) } {
            0 => Ok(()),
            _ => Err(malformed(self.message())),
        }
    }

    fn get(&mut self, parameter: raw::TJPARAM) -> c_int {
        // SAFETY: the handle is valid.
        unsafe { raw::tj3Get(self.0, parameter as c_int) }
    }

    /// The last error or warning in libjpeg's words.
    pub(in crate::render) fn message(&mut self) -> String {
        // SAFETY: the handle is valid; the string lives in it until the next call.
        let text = unsafe { CStr::from_ptr(raw::tj3GetErrorStr(self.0)) };
        text.to_string_lossy().into_owned()
    }

    /// A warning (a truncated file, say) leaves pixels that are to be used; all else is an error.
    fn check(&mut self, status: c_int) -> Result<(), RenderError> {
        match self.last_fault(status) {
            None => Ok(()),
            Some(message) => Err(malformed(message)),
        }
    }

    /// What went wrong in a call that returned `status`, if it was worse than a warning.
    fn last_fault(&mut self, status: c_int) -> Option<String> {
        let message = (status != 0).then(|| self.message())?;
        let is_warning = WARNINGS.iter().any(|warning| message.starts_with(warning));
        (!is_warning).then_some(message)
    }

    /// Reads the header.
    pub(in crate::render) fn header(&mut self, jpeg: &[u8]) -> Result<Header, RenderError> {
        // A stream without a scan would leave the header of the image before.
        if !segments(jpeg).any(|segment| segment.marker == SOS) {
            return Err(malformed("the file ends before the image data".to_owned()));
        }
        // SAFETY: pointer and length are those of a slice.
        let status =
            unsafe { raw::tj3DecompressHeader(self.0, jpeg.as_ptr(), jpeg.len() as raw::size_t) };
        self.check(status)?;
        let color = match self.get(raw::TJPARAM_TJPARAM_COLORSPACE) as raw::TJCS {
            raw::TJCS_TJCS_GRAY => Color::Gray,
            raw::TJCS_TJCS_RGB => Color::Rgb,
            raw::TJCS_TJCS_YCbCr => Color::YCbCr,
            raw::TJCS_TJCS_CMYK => Color::Cmyk,
            raw::TJCS_TJCS_YCCK => Color::Ycck,
            other => return Err(malformed(format!("unknown colour space {other}"))),
        };
        let size = |value: c_int| {
            usize::try_from(value).map_err(|_| malformed("the header has no size".to_owned()))
        };
        Ok(Header {
            width: size(self.get(raw::TJPARAM_TJPARAM_JPEGWIDTH))?,
            height: size(self.get(raw::TJPARAM_TJPARAM_JPEGHEIGHT))?,
            color,
            precision: self.get(raw::TJPARAM_TJPARAM_PRECISION).unsigned_abs(),
            progressive: self.get(raw::TJPARAM_TJPARAM_PROGRESSIVE) == 1,
        })
    }

    /// Restricts the next decoding, after [`Handle::header`], to a part of the image; `false` when
    /// libjpeg cannot cut there.
    pub(in crate::render) fn crop(&mut self, crop: Option<Crop>) -> bool {
        let crop = crop.unwrap_or(Crop {
            left: 0,
            top: 0,
            width: 0,
            height: 0,
        });
        let int = |value: usize| c_int::try_from(value).unwrap_or(c_int::MAX);
        let region = raw::tjregion {
            x: int(crop.left),
            y: int(crop.top),
            w: int(crop.width),
            h: int(crop.height),
        };
        // SAFETY: the handle is valid; a region outside the image is reported, not acted on.
        unsafe { raw::tj3SetCroppingRegion(self.0, region) == 0 }
    }

    /// Decodes 8-bit samples into `out`, which must hold `height` rows of `row_len` bytes for the
    /// (cropped) image that [`Handle::header`] and [`Handle::crop`] announced.
    pub(in crate::render) fn decode8(
        &mut self,
        jpeg: &[u8],
        pixels: Pixels,
        row_len: usize,
        height: usize,
        out: &mut [u8],
    ) -> Result<Decoded, RenderError> {
        assert!(out.len() >= row_len * height);
        let pitch = c_int::try_from(row_len).map_err(|_| malformed("rows too long".to_owned()))?;
        let size = jpeg.len() as raw::size_t;
        // SAFETY: the source is a slice; `out` holds all rows, as asserted and as the caller's
        // header and crop say.
        let status = unsafe {
            raw::tj3Decompress8(
                self.0,
                jpeg.as_ptr(),
                size,
                out.as_mut_ptr(),
                pitch,
                pixels.format(),
            )
        };
        match self.last_fault(status) {
            None => Ok(Decoded::Whole),
            Some(message) if NOT_DAMAGE.iter().any(|part| message.contains(part)) => {
                Err(malformed(message))
            }
            Some(_) => Ok(Decoded::Partly),
        }
    }

    /// Decodes samples of 9 to 16 bits into `out`, which must hold the whole image.
    pub(in crate::render) fn decode16(
        &mut self,
        jpeg: &[u8],
        header: &Header,
        pixels: Pixels,
        out: &mut [u16],
    ) -> Result<(), RenderError> {
        assert!(out.len() >= header.width * header.height * header.color.components());
        let (source, size) = (jpeg.as_ptr(), jpeg.len() as raw::size_t);
        // SAFETY: the source is a slice; `out` holds the whole image, as asserted; i16 and u16
        // have one layout, and 12-bit samples are never negative.
        let status = unsafe {
            if header.precision <= 12 {
                let out = out.as_mut_ptr().cast();
                raw::tj3Decompress12(self.0, source, size, out, 0, pixels.format())
            } else {
                raw::tj3Decompress16(self.0, source, size, out.as_mut_ptr(), 0, pixels.format())
            }
        };
        self.check(status)
    }

    /// Bytes that the encoding of a `size` x `size` image with 4:2:0 can take.
    pub(in crate::render) fn most_encoded(size: c_int) -> usize {
        // SAFETY: no preconditions; wrong sizes give 0.
        let bytes = unsafe { raw::tj3JPEGBufSize(size, size, raw::TJSAMP_TJSAMP_420 as c_int) };
        bytes as usize
    }

    /// Encodes `size` x `size` pixels with what was [`Handle::set`] before: gray ones (`size` even)
    /// as three components with 4:2:0 and this plane for both chromas, or RGB ones. `buffer` must
    /// have [`Handle::most_encoded`] bytes; the JPEG is at its start.
    pub(in crate::render) fn encode<'b>(
        &mut self,
        pixels: &[u8],
        chroma: Option<&[u8]>,
        size: usize,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], String> {
        let side = c_int::try_from(size).map_err(|error| error.to_string())?;
        assert!(buffer.len() >= Self::most_encoded(side));
        self.set(raw::TJPARAM_TJPARAM_NOREALLOC, 1)
            .map_err(|error| error.to_string())?;
        let (mut jpeg, mut jpeg_len) = (buffer.as_mut_ptr(), buffer.len() as raw::size_t);
        let status = match chroma {
            Some(chroma) => {
                assert!(size.is_multiple_of(2) && pixels.len() >= size * size);
                assert!(chroma.len() >= size.div_ceil(2) * size.div_ceil(2));
                let planes = [pixels.as_ptr(), chroma.as_ptr(), chroma.as_ptr()];
                let (planes, strides) = (planes.as_ptr(), ptr::null());
                // SAFETY: three planes of the sizes that 4:2:0 asks for, as asserted; with
                // NOREALLOC nothing is written beyond `buffer`.
                unsafe {
                    raw::tj3CompressFromYUVPlanes8(
                        self.0,
                        planes,
                        side,
                        strides,
                        side,
                        &mut jpeg,
                        &mut jpeg_len,
                    )
                }
            }
            None => {
                assert!(pixels.len() >= size * size * 3);
                let (pixels, format) = (pixels.as_ptr(), Pixels::Rgb.format());
                // SAFETY: `pixels` holds the whole image, as asserted; with NOREALLOC nothing is
                // written beyond `buffer`.
                unsafe {
                    raw::tj3Compress8(
                        self.0,
                        pixels,
                        side,
                        0,
                        side,
                        format,
                        &mut jpeg,
                        &mut jpeg_len,
                    )
                }
            }
        };
        match status {
            0 => Ok(&buffer[..jpeg_len as usize]),
            _ => Err(self.message()),
        }
    }
}

fn malformed(problem: String) -> RenderError {
    RenderError::Malformed {
        format: "JPEG",
        problem,
    }
}
