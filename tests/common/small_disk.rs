//! A small disk in memory, which needs root.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

use super::mounted::detach;

/// A tmpfs of its own, taken away at the end.
pub struct SmallDisk(pub PathBuf);

impl SmallDisk {
    /// `options` as mount(8) has them, such as `size=2m`.
    pub fn new(path: PathBuf, options: &str) -> Self {
        fs::create_dir_all(&path).unwrap();
        let disk = Self(path);
        disk.mount(&["-t", "tmpfs", "-o", options, "tmpfs"]);
        disk
    }

    pub fn remount(&self, options: &str) {
        self.mount(&["-o", &format!("remount,{options}")]);
    }

    fn mount(&self, arguments: &[&str]) {
        let done = Command::new("mount")
            .args(arguments)
            .arg(&self.0)
            .output()
            .unwrap();
        let hint = "a small tmpfs needs root with CAP_SYS_ADMIN";
        assert!(done.status.success(), "{hint}: {done:?}");
    }

    /// Bytes that are free.
    pub fn free(&self) -> u64 {
        let space = rustix::fs::statvfs(&self.0).unwrap();
        space.f_bavail * space.f_frsize
    }

    /// Another user's file that leaves so much.
    pub fn fill(&self, leaves: u64) -> PathBuf {
        let path = self.0.join("fill");
        loop {
            let size = self.free().saturating_sub(leaves) as usize;
            match fs::write(&path, vec![0; size]) {
                Ok(()) => return path,
                // The mount has written something meanwhile, such as its order of use.
                Err(error) if error.kind() == ErrorKind::StorageFull => {
                    fs::remove_file(&path).unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        detach(&self.0);
    }
}
