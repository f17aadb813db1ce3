//! Distinguishing contents of published files without reading them.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// A stamp that changes with the content of a published file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    pub tag: Tag,
    /// Modification time, for display and for `st_mtime`: seconds since 1970, and nanoseconds. Only
    /// the tag distinguishes contents.
    pub modified: (i64, u32),
}

/// Sixteen bytes that differ if the content does. The last byte says what the others are made from,
/// so that tags of different kinds are never equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag([u8; 16]);

/// Last byte of a tag made from a modification time.
const OF_TIME: u8 = 0;

impl Stamp {
    /// The stamp of a file, from its modification time.
    pub fn of_file(size: u64, modified: (i64, u32)) -> Self {
        Self {
            size,
            tag: Tag::of_time(modified),
            modified,
        }
    }

    /// The stamp of a file in the file system.
    pub fn of(metadata: &Metadata) -> Self {
        let nanoseconds = u32::try_from(metadata.mtime_nsec()).unwrap_or(0);
        Self::of_file(metadata.size(), (metadata.mtime(), nanoseconds))
    }

    /// Its size and tag, for hashing. The modification time is not included: if the tag is made
    /// from something else, it may differ from copy to copy.
    pub fn to_bytes(self) -> [u8; 24] {
        let Self {
            size,
            tag: Tag(tag),
            modified: _,
        } = self;
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&size.to_le_bytes());
        bytes[8..].copy_from_slice(&tag);
        bytes
    }
}

impl Tag {
    /// The tag of a file with this modification time: seconds since 1970, and nanoseconds.
    pub fn of_time((seconds, nanoseconds): (i64, u32)) -> Self {
        let mut tag = [0; 16];
        tag[..8].copy_from_slice(&seconds.to_le_bytes());
        tag[8..12].copy_from_slice(&nanoseconds.to_le_bytes());
        tag[15] = OF_TIME;
        Self(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_time_are_told_apart() {
        let first = Stamp::of_file(4, (1_000_000, 0));
        for other in [
            Stamp::of_file(5, (1_000_000, 0)),
            Stamp::of_file(4, (1_000_001, 0)),
            Stamp::of_file(4, (1_000_000, 1)),
            Stamp::of_file(4, (-1_000_000, 0)),
        ] {
            assert_ne!(first, other);
            assert_ne!(first.to_bytes(), other.to_bytes());
        }
    }
}
