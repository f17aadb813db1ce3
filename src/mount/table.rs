//! What is mounted where, as the kernel has it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Type of our mounts in the table.
const FILESYSTEM_TYPE: &str = "fuse.machex";

/// One line of /proc/self/mountinfo (proc(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountEntry {
    pub mountpoint: PathBuf,
    /// Major and minor number, such as `0:52`: no two mounts that live at a time have the same.
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
            mountpoint: PathBuf::from(OsString::from_vec(unescape(fields.get(4)?))),
            device: text(fields.get(2)?),
            filesystem: text(fields.get(dash + 1)?),
        })
    }
}

/// What is mounted at just this path; the topmost if there are several.
pub fn mounted_at(path: &Path) -> io::Result<Option<MountEntry>> {
    let table = fs::read("/proc/self/mountinfo")?;
    Ok(table
        .split(|byte| *byte == b'\n')
        .filter_map(MountEntry::parse)
        .rfind(|entry| entry.mountpoint == path))
}

/// The mount points of all mounts of ours. Asks none of them; none where there is no /proc.
pub fn machex_mounts() -> Vec<PathBuf> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    table
        .split(|byte| *byte == b'\n')
        .filter_map(MountEntry::parse)
        .filter(MountEntry::is_machex)
        .map(|entry| entry.mountpoint)
        .collect()
}

/// Blanks and the like are written as a backslash and three octal digits.
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
        assert_eq!(entry.device, "0:52");
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
