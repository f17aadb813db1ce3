//! The header of a source: its size, and what it says about the patient.

use std::io::{self, Read};
use std::path::Path;

use crate::render::{self, Attributes, Description};
use crate::storage::Storage;

/// Bytes to read first, and then if the header does not end within these: nearly all headers are
/// shorter, but profiles and thumbnails can precede the size.
const STEPS: [u64; 2] = [64 << 10, 1 << 20];

/// No longer file is read as a whole for its header.
const MAX_BYTES: u64 = 64 << 20;

/// What a source says before its pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceHeader {
    pub description: Description,
    /// Only DICOM files have some.
    pub attributes: Attributes,
}

impl SourceHeader {
    /// Reads the header of the file `path`, and no more of it than is needed.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a picture.
    pub fn read(storage: &dyn Storage, path: &Path) -> io::Result<Self> {
        let mut file = storage.open(path, u64::MAX)?;
        let mut start = Vec::new();
        for limit in STEPS {
            let more = limit.saturating_sub(start.len() as u64);
            let is_whole = (file.by_ref().take(more).read_to_end(&mut start)? as u64) < more;
            match render::describe(&start) {
                Ok(description) => return Ok(Self::of(description, &start)),
                Err(error) if is_whole => return Err(io::Error::other(error)),
                Err(_) => {}
            }
        }
        let more = MAX_BYTES.saturating_sub(start.len() as u64);
        file.take(more).read_to_end(&mut start)?;
        let description = render::describe(&start).map_err(io::Error::other)?;
        Ok(Self::of(description, &start))
    }

    fn of(description: Description, start: &[u8]) -> Self {
        Self {
            description,
            attributes: render::attributes(start),
        }
    }
}
