//! How full the disk is.

use std::io;
use std::path::Path;

/// Room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeSpace {
    /// Bytes that an unprivileged user may still write.
    pub bytes: u64,
    /// Bytes that there are, used or not.
    pub total: u64,
    /// Files that may still be made; `u64::MAX` where the file system does not count them.
    pub files: u64,
}

/// Room on the file system of `path`, or of the nearest parent that exists.
pub fn free_space(path: &Path) -> io::Result<FreeSpace> {
    let existing = path
        .ancestors()
        .find(|parent| parent.exists())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let stat = rustix::fs::statvfs(existing)?;
    Ok(FreeSpace {
        bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
        // Btrfs and some network file systems answer 0 of 0.
        files: if stat.f_files == 0 {
            u64::MAX
        } else {
            stat.f_favail
        },
    })
}

/// Whether an error says that no more can be written: disk full, or quota used up.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
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
    fn full_disk_and_quota_are_told_from_other_errors() {
        assert!(is_disk_full(&io::Error::from_raw_os_error(28)), "ENOSPC");
        assert!(is_disk_full(&io::Error::from_raw_os_error(122)), "EDQUOT");
        assert!(!is_disk_full(&io::Error::from_raw_os_error(13)), "EACCES");
    }
}
