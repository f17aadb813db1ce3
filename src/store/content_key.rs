//! One number for everything that decides the bytes of a finished image.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::render::{RENDERER_VERSION, RenderParams};
use crate::storage::Stamp;

/// Increased by every change to how a content key is made.
const KEY_VERSION: u32 = 1;

/// The version of the records of images: it changes with the renderer or with content keys. Both
/// versions only rise, and so does their sum.
pub const CONTENT_VERSION: u32 = RENDERER_VERSION + KEY_VERSION;

/// Which source of which dataset; independent of where the dataset is stored.
///
/// The key of an entry is not enough: two rows of PadChest can have the same ImageID in two
/// folders, and their files may have the same stamp; and the keys of SIIM-ACR are absolute paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceId<'a> {
    /// Folder of the dataset in the tree, such as `chex-ray14`.
    pub dataset: &'a str,
    /// Path of the source below the root of the raw dataset, as bytes: its folder there, and its
    /// key as far as it is looked up in that folder.
    pub below_root: &'a [u8],
}

/// Hash of dataset, location of the source in the dataset, its stamp, render parameters, and the
/// versions of renderer and keys. A changed source or setting gives another key, so that old files
/// are never used for it; a dataset that moves keeps its keys. XXH3 with 128 bits: sources are not
/// hostile, and a million keys collide with a probability below 1e-26.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContentKey(u128);

impl ContentKey {
    /// The key of the image that `params` make of `source` with this stamp.
    pub fn new(source: SourceId<'_>, stamp: Stamp, params: RenderParams) -> Self {
        // Field by field: a field that is not hashed does not compile.
        let SourceId {
            dataset,
            below_root,
        } = source;
        let RenderParams { size, quality } = params;
        let mut hash = Xxh3::new();
        for name in [dataset.as_bytes(), below_root] {
            hash.update(&(name.len() as u64).to_le_bytes());
            hash.update(name);
        }
        hash.update(&stamp.to_bytes());
        hash.update(&size.to_le_bytes());
        hash.update(&[quality]);
        hash.update(&RENDERER_VERSION.to_le_bytes());
        hash.update(&KEY_VERSION.to_le_bytes());
        Self(hash.digest128())
    }
}

/// The images of one dataset with these settings: a hash of what their content keys share. It is
/// only good for counting them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentGroup(u32);

impl ContentGroup {
    /// The images that `params` make of `dataset`, by the folder of that.
    pub fn new(dataset: &str, params: RenderParams) -> Self {
        let RenderParams { size, quality } = params;
        let mut hash = Xxh3::new();
        hash.update(dataset.as_bytes());
        hash.update(&size.to_le_bytes());
        hash.update(&[quality]);
        hash.update(&CONTENT_VERSION.to_le_bytes());
        // Half of the bits, since there are only a few.
        Self(hash.digest() as u32)
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The group of [`Self::number`].
    pub fn of_number(number: u32) -> Self {
        Self(number)
    }
}

impl ContentKey {
    /// The key of a file that depends only on these `parts`, such as a dataset's index.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Xxh3::new();
        for part in parts {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.digest128())
    }

    /// Its sixteen bytes, most significant first.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The key of [`Self::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentKey({self})")
    }
}

impl FromStr for ContentKey {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

impl From<ContentKey> for String {
    fn from(key: ContentKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for ContentKey {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_decides_the_bytes_changes_the_key() {
        let source = SourceId {
            dataset: "padchest",
            below_root: b"0/a.png",
        };
        let stamp = Stamp::of_file(4, (1_000_000, 0));
        let params = RenderParams::default();
        let key = ContentKey::new(source, stamp, params);
        assert_eq!(key, ContentKey::new(source, stamp, params), "the same");
        let brax = SourceId {
            dataset: "brax",
            ..source
        };
        let shifted = SourceId {
            dataset: "padchest0",
            below_root: b"/a.png",
        };
        for (other, what) in [(brax, "another dataset"), (shifted, "other parts")] {
            assert_ne!(key, ContentKey::new(other, stamp, params), "{what}");
        }
        let elsewhere = SourceId {
            below_root: b"1/a.png",
            ..source
        };
        let other = ContentKey::new(elsewhere, stamp, params);
        assert_ne!(key, other, "the same name in another folder");
        for (size, quality) in [(512, params.quality), (params.size, 90)] {
            let other = ContentKey::new(source, stamp, RenderParams { size, quality });
            assert_ne!(key, other, "another size or quality");
        }
        for other in [
            Stamp::of_file(5, stamp.modified),
            Stamp::of_file(4, (1_000_000, 1)),
        ] {
            assert_ne!(key, ContentKey::new(source, other, params), "{other:?}");
        }
    }

    #[test]
    fn text_form_reads_back() {
        let key = ContentKey(0x0123_4567_89ab_cdef);
        assert_eq!(key.to_string().len(), 32);
        assert_eq!(key.to_string().parse(), Ok(key));
    }
}
