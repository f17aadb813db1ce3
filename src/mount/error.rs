//! Errors of mounting, and what to do about them.

use std::io;
use std::path::{Path, PathBuf};

use crate::shown::Show as _;

/// Why there is no mount.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    #[error("{path} is not there; make it first: mkdir -p {path}", path = .0.shown())]
    NoMountPoint(PathBuf),
    #[error("{path} is not a folder, and the mount point has to be one", path = .0.shown())]
    NotAFolder(PathBuf),
    #[error(
        "{path} is a mount whose process has gone (\"Transport endpoint is not connected\"); \
         mount with --replace, or clear it away with: machex unmount {path}",
        path = .0.shown()
    )]
    Stale(PathBuf),
    #[error(
        "{path} is a machex mount that does not answer: its process is stopped, or waits for a server; \
         mount with --replace, or take it away with: machex unmount --lazy {path}",
        path = .0.shown()
    )]
    Silent(PathBuf),
    #[error("{path} is not UTF-8, which the paths in index.json have to be; take another mount point", path = .0.shown())]
    NotUtf8(PathBuf),
    #[error(
        "{path} is a machex mount already; mount with --replace, or end it with: machex unmount {path}",
        path = .0.shown()
    )]
    Mounted(PathBuf),
    #[error(
        "{mountpoint} would cover {covered} ({what}), which is needed to serve it; take another mount point",
        mountpoint = mountpoint.shown(),
        covered = covered.shown()
    )]
    Covers {
        mountpoint: PathBuf,
        covered: PathBuf,
        what: &'static str,
    },
    #[error(
        "{mountpoint} lies in {folder} ({what}), which is needed to serve it; take another mount point",
        mountpoint = mountpoint.shown(),
        folder = folder.shown()
    )]
    Within {
        mountpoint: PathBuf,
        folder: PathBuf,
        what: &'static str,
    },
    #[error("{path}: {source}", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Replace(#[from] super::UnmountError),
    #[error("mounting on {path}: {problem}", path = path.shown(), problem = problem.shown())]
    Fuse { path: PathBuf, problem: String },
    #[error(
        "--passthrough on: {0}; leave the option out to read through machex where the kernel cannot"
    )]
    NoPassthrough(String),
    #[error("the file system ended at once: {0}")]
    Ended(String),
}

impl MountError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// Explains what is missing.
    pub(super) fn fuse(path: &Path, error: &io::Error) -> Self {
        Self::Fuse {
            path: path.to_owned(),
            problem: explain(error, Path::new("/dev/fuse").exists(), has_fusermount()),
        }
    }
}

fn has_fusermount() -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .chain(["/bin", "/sbin"].map(PathBuf::from))
        .any(|folder| {
            ["fusermount3", "fusermount"]
                .iter()
                .any(|name| folder.join(name).exists())
        })
}

fn explain(error: &io::Error, has_device: bool, has_fusermount: bool) -> String {
    let text = error.to_string();
    let text = text.trim();
    if !has_device {
        return "there is no /dev/fuse: load the module (modprobe fuse), or give the container the \
                device (--device /dev/fuse)"
            .to_owned();
    }
    if text.contains("user_allow_other") {
        return "--allow-other needs the line user_allow_other in /etc/fuse.conf, which an \
                administrator can add"
            .to_owned();
    }
    if !has_fusermount {
        return format!(
            "{text}; without root, mounting needs fusermount3: install the package fuse3, or ask an \
             administrator to"
        );
    }
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "{text}; /dev/fuse must be readable and writable (mode 0666), and the mount point must \
             be a folder that you can write"
        ),
        _ if text.contains("fusermount") && text.contains("Operation not permitted") => format!(
            "{text}; in a container, mounting also needs --cap-add SYS_ADMIN, or a fusermount3 that \
             is setuid root"
        ),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(explain(&denied, false, true).contains("--device /dev/fuse"));
        assert!(explain(&denied, true, false).contains("package fuse3"));
        assert!(explain(&denied, true, true).contains("0666"));
        let allow = io::Error::other(
            "fusermount3: option allow_other only allowed if 'user_allow_other' is set in /etc/fuse.conf",
        );
        assert!(explain(&allow, true, true).contains("the line user_allow_other"));
    }
}
