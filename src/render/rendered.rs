//! The result of rendering.

use std::fmt;

/// A finished image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub jpeg: Vec<u8>,
    pub notes: Notes,
}

/// What the user should know about a source that could be decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// Set if parts of the picture differ from the original source.
    pub damage: Option<Damage>,
    /// Whether a DICOM file has bits set above its HighBit: an old overlay, which can contain a
    /// burned-in patient name.
    pub has_overlay_bits: bool,
}

/// What is missing or damaged in a source that can still be decoded, such as
/// `the image data end after 512 of 1024 rows`. machex renders the remaining data as the reference
/// does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage(String);

impl Damage {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
