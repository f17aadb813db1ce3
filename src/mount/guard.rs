//! Unmounts again if something fails before the mount is served, even if this process has no file
//! descriptors left.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::MountError;
use super::unmount::detach;
use crate::files::mounted_at;
use crate::files::{Answer, ask_status};

/// Enough to read the mount table, query a mount and run fusermount3.
const SPARE: usize = 16;

/// File descriptors reserved for the end of a mount.
#[derive(Debug)]
pub(super) struct SpareDescriptors(Vec<File>);

impl SpareDescriptors {
    fn reserve() -> std::io::Result<Self> {
        let files = (0..SPARE).map(|_| File::open("/dev/null"));
        Ok(Self(files.collect::<Result<_, _>>()?))
    }

    /// Closes them, so that others can be opened.
    pub(super) fn release(&mut self) {
        self.0.clear();
    }
}

/// Detaches a mount when dropped, unless [`Self::disarm`] was called.
#[derive(Debug)]
pub(super) struct UnmountGuard {
    path: PathBuf,
    spare: Option<SpareDescriptors>,
    /// Whether this process has mounted. If not, fusermount3 may have mounted and failed to hand
    /// over, which leaves a mount without a process.
    pub(super) is_ours: bool,
}

impl UnmountGuard {
    pub(super) fn new(path: &Path) -> Result<Self, MountError> {
        let spare = SpareDescriptors::reserve().map_err(MountError::io(path))?;
        Ok(Self {
            path: path.to_owned(),
            spare: Some(spare),
            is_ours: false,
        })
    }

    /// Keeps the mount. Returns the descriptors, which the end of the mount needs.
    pub(super) fn disarm(mut self) -> SpareDescriptors {
        self.spare.take().unwrap_or(SpareDescriptors(Vec::new()))
    }
}

impl Drop for UnmountGuard {
    fn drop(&mut self) {
        let Some(mut spare) = self.spare.take() else {
            return;
        };
        spare.release();
        let Ok(Some(entry)) = mounted_at(&self.path) else {
            return;
        };
        let is_dead = || matches!(ask_status(&self.path), Answer::Gone);
        if entry.is_machex()
            && (self.is_ours || is_dead())
            && let Err(error) = detach(&entry)
        {
            tracing::warn!("{error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::mount::MountFlags;
    use std::ffi::CString;
    use std::os::fd::AsRawFd;

    /// A mount without a process, such as fusermount3 leaves if it cannot hand over.
    fn mount_dead(path: &Path) {
        let device = File::options().read(true).write(true).open("/dev/fuse");
        let device = device.unwrap();
        let number = device.as_raw_fd();
        let data = format!("fd={number},rootmode=40000,user_id=0,group_id=0");
        let data = CString::new(data).unwrap();
        let flags = MountFlags::RDONLY | MountFlags::NODEV;
        rustix::mount::mount("test", path, "fuse.machex", flags, Some(data.as_c_str())).unwrap();
    }

    #[test]
    fn what_was_mounted_and_not_served_is_taken_away() {
        let skips = std::env::var_os("MACHEX_SKIP_FUSE").is_some_and(|value| value == "1");
        if skips || !rustix::process::geteuid().is_root() {
            return eprintln!("NOT TESTED, since only root can: mounts that do not come about");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let is_mounted = || mounted_at(&path).unwrap().is_some();
        for is_ours in [false, true] {
            let mut guard = UnmountGuard::new(&path).unwrap();
            mount_dead(&path);
            guard.is_ours = is_ours;
            drop(guard);
            assert!(!is_mounted(), "is_ours: {is_ours}");
        }
        let guard = UnmountGuard::new(&path).unwrap();
        mount_dead(&path);
        let mut spare = guard.disarm();
        assert_eq!(spare.0.len(), SPARE);
        assert!(is_mounted());
        spare.release();
        detach(&mounted_at(&path).unwrap().unwrap()).unwrap();
    }
}
