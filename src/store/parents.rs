//! Folders above ours: who owns one can put another in the place of ours.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::NotOurs;

/// Links that are followed before they are taken for a circle, as the kernel has it.
const LINKS: usize = 40;

/// Looks at the folder in which a folder of ours is, or will be: who owns it can put another in the
/// place of ours, and so can everybody where all may write and no sticky bit is set. The same holds
/// for who owns a link on the way. What is not there yet is fine.
///
/// # Errors
/// [`NotOurs`], see [`super::is_not_ours`].
pub fn check_parent(path: &Path) -> io::Result<()> {
    check_links(path, &mut LINKS.clone())?;
    let folder = match rustix::fs::stat(path) {
        // Not there, or a link that leads nowhere: making the folder fails with a better reason.
        Err(Errno::NOENT) => return Ok(()),
        folder => folder?,
    };
    if FileType::from_raw_mode(folder.st_mode) != FileType::Directory {
        return Err(NotOurs::NotAFolder.into());
    }
    if !is_trusted(&folder) {
        return Err(NotOurs::Owner {
            owner: folder.st_uid,
            user: rustix::process::geteuid().as_raw(),
        }
        .into());
    }
    match folder.st_mode & 0o1002 {
        0o0002 => Err(NotOurs::Writable(folder.st_mode).into()),
        _ => Ok(()),
    }
}

/// Looks at each link on the way to `path`, and on the way to where it leads.
fn check_links(path: &Path, left: &mut usize) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let mut reached = PathBuf::new();
    for part in path.components() {
        reached.push(part);
        let found = match rustix::fs::lstat(&reached) {
            Err(Errno::NOENT) => return Ok(()),
            found => found?,
        };
        if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
            continue;
        }
        if !is_trusted(&found) {
            return Err(NotOurs::LinkAbove {
                link: reached,
                owner: found.st_uid,
            }
            .into());
        }
        *left = left.checked_sub(1).ok_or(Errno::LOOP)?;
        let target = std::fs::read_link(&reached)?;
        let parent = reached.parent().unwrap_or(&reached);
        check_links(&parent.join(target), left)?;
    }
    Ok(())
}

/// Whether something belongs to this user or to root.
fn is_trusted(stat: &Stat) -> bool {
    stat.st_uid == 0 || stat.st_uid == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::is_not_ours;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, lchown, symlink};

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_parent_is_refused_where_others_could_exchange_what_is_in_it() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        check_parent(&path("missing")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        symlink("folder", path("link")).unwrap();
        for (loose, is_fine) in [(0o755, true), (0o777, false), (0o1777, true), (0o775, true)] {
            chmod(&path("folder"), loose);
            assert_eq!(check_parent(&path("folder")).is_ok(), is_fine, "{loose:o}");
            assert_eq!(check_parent(&path("link")).is_ok(), is_fine, "{loose:o}");
        }
        fs::write(path("file"), "").unwrap();
        assert!(check_parent(&path("file")).is_err());
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::lchown(path("link"), Some(65_534), None).unwrap();
            assert!(check_parent(&path("folder")).is_ok() && check_parent(&path("link")).is_err());
            std::os::unix::fs::chown(path("folder"), Some(65_534), None).unwrap();
            assert!(check_parent(&path("folder")).is_err());
        }
    }

    #[test]
    fn links_of_others_are_refused_wherever_on_the_way_they_are() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        fs::create_dir_all(path("real/deep")).unwrap();
        symlink("real", path("theirs")).unwrap();
        symlink("theirs/deep", path("ours")).unwrap();
        symlink("circle", path("circle")).unwrap();
        let names = ["theirs/deep", "theirs/new/x", "ours", "ours/../deep"];
        for name in names {
            check_parent(&path(name)).unwrap();
        }
        assert!(check_parent(&path("circle/x")).is_err());
        if !rustix::process::geteuid().is_root() {
            return;
        }
        lchown(path("theirs"), Some(65_534), None).unwrap();
        for name in names {
            let error = check_parent(&path(name)).unwrap_err();
            assert!(is_not_ours(&error), "{name}: {error}");
            assert!(error.to_string().contains("theirs on the way"), "{error}");
        }
        check_parent(&path("real/deep")).unwrap();
    }
}
