//! What decides the bytes of a finished image, in one number.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::render::{RENDERER_VERSION, RenderParams};

/// What changes with the content of a published file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// Modification time: seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified: (
                metadata.mtime(),
                u32::try_from(metadata.mtime_nsec()).unwrap_or(0),
            ),
        }
    }
}

/// Hash of source path, source size, source modification time, render parameters and renderer
/// version. A changed source or setting has another key, so that it can never be taken for what
/// was made before. XXH3 with 128 bits: sources are not hostile, and a million keys collide with
/// a probability below 1e-26.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContentKey(u128);

impl ContentKey {
    /// The key of the image that `params` make of the file `source` with this stamp.
    pub fn new(source: &Path, stamp: Stamp, params: RenderParams) -> Self {
        let mut hash = Xxh3::new();
        let path = source.as_os_str().as_bytes();
        hash.update(&(path.len() as u64).to_le_bytes());
        hash.update(path);
        hash.update(&stamp.size.to_le_bytes());
        hash.update(&stamp.modified.0.to_le_bytes());
        hash.update(&i64::from(stamp.modified.1).to_le_bytes());
        hash.update(&params.size.to_le_bytes());
        hash.update(&[params.quality]);
        hash.update(&RENDERER_VERSION.to_le_bytes());
        Self(hash.digest128())
    }
}

impl ContentKey {
    /// The key of a file that follows from these `parts` alone, such as a dataset's index.
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
    use std::fs;
    use std::time::{Duration, SystemTime};

    #[test]
    fn everything_that_decides_the_bytes_changes_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for path in [&a, &b] {
            fs::write(path, "1234").unwrap();
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(then)
                .unwrap();
        }
        let params = RenderParams::default();
        let key = |path: &Path, params| {
            ContentKey::new(path, Stamp::of(&fs::metadata(path).unwrap()), params)
        };
        let first = key(&a, params);
        assert_eq!(first, key(&a, params), "the same");
        assert_ne!(first, key(&b, params), "another path");
        assert_ne!(
            first,
            key(
                &a,
                RenderParams {
                    size: 512,
                    ..params
                }
            ),
            "another size"
        );
        assert_ne!(
            first,
            key(
                &a,
                RenderParams {
                    quality: 90,
                    ..params
                }
            ),
            "another quality"
        );

        let file = fs::File::options().write(true).open(&a).unwrap();
        file.set_modified(then + Duration::from_nanos(1)).unwrap();
        assert_ne!(first, key(&a, params), "another modification time");
        fs::write(&a, "12345").unwrap();
        file.set_modified(then).unwrap();
        assert_ne!(first, key(&a, params), "another length");
    }

    #[test]
    fn text_form_reads_back() {
        let key = ContentKey(0x0123_4567_89ab_cdef);
        assert_eq!(key.to_string().len(), 32);
        assert_eq!(key.to_string().parse(), Ok(key));
    }
}
