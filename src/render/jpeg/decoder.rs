//! Decodes one JPEG with TurboJPEG.
//!
//! A [`Decoder`] owns its instance, its bytes and its header, so it always decodes the stream whose
//! header it read. It sizes the output buffer itself, from that header and the crop. Every JPEG has
//! its own instance, which costs a few microseconds: libjpeg keeps quantization and Huffman tables
//! between streams, and would decode a stream without tables with those of the previous image.

use std::borrow::Cow;
use std::ffi::c_int;

use turbojpeg::raw;

use super::super::RenderError;
use super::super::source::grow;
use super::markers::{SOS, segments};
use super::raw::{Handle, is_no_memory, malformed};
use super::types::{Color, Crop, Decoded, Header, Pixels};

/// More scans than any real progressive JPEG has. A file with thousands of scans is designed to
/// keep a decoder busy for hours.
const SCAN_LIMIT: c_int = 500;

/// Start of libjpeg's warning that the file ends early.
const ENDED: &str = "Premature end of JPEG";

/// Starts of libjpeg's warnings (`jerror.h`, JWRN). TurboJPEG's own error code also says "warning"
/// for an error that follows one, so the last message decides.
const WARNINGS: [&str; 8] = [
    "Corrupt JPEG data",
    ENDED,
    "Inconsistent progression sequence",
    "Invalid SOS parameters for sequential JPEG",
    "Unknown Adobe color transform code",
    "Unknown JFIF revision",
    "Warning: unknown JFIF revision",
    "Application transferred too many scanlines",
];

/// Parts of warnings that do not affect the picture: bytes without a marker, unusual headers.
const HARMLESS: [&str; 6] = [
    "extraneous bytes before marker",
    "bad ICC marker",
    "Invalid SOS parameters for sequential JPEG",
    "Unknown Adobe color transform code",
    "nknown JFIF revision",
    "Application transferred too many scanlines",
];

/// Parts of TurboJPEG's own messages, which are not about faults of the file.
const NOT_THE_FILE: [&str; 2] = ["tj3", "Memory limit"];

/// Part of TurboJPEG's message about a file that exceeds [`SCAN_LIMIT`].
const TOO_MANY_SCANS: &str = "scans";

/// Parts of messages that are not about damaged data: nothing to decode, or unsupported by libjpeg.
const NOT_DAMAGE: [&str; 5] = [
    "no image",
    "not supported",
    "Not implemented",
    "Unsupported color conversion",
    "Unsupported JPEG process",
];

/// A JPEG whose header has been read.
pub(in crate::render) struct Decoder<'a> {
    handle: Handle,
    jpeg: Cow<'a, [u8]>,
    header: Header,
    /// The part that the instance will decode; `None` for the whole image.
    cut: Option<Crop>,
    /// The first message about damage in the data.
    complaint: Option<String>,
}

impl<'a> Decoder<'a> {
    pub(in crate::render) fn open(jpeg: impl Into<Cow<'a, [u8]>>) -> Result<Self, RenderError> {
        let jpeg = jpeg.into();
        // libjpeg accepts a stream without a scan as one that contains only tables.
        if !segments(&jpeg).any(|segment| segment.marker == SOS) {
            return Err(malformed("the file ends before the image data"));
        }
        let mut handle = Handle::new(raw::TJINIT_TJINIT_DECOMPRESS)?;
        handle.set(raw::TJPARAM_TJPARAM_SCANLIMIT, SCAN_LIMIT)?;
        let (start, len) = (jpeg.as_ptr(), jpeg.len() as raw::size_t);
        // SAFETY: the instance is valid; pointer and length belong to a slice, which C only reads.
        let status = unsafe { raw::tj3DecompressHeader(handle.as_ptr(), start, len) };
        if let Status::Failed(message) = Status::of(&mut handle, status) {
            return Err(malformed(message));
        }
        let header = read_header(&mut handle)?;
        Ok(Self {
            handle,
            jpeg,
            header,
            cut: None,
            complaint: None,
        })
    }

    pub(in crate::render) fn header(&self) -> &Header {
        &self.header
    }

    /// Restarts the same JPEG: no crop, and no results of an earlier decoding.
    pub(super) fn reopen(&mut self) -> Result<(), RenderError> {
        *self = Self::open(std::mem::take(&mut self.jpeg))?;
        Ok(())
    }

    pub(in crate::render) fn bytes(&self) -> &[u8] {
        &self.jpeg
    }

    /// Creates a decoder of the first `len` bytes.
    pub(super) fn part_of_file(&self, len: usize) -> Result<Decoder<'_>, RenderError> {
        Decoder::open(&self.jpeg[..len.min(self.jpeg.len())])
    }

    /// libjpeg's message about missing or damaged data in the last decoding: the error that ended
    /// it, or else the first warning.
    pub(in crate::render) fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// Whether the first complaint of the last decoding was that the file ended early.
    pub(super) fn only_ended(&self) -> bool {
        self.complaint().is_some_and(|text| text.starts_with(ENDED))
    }

    /// Scales the output to an eighth, for decodings that only look for damage. Returns `false` if
    /// libjpeg cannot.
    pub(super) fn shrink(&mut self) -> bool {
        const EIGHTH: raw::tjscalingfactor = raw::tjscalingfactor { num: 1, denom: 8 };
        // SAFETY: the instance is valid; C reports an unsupported factor and does not use it.
        let is_taken = unsafe { raw::tj3SetScalingFactor(self.handle.as_ptr(), EIGHTH) } == 0;
        if is_taken {
            self.cut = Some(Crop {
                left: 0,
                top: 0,
                width: self.header.width.div_ceil(8),
                height: self.header.height.div_ceil(8),
            });
        }
        is_taken
    }

    /// Makes the first warning end the decoding, as an error does.
    pub(super) fn stop_at_warnings(&mut self) -> Result<(), RenderError> {
        self.handle.set(raw::TJPARAM_TJPARAM_STOPONWARNING, 1)
    }

    /// Restricts the decoding to a part of the image. If libjpeg cannot crop to it, this returns
    /// `false` and keeps the old part.
    pub(in crate::render) fn crop(&mut self, crop: Crop) -> bool {
        // A width or height of 0 means "to the edge" to TurboJPEG.
        if crop.width == 0 || crop.height == 0 {
            return false;
        }
        let int = |value: usize| c_int::try_from(value).unwrap_or(-1);
        let region = raw::tjregion {
            x: int(crop.left),
            y: int(crop.top),
            w: int(crop.width),
            h: int(crop.height),
        };
        let (right, bottom) = (
            crop.left.saturating_add(crop.width),
            crop.top.saturating_add(crop.height),
        );
        // Checked here too, since TurboJPEG adds in 32 bits.
        if right > self.header.width || bottom > self.header.height {
            return false;
        }
        // SAFETY: the instance is valid; C reports an unsupported region and does not use it.
        let is_cut = unsafe { raw::tj3SetCroppingRegion(self.handle.as_ptr(), region) } == 0;
        if is_cut {
            self.cut = Some(crop);
        }
        is_cut
    }

    /// The part that will be decoded.
    pub(in crate::render) fn part(&self) -> Crop {
        self.cut.unwrap_or(Crop {
            left: 0,
            top: 0,
            width: self.header.width,
            height: self.header.height,
        })
    }

    /// Decodes an image of at most 8 bits per sample to the beginning of `out`, which grows to hold
    /// [`Decoder::part`], row after row without gaps. Pixels that are not decoded are `fill`, or if
    /// that is `None`, keep the old contents of `out`.
    pub(in crate::render) fn decode8(
        &mut self,
        pixels: Pixels,
        fill: Option<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Decoded, RenderError> {
        if self.header.precision > 8 {
            return Err(self.wrong_precision());
        }
        let (pitch, len) = self.output(pixels)?;
        let out = grow(out, len)?;
        if let Some(fill) = fill {
            out.fill(fill);
        }
        let (start, size) = (self.jpeg.as_ptr(), self.jpeg.len() as raw::size_t);
        // SAFETY: the source is a slice that C only reads. C writes `part().height` rows of
        // `part().width` pixels, `pitch` samples apart. It reads the header of the same bytes
        // again, so its size equals that of `self.header`, and the crop is the one that it
        // accepted. `out` has just grown to that size.
        let status = unsafe {
            raw::tj3Decompress8(
                self.handle.as_ptr(),
                start,
                size,
                out.as_mut_ptr(),
                pitch,
                pixels.format(),
            )
        };
        let message = match Status::of(&mut self.handle, status) {
            Status::Done => return Ok(Decoded::Whole),
            Status::Warned(message) => {
                self.complaint = Some(message);
                return Ok(Decoded::Whole);
            }
            Status::Failed(message) => message,
        };
        let says = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
        if is_no_memory(&message) {
            Err(self.no_memory(pixels))
        } else if says(&NOT_THE_FILE) {
            Err(RenderError::Crashed(message))
        } else if message.contains(TOO_MANY_SCANS) {
            let feature = format!("a file of more than {SCAN_LIMIT} scans");
            Err(RenderError::Unsupported {
                format: "JPEG",
                feature,
            })
        } else if says(&NOT_DAMAGE) {
            Err(malformed(message))
        } else {
            self.complaint = Some(message);
            Ok(Decoded::Partly)
        }
    }

    /// Like [`Decoder::decode8`], for images of 9 to 16 bits per sample, but fails at an error in
    /// the data.
    pub(in crate::render) fn decode16(
        &mut self,
        pixels: Pixels,
        out: &mut Vec<u16>,
    ) -> Result<(), RenderError> {
        let precision = self.header.precision;
        if !(9..=16).contains(&precision) {
            return Err(self.wrong_precision());
        }
        let (pitch, len) = self.output(pixels)?;
        let out = grow(out, len)?;
        let (start, size) = (self.jpeg.as_ptr(), self.jpeg.len() as raw::size_t);
        let handle = self.handle.as_ptr();
        // SAFETY: as in `decode8`, with samples of two bytes; i16 and u16 have the same layout, and
        // 12-bit samples are never negative.
        let status = unsafe {
            if precision <= 12 {
                let out = out.as_mut_ptr().cast();
                raw::tj3Decompress12(handle, start, size, out, pitch, pixels.format())
            } else {
                raw::tj3Decompress16(
                    handle,
                    start,
                    size,
                    out.as_mut_ptr(),
                    pitch,
                    pixels.format(),
                )
            }
        };
        match Status::of(&mut self.handle, status) {
            Status::Failed(message) if is_no_memory(&message) => Err(self.no_memory(pixels)),
            Status::Failed(message) => Err(malformed(message)),
            Status::Done => Ok(()),
            Status::Warned(message) => {
                self.complaint = Some(message);
                Ok(())
            }
        }
    }

    /// The distance between rows and the size of the whole part, in samples.
    fn output(&self, pixels: Pixels) -> Result<(c_int, usize), RenderError> {
        let part = self.part();
        let pitch = part.width.saturating_mul(pixels.samples());
        let len = pitch.checked_mul(part.height);
        match (c_int::try_from(pitch), len) {
            (Ok(pitch), Some(len)) => Ok((pitch, len)),
            _ => Err(malformed("rows too long")),
        }
    }

    fn wrong_precision(&self) -> RenderError {
        malformed(format!(
            "samples of {} bits where others are expected",
            self.header.precision
        ))
    }

    /// The error if libjpeg runs out of memory. It needs at most the coefficients of the whole
    /// image, two bytes each.
    fn no_memory(&self, pixels: Pixels) -> RenderError {
        let Header { width, height, .. } = self.header;
        RenderError::NoMemory {
            bytes: width * height * pixels.samples() * 2,
        }
    }
}

fn read_header(handle: &mut Handle) -> Result<Header, RenderError> {
    let color = match handle.get(raw::TJPARAM_TJPARAM_COLORSPACE) as raw::TJCS {
        raw::TJCS_TJCS_GRAY => Color::Gray,
        raw::TJCS_TJCS_RGB => Color::Rgb,
        raw::TJCS_TJCS_YCbCr => Color::YCbCr,
        raw::TJCS_TJCS_CMYK => Color::Cmyk,
        raw::TJCS_TJCS_YCCK => Color::Ycck,
        other => return Err(malformed(format!("unknown colour space {other}"))),
    };
    let mut size = |parameter| {
        usize::try_from(handle.get(parameter)).map_err(|_| malformed("the header has no size"))
    };
    Ok(Header {
        width: size(raw::TJPARAM_TJPARAM_JPEGWIDTH)?,
        height: size(raw::TJPARAM_TJPARAM_JPEGHEIGHT)?,
        color,
        precision: handle.get(raw::TJPARAM_TJPARAM_PRECISION).unsigned_abs(),
        progressive: handle.get(raw::TJPARAM_TJPARAM_PROGRESSIVE) == 1,
        arithmetic: handle.get(raw::TJPARAM_TJPARAM_ARITHMETIC) == 1,
    })
}

/// The result of a TurboJPEG call.
enum Status {
    Done,
    /// There are pixels, and they should be used (for example from a truncated file).
    Warned(String),
    Failed(String),
}

impl Status {
    fn of(handle: &mut Handle, status: c_int) -> Self {
        if status == 0 {
            return Status::Done;
        }
        let message = handle.message();
        if WARNINGS.iter().any(|warning| message.starts_with(warning)) {
            Status::Warned(message)
        } else {
            Status::Failed(message)
        }
    }
}

/// Whether a warning means that nothing is missing in the picture.
pub(super) fn is_harmless(warning: &str) -> bool {
    HARMLESS.iter().any(|part| warning.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gray(width: usize, height: usize, change: fn(&mut turbojpeg::Compressor)) -> Vec<u8> {
        let pixels: Vec<u8> = (0..width * height).map(|at| (at % 251) as u8).collect();
        let mut compressor = turbojpeg::Compressor::new().unwrap();
        compressor.set_subsamp(turbojpeg::Subsamp::Gray).unwrap();
        change(&mut compressor);
        let image = turbojpeg::Image {
            pixels: pixels.as_slice(),
            width,
            pitch: width,
            height,
            format: turbojpeg::PixelFormat::GRAY,
        };
        compressor.compress_to_vec(image).unwrap()
    }

    fn lossless(compressor: &mut turbojpeg::Compressor) {
        compressor.set_lossless(true).unwrap();
    }

    /// A gray JPEG of 12 or 16 bits.
    fn deep(bits: u8, width: usize, height: usize) -> Vec<u8> {
        let highest = (1u32 << bits) - 1;
        let samples: Vec<u16> = (0..width * height)
            .map(|at| (at as u32 * 37 % highest) as u16)
            .collect();
        let mut handle = Handle::new(raw::TJINIT_TJINIT_COMPRESS).unwrap();
        let gray = raw::TJSAMP_TJSAMP_GRAY as c_int;
        handle.set(raw::TJPARAM_TJPARAM_SUBSAMP, gray).unwrap();
        handle.set(raw::TJPARAM_TJPARAM_QUALITY, 90).unwrap();
        let is_lossless = c_int::from(bits == 16);
        handle
            .set(raw::TJPARAM_TJPARAM_LOSSLESS, is_lossless)
            .unwrap();
        let (mut start, mut len) = (std::ptr::null_mut(), 0);
        let (width, height) = (width as c_int, height as c_int);
        let (source, format) = (samples.as_ptr(), Pixels::Gray.format());
        let handle = handle.as_ptr();
        // SAFETY: width and height match the number of samples; TurboJPEG allocates the output,
        // which is copied and freed.
        unsafe {
            let (start, len) = (&mut start, &mut len);
            let status = match bits {
                16 => raw::tj3Compress16(handle, source, width, 0, height, format, start, len),
                _ => {
                    raw::tj3Compress12(handle, source.cast(), width, 0, height, format, start, len)
                }
            };
            assert_eq!(status, 0);
            let jpeg = std::slice::from_raw_parts(*start, *len as usize).to_vec();
            raw::tj3Free((*start).cast());
            jpeg
        }
    }

    #[test]
    fn the_output_is_grown_to_the_image_or_to_the_cut() {
        let jpeg = gray(100, 60, |_| {});
        let mut decoder = Decoder::open(&jpeg).unwrap();
        let mut whole = vec![7; 3];
        decoder.decode8(Pixels::Gray, None, &mut whole).unwrap();
        assert_eq!(whole.len(), 100 * 60);

        let cut = Crop {
            left: 16,
            top: 9,
            width: 50,
            height: 20,
        };
        let mut decoder = Decoder::open(&jpeg).unwrap();
        assert!(decoder.crop(cut));
        let mut part = Vec::new();
        decoder.decode8(Pixels::Gray, None, &mut part).unwrap();
        assert_eq!(part.len(), 50 * 20);
        assert_eq!(part[..50], whole[9 * 100 + 16..][..50]);
        // Three channels of the same crop take three times the room.
        let mut decoder = Decoder::open(&jpeg).unwrap();
        assert!(decoder.crop(cut));
        let mut rgb = Vec::new();
        decoder.decode8(Pixels::Rgb, None, &mut rgb).unwrap();
        assert_eq!(rgb.len(), 3 * 50 * 20);
    }

    #[test]
    fn a_cut_outside_the_image_or_of_nothing_is_refused_and_changes_nothing() {
        let jpeg = gray(100, 60, |_| {});
        let mut decoder = Decoder::open(&jpeg).unwrap();
        let whole = decoder.part();
        for (left, top, width, height) in [
            (0, 0, 101, 1),
            (8, 0, 93, 1),
            (0, 60, 8, 1),
            (0, 0, 0, 5),
            (0, 0, 5, 0),
            (3, 0, 8, 8),
            (8, 0, usize::MAX, 1),
            (1 << 40, 0, 8, 8),
            (8, 0, (1 << 31) - 8, 1 << 31),
        ] {
            let crop = Crop {
                left,
                top,
                width,
                height,
            };
            assert!(!decoder.crop(crop), "{crop:?}");
            assert_eq!(decoder.part(), whole);
        }
        let mut out = Vec::new();
        decoder.decode8(Pixels::Gray, None, &mut out).unwrap();
        assert_eq!(out.len(), 100 * 60);
    }

    #[test]
    fn a_lossless_jpeg_is_never_cut_and_decoded_whole() {
        let jpeg = gray(100, 60, lossless);
        let mut decoder = Decoder::open(&jpeg).unwrap();
        let cut = Crop {
            left: 0,
            top: 0,
            width: 8,
            height: 8,
        };
        assert!(!decoder.crop(cut));
        let mut out = Vec::new();
        decoder.decode8(Pixels::Gray, None, &mut out).unwrap();
        let expected: Vec<u8> = (0..100 * 60).map(|at| (at % 251) as u8).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn samples_of_another_depth_are_refused() {
        for (bits, jpeg) in [
            (8, gray(64, 40, |_| {})),
            (12, deep(12, 64, 40)),
            (16, deep(16, 64, 40)),
        ] {
            let mut decoder = Decoder::open(&jpeg).unwrap();
            assert_eq!(decoder.header().precision, bits);
            let (mut bytes, mut words) = (Vec::new(), Vec::new());
            let bytes = decoder
                .decode8(Pixels::Gray, None, &mut bytes)
                .map(|_| bytes.len());
            let words = decoder
                .decode16(Pixels::Gray, &mut words)
                .map(|()| words.len());
            assert_eq!(bytes.ok(), (bits == 8).then_some(64 * 40));
            assert_eq!(words.ok(), (bits != 8).then_some(64 * 40));
        }
    }

    #[test]
    fn a_part_of_a_12_bit_image_is_as_large_as_the_part() {
        let jpeg = deep(12, 64, 40);
        let mut decoder = Decoder::open(&jpeg).unwrap();
        assert!(decoder.crop(Crop {
            left: 8,
            top: 3,
            width: 20,
            height: 10,
        }));
        let mut out = Vec::new();
        decoder.decode16(Pixels::Gray, &mut out).unwrap();
        assert_eq!(out.len(), 20 * 10);
    }

    #[test]
    fn fill_stands_where_nothing_is_decoded() {
        // Without its quantization table (its segment becomes a comment), nothing can be decoded.
        let mut jpeg = gray(64, 64, |_| {});
        let table = jpeg.windows(2).position(|bytes| bytes == [0xff, 0xdb]);
        jpeg[table.unwrap() + 1] = 0xfe;
        let mut decoder = Decoder::open(&jpeg).unwrap();
        let mut out = vec![1; 64 * 64];
        let decoded = decoder.decode8(Pixels::Gray, Some(99), &mut out).unwrap();
        assert_eq!(decoded, Decoded::Partly);
        assert_eq!(out, [99; 64 * 64]);
    }
}
