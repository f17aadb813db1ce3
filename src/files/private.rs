//! Folders and files that nobody else can have prepared or can change.
//!
//! Caches, records and logs are often below a folder that many users may write to (`/tmp`,
//! `/scratch`). There, another user may have created the folder first, with links in it. So machex
//! checks every folder before it touches anything in it, and from then on uses its open handle:
//! replacing the path later has no effect.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::shown::Show as _;

/// Who besides the owner must not be able to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Nobody else may write: the contents are trusted, or secret.
    Nobody,
    /// The group may write, as is common in a project's folder.
    Group,
}

impl Trust {
    fn forbidden(self) -> u32 {
        match self {
            Trust::Nobody => 0o022,
            Trust::Group => 0o002,
        }
    }
}

/// Why a folder or file does not count as ours. Nothing about it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotOurs {
    Link,
    NotAFolder,
    NotAFile,
    /// It belongs to another user.
    Owner {
        owner: u32,
        user: u32,
    },
    /// Others may write to it, with this mode.
    Writable(u32),
    /// It has a second name, so that another user's link may lead to it.
    HardLinked,
    /// Something on the way to it is not a folder.
    FileAbove(PathBuf),
    /// A link on the way to it belongs to another user.
    LinkAbove {
        link: PathBuf,
        owner: u32,
    },
}

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotOurs::Link => {
                f.write_str("it is a symbolic link, which another user may have put there")
            }
            NotOurs::NotAFolder => f.write_str("it is not a folder"),
            NotOurs::NotAFile => f.write_str("it is not a regular file"),
            NotOurs::Owner { owner, user } => {
                write!(
                    f,
                    "it belongs to user {owner}, not to user {user}, who runs machex"
                )
            }
            NotOurs::Writable(mode) => write!(
                f,
                "other users can write to it (mode {:04o}), so its contents cannot be trusted",
                mode & 0o7777
            ),
            NotOurs::HardLinked => f.write_str("it has a second name (a hard link)"),
            NotOurs::FileAbove(path) => {
                write!(f, "{} is not a folder", path.shown())
            }
            NotOurs::LinkAbove { link, owner } => write!(
                f,
                "{} on the way to it is a symbolic link of user {owner}, who can redirect it",
                link.shown()
            ),
        }
    }
}

impl std::error::Error for NotOurs {}

impl From<NotOurs> for io::Error {
    fn from(why: NotOurs) -> Self {
        io::Error::other(why)
    }
}

/// Whether an error says that something is not ours, and not that the disk failed.
pub fn is_not_ours(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<NotOurs>())
}

/// An open folder that belongs to the effective user and that others cannot change.
#[derive(Debug)]
pub struct PrivateFolder {
    handle: OwnedFd,
    path: PathBuf,
}

impl PrivateFolder {
    /// Opens the existing folder `path`.
    ///
    /// # Errors
    /// [`NotOurs`] inside an [`io::Error`] ([`is_not_ours`]) if it is a link, belongs to another
    /// user, or others than `trust` says can write to it. Nothing has been touched then.
    pub fn open(path: &Path, trust: Trust) -> io::Result<Self> {
        Self::open_at(CWD, path.as_os_str(), Path::new(""), trust)
    }

    /// Opens the folder `name` in the folder `above`, by the rules of [`Self::open`]. Messages call
    /// `above` by the path `above_path`.
    pub(super) fn open_at(
        above: impl AsFd,
        name: &OsStr,
        above_path: &Path,
        trust: Trust,
    ) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let stat = || rustix::fs::statat(&above, name, AtFlags::SYMLINK_NOFOLLOW);
        let handle = match rustix::fs::openat(&above, name, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return Err(match FileType::from_raw_mode(stat()?.st_mode) {
                    FileType::Symlink => NotOurs::Link,
                    _ => NotOurs::NotAFolder,
                }
                .into());
            }
            // Another user's folder that cannot even be read: its owner is the better reason.
            Err(Errno::ACCESS) => {
                check_owner(&stat()?, trust)?;
                return Err(Errno::ACCESS.into());
            }
            Err(error) => return Err(error.into()),
        };
        check_owner(&rustix::fs::fstat(&handle)?, trust)?;
        Ok(Self {
            handle,
            path: above_path.join(name),
        })
    }

    /// Opens the existing folder `name` in this one, by the rules of [`Self::open`].
    pub fn open_folder(&self, name: &str, trust: Trust) -> io::Result<Self> {
        Self::open_at(&self.handle, OsStr::new(name), &self.path, trust)
    }

    /// Like [`Self::open_folder`], but creates the folder with `mode` if there is none.
    pub fn subfolder(&self, name: &str, trust: Trust, mode: u32) -> io::Result<Self> {
        match self.open_folder(name, trust) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match rustix::fs::mkdirat(&self.handle, name, Mode::from_raw_mode(mode)) {
                    Err(error) if error != Errno::EXIST => Err(error.into()),
                    _ => self.open_folder(name, trust),
                }
            }
            opened => opened,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path to the open folder, even if its name has changed. For libraries that only take paths.
    pub fn handle_path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.handle.as_raw_fd()))
    }

    /// Opens the file `name` with these flags (`O_NOFOLLOW`, `O_NONBLOCK` and `O_CLOEXEC` are
    /// added), and creates it with mode 0600 if they include `O_CREAT`.
    ///
    /// # Errors
    /// [`NotOurs`] if it is anything but a regular file of the effective user with one name.
    pub fn open_file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        self.open_file_with(name, flags, 0o600)
    }

    /// Like [`Self::open_file`], but creates the file with `mode`.
    pub fn open_file_with(&self, name: &str, flags: OFlags, mode: u32) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode);
        let file = match rustix::fs::openat(&self.handle, name, flags, mode) {
            Ok(file) => File::from(file),
            Err(Errno::LOOP) => return Err(NotOurs::Link.into()),
            // A pipe without a reader, or a socket.
            Err(Errno::NXIO) => return Err(NotOurs::NotAFile.into()),
            Err(error) => return Err(error.into()),
        };
        check_file(&rustix::fs::fstat(&file)?)?;
        Ok(file)
    }

    /// Sets the mode of the folder, if it has another.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        if rustix::fs::fstat(&self.handle)?.st_mode & 0o7777 != mode {
            rustix::fs::fchmod(&self.handle, Mode::from_raw_mode(mode))?;
        }
        Ok(())
    }

    /// Whether anything has this name, even a dangling link.
    pub fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }
}

impl AsFd for PrivateFolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// Opens a file whose folder need not be private, such as a log that the user names. It must be a
/// regular file of the effective user, and not a link. See [`PrivateFolder::open_file`].
pub fn open_own_file(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => File::from(file),
        Err(Errno::LOOP) => return Err(NotOurs::Link.into()),
        Err(Errno::NXIO) => return Err(NotOurs::NotAFile.into()),
        Err(error) => return Err(error.into()),
    };
    check_file(&rustix::fs::fstat(&file)?)?;
    Ok(file)
}

fn check_owner(stat: &Stat, trust: Trust) -> Result<(), NotOurs> {
    let user = rustix::process::geteuid().as_raw();
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        return Err(NotOurs::Link);
    }
    if stat.st_uid != user {
        return Err(NotOurs::Owner {
            owner: stat.st_uid,
            user,
        });
    }
    match stat.st_mode & trust.forbidden() {
        0 => Ok(()),
        _ => Err(NotOurs::Writable(stat.st_mode)),
    }
}

fn check_file(stat: &Stat) -> Result<(), NotOurs> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(NotOurs::NotAFile);
    }
    // For a file, only writers matter: our folder may be readable by others.
    check_owner(stat, Trust::Group)?;
    match stat.st_nlink {
        0 | 1 => Ok(()),
        _ => Err(NotOurs::HardLinked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn links_and_other_things_are_refused() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        fs::create_dir(path("folder")).unwrap();
        symlink("folder", path("link")).unwrap();
        fs::write(path("file"), "precious").unwrap();
        let open = |name: &str| PrivateFolder::open(&path(name), Trust::Nobody).unwrap_err();
        assert!(open("link").to_string().contains("link"));
        assert!(open("file").to_string().contains("not a folder"));
        assert_eq!(open("missing").kind(), io::ErrorKind::NotFound);

        let folder = PrivateFolder::open(&path("folder"), Trust::Nobody).unwrap();
        symlink("../file", path("folder/lock")).unwrap();
        fs::hard_link(path("file"), path("folder/hard")).unwrap();
        fs::create_dir(path("folder/dir")).unwrap();
        let pipe = path("folder/pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        let flags = OFlags::WRONLY | OFlags::CREATE;
        for name in ["lock", "hard", "pipe"] {
            let error = folder.open_file(name, flags).unwrap_err();
            assert!(is_not_ours(&error), "{name}: {error}");
        }
        assert!(folder.open_file("dir", flags).is_err());
        assert_eq!(fs::read(path("file")).unwrap(), b"precious");
        assert!(folder.has("lock") && !folder.has("other"));
        folder.open_file("log", flags).unwrap();
        assert_eq!(mode(&path("folder/log")), 0o600);
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        // Only root owns these.
        let no_follow = if rustix::process::geteuid().is_root() {
            let base = tempfile::tempdir().unwrap().keep();
            std::os::unix::fs::chown(&base, Some(65_534), None).unwrap();
            base
        } else {
            PathBuf::from("/")
        };
        let error = PrivateFolder::open(&no_follow, Trust::Nobody).unwrap_err();
        assert!(error.to_string().contains("belongs to user"), "{error}");
        if no_follow != Path::new("/") {
            fs::remove_dir(no_follow).unwrap();
        }
    }
}
