//! The folder beside the tree in which machex remembers what it made.

use std::io;
use std::path::{Path, PathBuf};

use crate::files::{Links, NotOurs, ParentFolder, PrivateFolder, Trust};

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

    /// Opens the folder to write to it, if it is there.
    ///
    /// # Errors
    /// [`super::NotOurs`] inside of an [`io::Error`] where it is a link, belongs to another user or
    /// can be written by everybody: what is in it decides what is taken for finished.
    pub fn open(&self) -> io::Result<Option<PrivateFolder>> {
        match PrivateFolder::open(&self.root, Trust::Group) {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Like [`Self::open`], and makes the folder where there is none. Other users may mount the tree,
    /// and read its records for that.
    pub fn open_or_create(&self) -> io::Result<PrivateFolder> {
        let (Some(above), Some(name)) = (self.root.parent(), self.root.file_name()) else {
            return Err(NotOurs::NotAFolder.into());
        };
        let above = ParentFolder::open_or_create(above, Links::TrustedByRoot, 0o777)?;
        above.private(name, Trust::Group, 0o755)
    }
}
