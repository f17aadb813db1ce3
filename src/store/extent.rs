//! How many images the sources of a dataset held when `materialize` last read them.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::{Durability, PrivateFolder, Temporary, no_follow};

const NAME: &str = "extent.json";

/// Stored beside the records, so that machex notices a folder or list that has lost images before
/// it removes what was made from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Root of the raw dataset.
    pub root: PathBuf,
    /// Images of all views in the folder or the lists, whatever the settings selected.
    pub images: u32,
    /// Selected images, and how many of them had labels.
    #[serde(default)]
    pub entries: u32,
    #[serde(default)]
    pub labelled: u32,
    /// How many of them had a report when the index was last written.
    #[serde(default)]
    pub reports: u32,
}

impl Extent {
    /// Reads the extent in a folder of records. Trees of older versions have none; a damaged one
    /// counts as none.
    pub(super) fn read(folder: impl AsFd) -> Option<Self> {
        let mut text = Vec::new();
        let file = no_follow::open_file(folder, Path::new(NAME)).ok()?;
        file.take(1 << 16).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes this to the folder of records of its dataset.
    pub fn write(&self, folder: &PrivateFolder, durability: Durability) -> io::Result<()> {
        let mut temporary = Temporary::create(&folder.handle_path().join(NAME))?;
        let text = serde_json::to_vec(self)?;
        temporary.file().write_all(&text)?;
        temporary.commit(durability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Trust;
    use std::fs;

    #[test]
    fn an_extent_is_read_back_and_a_damaged_one_is_none() {
        let base = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::open(base.path(), Trust::Group).unwrap();
        assert_eq!(Extent::read(&folder), None);
        let extent = Extent {
            root: PathBuf::from("/data/openi"),
            images: 7470,
            entries: 7000,
            labelled: 6000,
            reports: 5000,
        };
        extent.write(&folder, Durability::Accepted).unwrap();
        assert_eq!(Extent::read(&folder), Some(extent));
        fs::write(base.path().join(NAME), r#"{"root":"/data/op"#).unwrap();
        assert_eq!(Extent::read(&folder), None);
    }
}
