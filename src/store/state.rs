//! The folder beside the tree in which machex remembers what it made.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// `<MACHEX_PATH>.state`. Beside the tree and not in the user's cache, since all nodes of a cluster
/// that work on one tree must see it; not inside, since every entry of the tree's root is taken
/// for a dataset.
#[derive(Debug, Clone)]
pub struct StateFolder {
    root: PathBuf,
}

impl StateFolder {
    /// The state folder of the tree `machex_path`; nothing is made yet.
    pub fn of(machex_path: &Path) -> Self {
        let mut name = machex_path.as_os_str().to_owned();
        name.push(".state");
        Self {
            root: PathBuf::from(name),
        }
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Folder of one dataset's records.
    pub fn dataset(&self, folder: &str) -> PathBuf {
        self.root.join(folder)
    }

    /// Makes the folder.
    pub fn create(&self) -> io::Result<()> {
        fs::create_dir_all(&self.root)
    }
}
