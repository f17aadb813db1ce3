//! What the renderer returns.

use std::fmt;

/// A finished image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub jpeg: Vec<u8>,
    pub notes: Notes,
}

/// What a person should know of a source that could be decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// Set where parts of the picture are not what the source once showed.
    pub damage: Option<Damage>,
    /// A DICOM file has bits set above its HighBit: an old overlay, into which the name of a patient
    /// may be burned.
    pub has_overlay_bits: bool,
}

/// What is missing or damaged in a source that can be decoded all the same, in words such as
/// `the image data end after 512 of 1024 rows`. The image is made of what is there, as the reference
/// does it.
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
