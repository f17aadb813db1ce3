//! Properties of JPEG streams, in the renderer's own types.

use std::ffi::c_int;

use turbojpeg::raw;

/// The colour model of a JPEG, as stored.
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

/// The header of a JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) struct Header {
    pub width: usize,
    pub height: usize,
    pub color: Color,
    /// Bits per sample: 8 or 12 for lossy JPEGs, 2 to 16 for lossless ones.
    pub precision: u32,
    pub progressive: bool,
    /// Whether coding is arithmetic instead of Huffman.
    pub arithmetic: bool,
}

/// Pixel formats of libjpeg's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) enum Pixels {
    Gray,
    Rgb,
    Cmyk,
}

impl Pixels {
    pub(super) fn format(self) -> c_int {
        (match self {
            Pixels::Gray => raw::TJPF_TJPF_GRAY,
            Pixels::Rgb => raw::TJPF_TJPF_RGB,
            Pixels::Cmyk => raw::TJPF_TJPF_CMYK,
        }) as c_int
    }

    /// Samples per pixel.
    pub(in crate::render) fn samples(self) -> usize {
        match self {
            Pixels::Gray => 1,
            Pixels::Rgb => 3,
            Pixels::Cmyk => 4,
        }
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

/// How far the decoding got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::render) enum Decoded {
    /// To the end, possibly with warnings.
    Whole,
    /// To an error in the data. The rows before it have been written.
    Partly,
}
