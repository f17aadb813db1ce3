//! What `materialize` finished of one dataset.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{ContentKey, Record, Records};
use crate::catalog::names;

/// The materialized images of one dataset and what is remembered of them.
#[derive(Debug)]
pub struct FinishedTree {
    folder: PathBuf,
    records: Records,
}

impl FinishedTree {
    /// Reads the records in `state` of the images in `folder`. Neither needs to be there.
    pub fn open(folder: &Path, state: &Path) -> io::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            records: Records::read(state)?,
        })
    }

    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Where the image `number` is, or would be.
    pub fn image_path(&self, number: u32) -> PathBuf {
        self.folder.join(names::image_path(number))
    }

    /// Whether the image `number` was finished as what `key` makes; whether its file is there is not
    /// looked at.
    pub fn has_record(&self, number: u32, key: ContentKey) -> bool {
        self.records
            .get(number)
            .is_some_and(|record| record.key == key)
    }

    /// Size of the image `number` in bytes, if its file is there, whole, and what `key` makes.
    pub fn size_of(&self, number: u32, key: ContentKey) -> Option<u64> {
        let Record { size, .. } = *self
            .records
            .get(number)
            .filter(|record| record.key == key)?;
        fs::symlink_metadata(self.image_path(number))
            .is_ok_and(|file| file.is_file() && file.size() == size)
            .then_some(size)
    }
}
