//! The process that holds a lock, as its lock file names it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::files::mounted_at;
use crate::shown::Show as _;

/// The second line of the lock file of a cache begins like this.
const MOUNT_POINT: &[u8] = b"mount point ";

/// The most bytes in a lock file: two lines, one of them with a path.
const FILE_BYTES: u64 = 8192;

/// The process that holds a lock.
#[derive(Debug)]
pub struct LockHolder {
    /// `process 4711 on node3`, or why it has no name.
    pub name: String,
    /// Where it has mounted the tree, if it is a mount.
    mountpoint: Option<PathBuf>,
}

impl LockHolder {
    /// Writes this process into a lock file, in the place of an earlier one.
    pub fn write_this_process(file: &mut File) -> io::Result<()> {
        let uname = rustix::system::uname();
        let host = uname.nodename().to_string_lossy();
        let line = format!("process {} on {host}\n", std::process::id());
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(line.as_bytes())
    }

    /// Adds the mount point of this process to a lock file.
    pub fn write_mountpoint(file: &mut File, mountpoint: &Path) -> io::Result<()> {
        file.write_all(&[MOUNT_POINT, mountpoint.as_os_str().as_bytes(), b"\n"].concat())
    }

    /// Reads what a lock file says.
    pub fn in_file(file: &mut File) -> Self {
        let mut text = Vec::new();
        let _ = file.take(FILE_BYTES).read_to_end(&mut text);
        let mut lines = text.splitn(2, |byte| *byte == b'\n');
        let name = String::from_utf8_lossy(lines.next().unwrap_or_default());
        let name = match name.trim() {
            "" => "its process is not known".to_owned(),
            name => name.to_owned(),
        };
        let mountpoint = lines.next().and_then(|line| {
            let path = line.strip_prefix(MOUNT_POINT)?.strip_suffix(b"\n")?;
            Some(PathBuf::from(OsStr::from_bytes(path)))
        });
        Self { name, mountpoint }
    }

    /// Where its tree can be read. `None` for a mount that is not up yet, or no longer.
    pub fn mounted_at(&self) -> Option<&Path> {
        let mountpoint = self.mountpoint.as_deref()?;
        let found = mounted_at(mountpoint).ok()??;
        found.is_machex().then_some(mountpoint)
    }

    /// What the user can do about it. If it is a process of this machine, this depends on why it
    /// does not end: it is stopped, waits for a disk, or works.
    pub fn advice(&self) -> String {
        let mut words = self.name.split_ascii_whitespace();
        let (Some("process"), Some(number), Some("on"), host) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return "wait until it has ended".to_owned();
        };
        let this_host = rustix::system::uname();
        if host.is_none_or(|host| this_host.nodename().to_string_lossy() != host) {
            return "wait until it has ended, or end it on its machine".to_owned();
        }
        let number = number.shown();
        // proc_pid_stat(5): the state follows the name, which is in parentheses.
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        match state {
            Some('T' | 't') => format!(
                "it is stopped: kill -CONT {number} lets it go on, kill -KILL {number} ends it"
            ),
            Some('D') => {
                format!("it waits for a disk or a server; kill -KILL {number} ends it")
            }
            // Not a process that this one can see, such as one of another container.
            None => "wait until it has ended".to_owned(),
            Some(_) => format!("wait until it has ended, or end it in order: kill {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_names_its_process_and_its_mount() {
        let mut file = tempfile::tempfile().unwrap();
        let point = Path::new("/mnt/two\nlines");
        LockHolder::write_this_process(&mut file).unwrap();
        LockHolder::write_mountpoint(&mut file, point).unwrap();
        file.rewind().unwrap();
        let holder = LockHolder::in_file(&mut file);
        assert_eq!(holder.mountpoint.as_deref(), Some(point));
        let me = format!("process {} on ", std::process::id());
        assert!(holder.name.starts_with(&me), "{}", holder.name);
        assert_eq!(holder.mounted_at(), None, "nothing is mounted there");
    }
}
