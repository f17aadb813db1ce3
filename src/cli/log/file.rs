//! A log file: private, limited in size, and never another user's file.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::files::{Links, NotOurs, ParentFolder, open_own_file};

/// A file that would grow beyond this size is renamed to `.old`, so that there are at most two.
const LARGE: u64 = 16 << 20;

/// Name of the log of a mount in the background, in CACHE_PATH.
const DEFAULT_NAME: &str = "mount.log";

/// An open log.
#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    /// `None` for a device, which has no size.
    place: Option<LogLocation>,
    length: u64,
}

#[derive(Debug)]
struct LogLocation {
    /// Through the open handle of its folder.
    path: PathBuf,
    /// Keeps that handle open.
    _folder: ParentFolder,
}

impl LogFile {
    /// Opens the file that the user names; creates its folder if necessary.
    ///
    /// # Errors
    /// If it is neither a regular file of this user nor a device.
    pub(super) fn named(path: &Path) -> io::Result<Self> {
        let is_device = |found: fs::Metadata| found.file_type().is_char_device();
        if fs::symlink_metadata(path).is_ok_and(is_device) {
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            let file = File::from(rustix::fs::open(path, flags, rustix::fs::Mode::empty())?);
            if !is_device(file.metadata()?) {
                return Err(NotOurs::NotAFile.into());
            }
            return Ok(Self::of_device(file));
        }
        let path = std::path::absolute(path)?;
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(NotOurs::NotAFile.into());
        };
        let folder = ParentFolder::open_or_create(folder, Links::TrustedByRoot, 0o700)?;
        Self::open_in(folder, name)
    }

    /// Opens the log in CACHE_PATH. The folder must belong to this user, so that others cannot
    /// replace the file.
    pub(super) fn in_cache(cache_path: &Path) -> io::Result<Self> {
        let folder = ParentFolder::open_or_create(cache_path, Links::Trusted, 0o700)?;
        let (owner, user) = (folder.owner()?, rustix::process::geteuid().as_raw());
        if owner != user {
            return Err(NotOurs::Owner { owner, user }.into());
        }
        folder.check()?;
        Self::open_in(folder, OsStr::new(DEFAULT_NAME))
    }

    fn open_in(folder: ParentFolder, name: &OsStr) -> io::Result<Self> {
        // By handle: the same folder even if its path has changed when the file is renamed.
        let path = folder.handle_path().join(name);
        Self::open(LogLocation {
            path,
            _folder: folder,
        })
    }

    pub(super) fn of_device(file: File) -> Self {
        Self {
            file,
            place: None,
            length: 0,
        }
    }

    fn open(place: LogLocation) -> io::Result<Self> {
        let file = place.open()?;
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            place: Some(place),
            length,
        })
    }

    /// Appends a line. A line that cannot be written is lost.
    pub(super) fn write(&mut self, line: &[u8]) {
        if self.length > 0 && self.length + line.len() as u64 > LARGE {
            self.set_aside();
        }
        if self.file.write_all(line).is_ok() && self.place.is_some() {
            self.length += line.len() as u64;
        }
    }

    fn set_aside(&mut self) {
        let Some(place) = &self.place else { return };
        if let Ok(file) = place.renew(&self.file) {
            self.file = file;
        }
        // If no new file can be opened, logging continues in this one, and tries again after as
        // many bytes.
        self.length = 0;
    }
}

impl LogLocation {
    fn open(&self) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE;
        let file = open_own_file(&self.path, flags)?;
        // It contains keys and paths.
        if file.metadata()?.mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }

    /// Renames the file to `.old` and opens a new one. If `.old` is another user's file, empties
    /// this one instead.
    fn renew(&self, file: &File) -> io::Result<File> {
        let mut aside = self.path.as_os_str().to_owned();
        aside.push(".old");
        let is_ours_or_free = match open_own_file(Path::new(&aside), OFlags::RDONLY) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if !is_ours_or_free {
            file.set_len(0)?;
            return file.try_clone();
        }
        fs::rename(&self.path, aside)?;
        self.open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_log_is_private_and_a_large_one_is_set_aside_while_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/machex.log");
        let mut log = LogFile::named(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let line = vec![b'x'; 1 << 20];
        for _ in 0..40 {
            log.write(&line);
        }
        let aside = folder.path().join("new/machex.log.old");
        let length = |path: &Path| fs::metadata(path).unwrap().len();
        assert_eq!((length(&path), length(&aside)), (8 << 20, 16 << 20));
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 2);
        // Also for an existing file.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        LogFile::named(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_not_ours_is_neither_written_nor_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("precious"), "x").unwrap();
        symlink("precious", path("mount.log")).unwrap();
        assert!(LogFile::in_cache(folder.path()).is_err());
        assert!(LogFile::named(&path("mount.log")).is_err());
        fs::remove_file(path("mount.log")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path("mount.log"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(LogFile::in_cache(folder.path()).is_err());
        fs::remove_file(path("mount.log")).unwrap();
        // A folder in which others can replace the file.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(LogFile::in_cache(folder.path()).is_err());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        symlink("precious", path("mount.log.old")).unwrap();
        let mut log = LogFile::in_cache(folder.path()).unwrap();
        for _ in 0..20 {
            log.write(&vec![b'x'; 1 << 20]);
        }
        assert_eq!(fs::metadata(path("mount.log")).unwrap().len(), 4 << 20);
        assert_eq!(fs::read(path("precious")).unwrap(), b"x");
        assert!(path("mount.log.old").is_symlink());
        LogFile::named(Path::new("/dev/null")).unwrap().write(b"x");
    }
}
