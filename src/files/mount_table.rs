//! The kernel's table of mounts.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The type of machex mounts in the table.
const FILESYSTEM_TYPE: &str = "fuse.machex";

/// One line of /proc/self/mountinfo (proc(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountEntry {
    /// Distinguishes it from other mounts of the same file system.
    pub id: u64,
    pub mountpoint: PathBuf,
    /// Major and minor number, such as `0:52`: unique among the mounts that exist at one time.
    pub device: String,
    pub filesystem: String,
}

impl MountEntry {
    pub fn is_machex(&self) -> bool {
        self.filesystem == FILESYSTEM_TYPE
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        // Optional fields end with a dash.
        let dash = fields.iter().position(|field| *field == b"-")?;
        Some(Self {
            id: text(fields.first()?).parse().ok()?,
            mountpoint: PathBuf::from(OsString::from_vec(unescape(fields.get(4)?))),
            device: text(fields.get(2)?),
            filesystem: text(fields.get(dash + 1)?),
        })
    }
}

/// The mount at exactly this path; the topmost if there are several.
pub fn mounted_at(path: &Path) -> io::Result<Option<MountEntry>> {
    let mut table = mounts_of("self")?;
    Ok(table
        .iter()
        .rposition(|entry| entry.mountpoint == path)
        .map(|at| table.swap_remove(at)))
}

/// The machex mount that contains a path without links.
pub fn machex_mount_of(path: &Path) -> io::Result<Option<MountEntry>> {
    let innermost = mounts_of("self")?
        .into_iter()
        .filter(|entry| path.starts_with(&entry.mountpoint))
        .max_by_key(|entry| entry.mountpoint.components().count());
    Ok(innermost.filter(MountEntry::is_machex))
}

/// The mounts in the namespace of a process (a number, or `self`). Never waits for a mount.
pub(crate) fn mounts_of(process: &str) -> io::Result<Vec<MountEntry>> {
    let table = fs::read(format!("/proc/{process}/mountinfo"))?;
    let lines = table.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(MountEntry::parse).collect())
}

/// All machex mount points; empty if the table cannot be read.
pub fn machex_mountpoints() -> Vec<PathBuf> {
    let table = mounts_of("self").unwrap_or_default();
    let ours = table.into_iter().filter(MountEntry::is_machex);
    ours.map(|entry| entry.mountpoint).collect()
}

/// "Transport endpoint is not connected", or an aborted connection.
pub fn is_disconnected(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotConnected | io::ErrorKind::ConnectionAborted
    )
}

/// Spaces and similar characters are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = (first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                out.push(byte);
                rest = &tail[3..];
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mountinfo_are_understood() {
        let line = br"36 35 0:52 / /mnt/my\040tree\134x rw,nosuid shared:7 master:1 - fuse.machex /c.yml ro,user_id=0";
        let entry = MountEntry::parse(line).unwrap();
        assert_eq!(entry.mountpoint, Path::new(r"/mnt/my tree\x"));
        assert_eq!((entry.id, entry.device.as_str()), (36, "0:52"));
        assert!(entry.is_machex());
        assert_eq!(MountEntry::parse(b"36 35"), None);
        assert_eq!(MountEntry::parse(b""), None);
    }

    #[test]
    fn the_root_is_mounted_and_a_folder_is_not() {
        assert!(mounted_at(Path::new("/proc")).unwrap().is_some());
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(mounted_at(folder.path()).unwrap(), None);
    }
}
