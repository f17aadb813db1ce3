//! Free disk space.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Space on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeSpace {
    /// Bytes that an unprivileged user may still write.
    pub bytes: u64,
    /// Total bytes, used or not.
    pub total: u64,
    /// Files that can still be created; `u64::MAX` if the file system does not count them.
    pub files: u64,
}

/// Space on the file system of `path`, or of its nearest existing parent.
pub fn free_space(path: &Path) -> io::Result<FreeSpace> {
    let existing = path
        .ancestors()
        .find(|parent| parent.exists())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(of_statvfs(rustix::fs::statvfs(existing)?))
}

/// Space on the file system of an open file or folder.
pub fn free_space_at(file: impl AsFd) -> io::Result<FreeSpace> {
    Ok(of_statvfs(rustix::fs::fstatvfs(file)?))
}

fn of_statvfs(stat: rustix::fs::StatVfs) -> FreeSpace {
    FreeSpace {
        bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
        // Btrfs and some network file systems report 0 of 0.
        files: if stat.f_files == 0 {
            u64::MAX
        } else {
            stat.f_favail
        },
    }
}

/// Types of remote file systems, where opening a file may take long (linux/magic.h, and the sources
/// of Lustre, GPFS, BeeGFS and PanFS).
const REMOTE: [u64; 12] = [
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x0bd0_0bd0, // Lustre
    0x4750_4653, // GPFS
    0x1983_0326, // BeeGFS
    0xaad7_aaea, // PanFS
    0x00c3_6400, // Ceph
    0x5346_414f, // AFS
    0x0102_1997, // 9P
    0x6573_5546, // FUSE
];

/// Whether the file system of `path`, or of its nearest existing parent, is remote.
pub fn is_remote(path: &Path) -> bool {
    let existing = path.ancestors().find(|parent| parent.exists());
    existing
        .and_then(|existing| rustix::fs::statfs(existing).ok())
        .is_some_and(|stat| REMOTE.contains(&(stat.f_type as u64 & 0xffff_ffff)))
}

/// Whether an error says that no more can be written: disk full, quota full, or file too large for
/// the process or the file system.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_yet_counts_as_its_parent() {
        let folder = tempfile::tempdir().unwrap();
        let space = free_space(&folder.path().join("not/yet")).unwrap();
        assert!(space.bytes > 0 && space.files > 0);
    }

    #[test]
    fn local_file_systems_are_not_remote() {
        assert!(!is_remote(Path::new("/proc/self")));
        assert!(!is_remote(Path::new("/proc/not/there")));
    }

    #[test]
    fn full_disk_and_quota_are_told_from_other_errors() {
        assert!(is_disk_full(&io::Error::from_raw_os_error(28)), "ENOSPC");
        assert!(is_disk_full(&io::Error::from_raw_os_error(122)), "EDQUOT");
        assert!(is_disk_full(&io::Error::from_raw_os_error(27)), "EFBIG");
        assert!(!is_disk_full(&io::Error::from_raw_os_error(13)), "EACCES");
    }
}
