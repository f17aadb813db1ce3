//! The folder beside the tree that holds machex' records of it.

use std::io;
use std::path::{Path, PathBuf};

use crate::files::{Links, NotOurs, ParentFolder, PrivateFolder, Trust};

/// `<MACHEX_PATH>.state`. Beside the tree and not in the user's cache, since all nodes of a cluster
/// that work on the tree must see it; not inside the tree, since consumers take every entry of its
/// root for a dataset.
#[derive(Debug, Clone)]
pub struct StateFolder {
    root: PathBuf,
}

impl StateFolder {
    /// The state folder of the tree `machex_path`; does not create it.
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

    /// Opens the folder for writing, if it exists.
    ///
    /// # Errors
    /// [`crate::files::NotOurs`] inside an [`io::Error`] if it is a link, belongs to another user or
    /// everybody can write to it: the records decide which images count as finished.
    pub fn open(&self) -> io::Result<Option<PrivateFolder>> {
        match PrivateFolder::open(&self.root, Trust::Group) {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Like [`Self::open`], but creates the folder if there is none. Other users may mount the
    /// tree, and need to read its records for that.
    pub fn open_or_create(&self) -> io::Result<PrivateFolder> {
        let (Some(above), Some(name)) = (self.root.parent(), self.root.file_name()) else {
            return Err(NotOurs::NotAFolder.into());
        };
        let above = ParentFolder::open_or_create(above, Links::TrustedByRoot, 0o777)?;
        above.private(name, Trust::Group, 0o755)
    }
}
