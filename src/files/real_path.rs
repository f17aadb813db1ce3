//! Resolving links in paths.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::machex_mountpoints;
use crate::shown::Show as _;
use crate::slow::announce_if_slow;

/// How many links to follow before they count as a loop, as in the kernel.
const LINKS: usize = 40;

/// Resolves the links in a path, as far as it exists.
///
/// Does not look inside machex mounts: their process may not answer, and they contain no links.
pub fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let doing = format!("looking at {}", path.shown());
    announce_if_slow(doing, || resolve(&absolute, &machex_mountpoints()))
}

fn resolve(path: &Path, mountpoints: &[PathBuf]) -> PathBuf {
    let mut real = PathBuf::from("/");
    let mut rest: VecDeque<OsString> = names(path);
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            real.pop();
            continue;
        }
        real.push(name);
        if mountpoints.iter().any(|mount| real.starts_with(mount)) || links == LINKS {
            continue;
        }
        if let Ok(target) = std::fs::read_link(&real) {
            links += 1;
            real.pop();
            if target.is_absolute() {
                real = PathBuf::from("/");
            }
            for name in names(&target).into_iter().rev() {
                rest.push_front(name);
            }
        }
    }
    real
}

/// The names in a path, and `..`.
fn names(path: &Path) -> VecDeque<OsString> {
    let components = path.components();
    components
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_as_far_as_there_is_something() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("a/b")).unwrap();
        symlink("a", base.join("relative")).unwrap();
        symlink(base.join("relative/b"), base.join("absolute")).unwrap();
        symlink("../..", base.join("a/b/up")).unwrap();
        symlink("circle", base.join("circle")).unwrap();
        for (path, expected) in [
            ("absolute/new/x", "a/b/new/x"),
            ("relative/../relative", "a"),
            ("a/b/up/absolute", "a/b"),
            ("no/../a", "a"),
            ("circle", "circle"),
        ] {
            assert_eq!(real_path(&base.join(path)), base.join(expected), "{path}");
        }
        assert_eq!(
            real_path(&base.join("absolute")),
            base.join("absolute").canonicalize().unwrap()
        );
    }

    #[test]
    fn a_mount_is_not_asked() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        symlink("elsewhere", base.join("mnt")).unwrap();
        let mount = [base.join("mnt")];
        assert_eq!(resolve(&base.join("mnt/x"), &mount), base.join("mnt/x"));
        assert_eq!(resolve(&base.join("mnt/x"), &[]), base.join("elsewhere/x"));
    }
}
