//! Parent folders: their owner can replace the folders inside them.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::NotOurs;
use super::private::{PrivateFolder, Trust};

/// How many links to follow before they count as a loop, as in the kernel.
const LINKS: usize = 40;

/// Which symbolic links to follow on the way to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Links of root and of this user: the owner of a link decides where private files are stored.
    Trusted,
    /// Also links of other users, unless this user is root, whose files could be created anywhere
    /// by them. For other users they only lead to where these may write, and a shared tree is often
    /// reached by a colleague's link.
    TrustedByRoot,
}

/// A folder reached name by name, each from the open folder above it, so that nobody can replace a
/// name by a link between check and use.
#[derive(Debug)]
pub struct ParentFolder {
    handle: OwnedFd,
    /// The path it was reached by.
    path: PathBuf,
}

impl ParentFolder {
    /// Opens the existing folder `path`.
    ///
    /// # Errors
    /// [`NotOurs`] (see [`super::is_not_ours`]) at a link that is not trusted.
    pub fn open(path: &Path, links: Links) -> io::Result<Self> {
        Self::reach(path, links, None)
    }

    /// Like [`Self::open`], but creates missing folders with `mode`. Creates nothing if an existing
    /// link is refused.
    pub fn open_or_create(path: &Path, links: Links, mode: u32) -> io::Result<Self> {
        match Self::reach(path, links, None) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::reach(path, links, Some(Mode::from_raw_mode(mode)))
            }
            reached => reached,
        }
    }

    /// Refuses a folder of another user, and one whose entries everybody can replace.
    ///
    /// # Errors
    /// [`NotOurs`] (see [`super::is_not_ours`]).
    pub fn check(&self) -> io::Result<()> {
        let stat = rustix::fs::fstat(&self.handle)?;
        if !is_trusted(&stat) {
            let user = rustix::process::geteuid().as_raw();
            let owner = stat.st_uid;
            return Err(NotOurs::Owner { owner, user }.into());
        }
        match stat.st_mode & 0o1002 {
            0o0002 => Err(NotOurs::Writable(stat.st_mode).into()),
            _ => Ok(()),
        }
    }

    /// User number of its owner.
    pub fn owner(&self) -> io::Result<u32> {
        Ok(rustix::fs::fstat(&self.handle)?.st_uid)
    }

    /// A path to the open folder, even if its name has changed.
    pub fn handle_path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.handle.as_raw_fd()))
    }

    /// Opens the existing folder `name` in this one.
    ///
    /// # Errors
    /// Those of [`PrivateFolder::open`].
    pub fn open_private(&self, name: &OsStr, trust: Trust) -> io::Result<PrivateFolder> {
        PrivateFolder::open_at(&self.handle, name, &self.path, trust)
    }

    /// Like [`Self::open_private`], but creates the folder with `mode` if there is none.
    pub fn private(&self, name: &OsStr, trust: Trust, mode: u32) -> io::Result<PrivateFolder> {
        match self.open_private(name, trust) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(&self.handle, name, Mode::from_raw_mode(mode))?;
                self.open_private(name, trust)
            }
            opened => opened,
        }
    }

    fn reach(path: &Path, links: Links, missing: Option<Mode>) -> io::Result<Self> {
        let refuses = links == Links::Trusted || rustix::process::geteuid().is_root();
        let path = std::path::absolute(path)?;
        let mut left = LINKS;
        // The missing folders of a link's target are not created: it may be a disk that is not
        // mounted.
        let mut names: VecDeque<_> = names(&path).map(|name| (name, missing)).collect();
        let mut handle = open_root()?;
        let mut reached = PathBuf::from("/");
        while let Some((name, missing)) = names.pop_front() {
            if name == "/" {
                (handle, reached) = (open_root()?, PathBuf::from("/"));
                continue;
            }
            let found = match (open_folder(&handle, &name), missing) {
                (Err(Errno::NOENT), Some(mode)) => {
                    make(&handle, &name, mode)?;
                    open_folder(&handle, &name)
                }
                (found, _) => found,
            };
            match found {
                Ok(folder) if name == ".." => {
                    handle = folder;
                    reached.pop();
                }
                Ok(folder) => {
                    handle = folder;
                    reached.push(&name);
                }
                Err(Errno::LOOP | Errno::NOTDIR) => {
                    let link = open_link(&handle, &name, &reached)?;
                    let stat = rustix::fs::fstat(&link)?;
                    let is_planted = || is_planted(&stat, &handle);
                    if !is_trusted(&stat) && (refuses || is_planted()?) {
                        let owner = stat.st_uid;
                        let link = reached.join(&name);
                        return Err(NotOurs::LinkAbove { link, owner }.into());
                    }
                    left = left.checked_sub(1).ok_or(Errno::LOOP)?;
                    let target = rustix::fs::readlinkat(&link, "", Vec::new())?;
                    let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                    let of_link: Vec<_> = self::names(&target).collect();
                    for name in of_link.into_iter().rev() {
                        names.push_front((name, None));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { handle, path })
    }
}

/// The parts of a path: `/` at its start, `..`, and names.
fn names(path: &Path) -> impl Iterator<Item = OsString> {
    let names = path.components().filter(|part| *part != Component::CurDir);
    names.map(|part| part.as_os_str().to_owned())
}

fn open_root() -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open("/", flags, Mode::empty())?)
}

/// With `O_DIRECTORY`, so that automounts are mounted.
fn open_folder(above: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(above, name, flags, Mode::empty())
}

/// Whether a link is in a folder where everybody may put one, and does not belong to the folder's
/// owner. The kernel does not follow such links either (`fs.protected_symlinks`).
fn is_planted(link: &Stat, folder: &OwnedFd) -> io::Result<bool> {
    let folder = rustix::fs::fstat(folder)?;
    Ok(folder.st_mode & 0o1002 == 0o1002 && folder.st_uid != link.st_uid)
}

/// Opens the link itself.
fn open_link(above: &OwnedFd, name: &OsStr, reached: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let link = rustix::fs::openat(above, name, flags, Mode::empty())?;
    match FileType::from_raw_mode(rustix::fs::fstat(&link)?.st_mode) {
        FileType::Symlink => Ok(link),
        _ => Err(NotOurs::FileAbove(reached.join(name)).into()),
    }
}

/// Creates a folder, unless another process has just done that.
fn make(above: &OwnedFd, name: &OsStr, mode: Mode) -> io::Result<()> {
    match rustix::fs::mkdirat(above, name, mode) {
        Err(error) if error != Errno::EXIST => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whether something belongs to this user or to root.
fn is_trusted(stat: &Stat) -> bool {
    let owner = stat.st_uid;
    owner == 0 || owner == rustix::process::geteuid().as_raw() || Some(owner) == unmapped_user()
}

/// The user that stands for all users unknown in this process's user namespace; in a rootless
/// container, root is among them. `None` if all users are known.
fn unmapped_user() -> Option<u32> {
    let map = fs::read_to_string("/proc/self/uid_map").ok()?;
    let known = map.lines().filter_map(|line| {
        let count = line.split_whitespace().nth(2)?;
        count.parse::<u64>().ok()
    });
    if known.sum::<u64>() >= u64::from(u32::MAX) {
        return None;
    }
    let user = fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?;
    user.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::is_not_ours;
    use std::os::unix::fs::{PermissionsExt, lchown, symlink};

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn check(path: &Path) -> io::Result<()> {
        ParentFolder::open(path, Links::Trusted)?.check()
    }

    #[test]
    fn a_parent_is_refused_where_others_could_exchange_what_is_in_it() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        assert_eq!(
            check(&path("missing")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        fs::create_dir(path("folder")).unwrap();
        symlink("folder", path("link")).unwrap();
        for (loose, is_fine) in [(0o755, true), (0o777, false), (0o1777, true), (0o775, true)] {
            chmod(&path("folder"), loose);
            assert_eq!(check(&path("folder")).is_ok(), is_fine, "{loose:o}");
            assert_eq!(check(&path("link")).is_ok(), is_fine, "{loose:o}");
        }
        fs::write(path("file"), "").unwrap();
        assert!(check(&path("file")).is_err() && check(&path("file/x")).is_err());
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(path("folder"), Some(65_534), None).unwrap();
            assert!(is_not_ours(&check(&path("folder")).unwrap_err()));
        }
    }

    #[test]
    fn links_of_others_are_refused_wherever_on_the_way_they_are_before_anything_is_made() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        fs::create_dir_all(path("real/deep")).unwrap();
        symlink("real", path("theirs")).unwrap();
        symlink(path("theirs/./deep"), path("ours")).unwrap();
        symlink("circle", path("circle")).unwrap();
        let names = ["theirs/deep", "ours", "ours/../deep"];
        let inode = |path: &Path| {
            use std::os::unix::fs::MetadataExt;
            fs::metadata(path).unwrap().ino()
        };
        for name in names {
            let reached = ParentFolder::open(&path(name), Links::Trusted).unwrap();
            assert_eq!(
                inode(&reached.handle_path()),
                inode(&path("real/deep")),
                "{name}"
            );
        }
        assert!(check(&path("circle/x")).is_err());
        if !rustix::process::geteuid().is_root() {
            return;
        }
        lchown(path("theirs"), Some(65_534), None).unwrap();
        for name in names.into_iter().chain(["theirs/new/x"]) {
            for links in [Links::Trusted, Links::TrustedByRoot] {
                let error = ParentFolder::open_or_create(&path(name), links, 0o700).unwrap_err();
                assert!(is_not_ours(&error), "{name}: {error}");
                assert!(error.to_string().contains("theirs on the way"), "{error}");
            }
        }
        assert_eq!(fs::read_dir(path("real")).unwrap().count(), 1);
        check(&path("real/deep")).unwrap();
        // As in the kernel, whatever the setting.
        chmod(base.path(), 0o1777);
        lchown(path("theirs"), Some(65_533), None).unwrap();
        assert!(ParentFolder::open(&path("theirs"), Links::TrustedByRoot).is_err());
    }

    #[test]
    fn where_a_link_leads_nothing_is_made() {
        let base = tempfile::tempdir().unwrap();
        symlink("unmounted/cache", base.path().join("link")).unwrap();
        for name in ["link", "link/new"] {
            let path = base.path().join(name);
            let error = ParentFolder::open_or_create(&path, Links::Trusted, 0o700).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{name}");
        }
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_missing_is_made_and_private_folders_in_it() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join("real")).unwrap();
        symlink("real", base.path().join("link")).unwrap();
        let path = base.path().join("link/new/folder");
        let made = ParentFolder::open_or_create(&path, Links::Trusted, 0o700).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o700, 0o700));
        let own = path.join("mount");
        let name = OsStr::new("mount");
        made.private(name, Trust::Nobody, 0o700).unwrap();
        assert_eq!(mode(&own), 0o700);
        for (loose, trust) in [(0o770, Trust::Nobody), (0o707, Trust::Group)] {
            chmod(&own, loose);
            let error = made.private(name, trust, 0o700).unwrap_err();
            assert!(
                is_not_ours(&error) && error.to_string().contains("write"),
                "{error}"
            );
            assert_eq!(mode(&own), loose);
        }
        chmod(&own, 0o770);
        made.open_private(name, Trust::Group).unwrap();
    }

    #[test]
    fn all_users_are_known_outside_of_a_container() {
        let map = fs::read_to_string("/proc/self/uid_map").unwrap();
        let is_full = map.split_whitespace().eq(["0", "0", "4294967295"]);
        assert_eq!(unmapped_user().is_none(), is_full, "{map}");
    }
}
