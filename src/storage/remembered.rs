//! What the kernel has in memory of a file, without asking a disk or a server.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags};

use super::{Inode, Kind, Stamp, Stat};

/// The metadata of `path` (relative to `folder`), following links. `None` if the kernel would have
/// to ask a disk or a server, if the file does not exist, and before Linux 5.12.
///
/// `RESOLVE_CACHED` looks names up only in memory, and `AT_STATX_DONT_SYNC` takes the attributes as
/// the kernel has them: neither waits, whatever file system a link or a mount leads to.
pub fn remembered_stat(folder: impl AsFd, path: &Path) -> Option<Stat> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let file = rustix::fs::openat2(
        folder,
        path,
        flags,
        Mode::empty(),
        ResolveFlags::CACHED | ResolveFlags::NO_MAGICLINKS,
    )
    .ok()?;
    let stat = rustix::fs::statx(
        &file,
        "",
        AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC,
        StatxFlags::BASIC_STATS,
    )
    .ok()?;
    let wanted = StatxFlags::TYPE | StatxFlags::SIZE | StatxFlags::MTIME;
    // A file system may lack attributes that it has not asked its server for.
    StatxFlags::from_bits_retain(stat.stx_mask)
        .contains(wanted)
        .then_some(())?;
    let kind = match FileType::from_raw_mode(u32::from(stat.stx_mode)) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        _ => Kind::Special("something else"),
    };
    Some(Stat {
        kind,
        stamp: Stamp::of_file(
            stat.stx_size,
            (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
        ),
        inode: Some(Inode {
            device: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
            number: stat.stx_ino,
            changed: (stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_was_looked_at_just_now_is_remembered_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "1234").unwrap();
        std::os::unix::fs::symlink("x", folder.path().join("link")).unwrap();
        let metadata = fs::metadata(folder.path().join("link")).unwrap();
        for name in ["x", "link"] {
            // `None` on kernels without it, which then always ask the disk.
            let Some(found) = remembered_stat(rustix::fs::CWD, &folder.path().join(name)) else {
                continue;
            };
            assert_eq!(found.kind, Kind::File);
            assert_eq!(found.stamp, Stamp::of(&metadata));
        }
        let folder_itself = remembered_stat(rustix::fs::CWD, folder.path());
        assert!(folder_itself.is_none_or(|found| found.kind == Kind::Folder));
        assert_eq!(
            remembered_stat(rustix::fs::CWD, &folder.path().join("no")),
            None
        );
    }
}
