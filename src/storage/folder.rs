//! The file system as a [`Storage`].

use std::fs::{self, DirEntry, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use super::{
    Inode, Kind, Listed, Listing, OpenFile, Stamp, Stat, Storage, changed, remembered_stat,
};
use crate::files::{kind_of, open_regular};

/// Folders and files of the file system. Only regular files are opened, and opening never waits,
/// neither for the other end of a pipe nor for a device.
#[derive(Debug, Clone, Copy, Default)]
pub struct Folder;

impl Folder {
    /// An instance that the datasets of a config share.
    pub fn shared() -> Arc<dyn Storage> {
        Arc::new(Self)
    }
}

impl Storage for Folder {
    fn list(&self, name: &Path) -> io::Result<Listing<'_>> {
        let entries = fs::read_dir(name)?;
        Ok(Box::new(
            entries.map(|entry| entry.and_then(|entry| listed(&entry))),
        ))
    }

    fn stat(&self, name: &Path) -> io::Result<Stat> {
        Ok(Stat::of(&fs::metadata(name)?))
    }

    fn stat_without_waiting(&self, name: &Path) -> Option<Stat> {
        remembered_stat(rustix::fs::CWD, name)
    }

    fn open(&self, name: &Path, limit: u64) -> io::Result<Box<dyn OpenFile>> {
        let (file, metadata) = open_regular(name, limit)?;
        let stamp = Stamp::of(&metadata);
        Ok(Box::new(FolderFile { file, stamp }))
    }

    fn is_link(&self, name: &Path) -> bool {
        fs::symlink_metadata(name).is_ok_and(|metadata| metadata.is_symlink())
    }
}

/// From the listing alone, without a metadata call.
fn listed(entry: &DirEntry) -> io::Result<Listed> {
    let kind = entry.file_type()?;
    Ok(Listed {
        name: entry.file_name(),
        kind: if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Link
        } else if kind.is_file() {
            Kind::File
        } else {
            Kind::Special("something else")
        },
    })
}

impl Stat {
    /// From the file system's metadata.
    fn of(metadata: &Metadata) -> Self {
        let kind = if metadata.is_dir() {
            Kind::Folder
        } else {
            kind_of(metadata).map_or(Kind::File, Kind::Special)
        };
        Self {
            kind,
            stamp: Stamp::of(metadata),
            inode: Some(Inode {
                device: metadata.dev(),
                number: metadata.ino(),
                changed: (
                    metadata.ctime(),
                    u32::try_from(metadata.ctime_nsec()).unwrap_or(0),
                ),
            }),
        }
    }
}

/// A file of a [`Folder`].
#[derive(Debug)]
struct FolderFile {
    file: File,
    stamp: Stamp,
}

impl Read for FolderFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl OpenFile for FolderFile {
    fn stamp(&self) -> Stamp {
        self.stamp
    }

    fn check_unchanged(&self) -> io::Result<()> {
        if Stamp::of(&self.file.metadata()?) == self.stamp {
            Ok(())
        } else {
            Err(changed())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::is_absent;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_a_folder_holds_is_listed_looked_at_and_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "1234").unwrap();
        fs::create_dir(path("folder")).unwrap();
        symlink("folder", path("link")).unwrap();
        symlink("none", path("dangling")).unwrap();
        let storage: &dyn Storage = &Folder;
        let mut listed: Vec<Listed> = storage
            .list(folder.path())
            .unwrap()
            .collect::<io::Result<_>>()
            .unwrap();
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        let listed: Vec<_> = listed
            .iter()
            .map(|listed| (listed.name.to_str().unwrap(), listed.kind))
            .collect();
        let expected = [
            ("dangling", Kind::Link),
            ("file", Kind::File),
            ("folder", Kind::Folder),
            ("link", Kind::Link),
        ];
        assert_eq!(listed, expected);
        assert!(storage.is_folder(&path("link")) && !storage.is_folder(&path("file")));
        assert!(storage.is_link(&path("dangling")) && !storage.is_link(&path("none")));
        for name in ["dangling", "none", "file/none"] {
            assert!(is_absent(&storage.stat(&path(name)).unwrap_err()), "{name}");
        }
        let zero = storage.stat(Path::new("/dev/zero")).unwrap();
        assert_eq!(zero.kind, Kind::Special("a device"));
        assert_eq!(storage.read(&path("file"), 4).unwrap(), b"1234");
        assert!(storage.read(&path("file"), 3).is_err());
        assert!(storage.open(&path("folder"), 9).is_err());
    }

    #[test]
    fn a_file_that_is_changed_while_it_is_open_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "1234").unwrap();
        let opened = Folder.open(&path, 9).unwrap();
        assert_eq!(opened.stamp(), Folder.stat(&path).unwrap().stamp);
        opened.check_unchanged().unwrap();
        fs::write(&path, "12345").unwrap();
        let error = opened.check_unchanged().unwrap_err().to_string();
        assert_eq!(error, "it was changed while it was read");
    }
}
