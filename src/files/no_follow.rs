//! Reading folders that another user may have created, without following links.
//!
//! A mount reads the records of a tree that an administrator may have made, so that ownership says
//! little there. But a link would let others choose what is read, and a pipe would block the
//! reader.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::NotOurs;

/// Opens the folder `name` in `parent`; `None` if nothing has this name.
///
/// # Errors
/// [`NotOurs`] inside an [`io::Error`] if it is a link or not a folder.
pub(crate) fn open_folder(parent: impl AsFd, name: &Path) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(&parent, name, flags, Mode::empty()) {
        Ok(folder) => Ok(Some(folder)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::LOOP | Errno::NOTDIR) => {
            let stat = rustix::fs::statat(&parent, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?;
            Err(match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink => NotOurs::Link,
                _ => NotOurs::NotAFolder,
            }
            .into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Like [`open_folder`], for a path.
pub(crate) fn open_folder_at(path: &Path) -> io::Result<Option<OwnedFd>> {
    open_folder(CWD, path)
}

/// Opens the regular file `name` in `folder` for reading.
///
/// # Errors
/// [`NotOurs`] inside an [`io::Error`] if it is a link or not a file.
pub(crate) fn open_file(folder: impl AsFd, name: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::LOOP) => return Err(NotOurs::Link.into()),
        Err(Errno::NXIO) => return Err(NotOurs::NotAFile.into()),
        Err(error) => return Err(error.into()),
    };
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(NotOurs::NotAFile.into())
    }
}

/// Names in `folder` with this prefix and suffix, sorted.
pub(crate) fn names(folder: impl AsFd, prefix: &str, suffix: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        if name.starts_with(prefix) && name.ends_with(suffix) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::is_not_ours;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_and_pipes_are_not_read() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        fs::create_dir(path("folder")).unwrap();
        fs::write(path("folder/a.jsonl"), "text").unwrap();
        symlink("folder", path("linked")).unwrap();
        symlink("a.jsonl", path("folder/b.jsonl")).unwrap();
        let owner = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, path("folder/c.jsonl"), FileType::Fifo, owner, 0).unwrap();

        assert!(is_not_ours(&open_folder_at(&path("linked")).unwrap_err()));
        assert!(open_folder_at(&path("missing")).unwrap().is_none());
        let folder = open_folder_at(&path("folder")).unwrap().unwrap();
        let found = names(&folder, "", ".jsonl").unwrap();
        assert_eq!(found, ["a.jsonl", "b.jsonl", "c.jsonl"]);
        open_file(&folder, Path::new("a.jsonl")).unwrap();
        for name in ["b.jsonl", "c.jsonl"] {
            assert!(
                is_not_ours(&open_file(&folder, Path::new(name)).unwrap_err()),
                "{name}"
            );
        }
        let base = open_folder_at(base.path()).unwrap().unwrap();
        assert!(is_not_ours(
            &open_file(&base, Path::new("folder")).unwrap_err()
        ));
    }
}
