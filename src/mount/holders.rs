//! Finds what keeps a mount busy.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::process::numbers;
use crate::files::MountEntry;
use crate::files::mounts_of;

use crate::shown::Show as _;

/// What keeps a mount busy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A process that has a file of it open or mapped, or whose working directory, root or program
    /// is in it.
    Process {
        pid: u32,
        name: String,
        path: PathBuf,
    },
    /// A process that waits for an answer of a FUSE file system, perhaps this one, and has opened
    /// nothing yet. Reported only if nothing else is found.
    Waiting { pid: u32, name: String },
    /// Another mount, below it.
    Mount(PathBuf),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, name, path } => {
                write!(f, "{} (process {pid}): {}", name.shown(), path.shown())
            }
            Self::Waiting { pid, name } => {
                write!(
                    f,
                    "perhaps {} (process {pid}), which waits for an answer of a FUSE mount",
                    name.shown()
                )
            }
            Self::Mount(path) => write!(f, "another mount is below it: {}", path.shown()),
        }
    }
}

/// Everything that visibly holds a mount, one entry per process. Only root can see what processes
/// of other users have open. The mount is not accessed.
pub fn holders(mount: &MountEntry) -> Vec<Holder> {
    let mut numbers = numbers();
    numbers.sort_unstable();
    let mounts = mounts_of("self").unwrap_or_default();
    let below = mounts
        .into_iter()
        .filter(|other| other.id != mount.id && other.mountpoint.starts_with(&mount.mountpoint))
        // A mount over this one does not hold it.
        .filter(|other| other.mountpoint != mount.mountpoint)
        .map(|other| Holder::Mount(other.mountpoint));
    let processes = numbers.iter().filter_map(|&pid| {
        let path = held_path(&folder_of(pid), mount)?;
        let name = name_of(pid);
        Some(Holder::Process { pid, name, path })
    });
    let found: Vec<Holder> = below.chain(processes).collect();
    if !found.is_empty() {
        return found;
    }
    let waiting = numbers
        .into_iter()
        .filter(|pid| waits_for_fuse(&folder_of(*pid)));
    waiting
        .map(|pid| Holder::Waiting {
            pid,
            name: name_of(pid),
        })
        .collect()
}

fn folder_of(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// Name of a process as the kernel keeps it: at most 15 bytes.
fn name_of(pid: u32) -> String {
    let name = fs::read_to_string(folder_of(pid).join("comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// A path in a mount that a process holds. Open files are recognised by the ID of the mount, since
/// their paths may differ in a namespace or a chroot.
fn held_path(process: &Path, mount: &MountEntry) -> Option<PathBuf> {
    let is_below = |path: &PathBuf| path.starts_with(&mount.mountpoint);
    let link = |name: &str| fs::read_link(process.join(name)).ok().filter(is_below);
    if let Some(path) = link("cwd").or_else(|| link("root")).or_else(|| link("exe")) {
        return Some(path);
    }
    let files = fs::read_dir(process.join("fd")).ok();
    let open = files.and_then(|mut files| {
        files.find_map(|file| {
            let file = file.ok()?;
            let info = fs::read_to_string(process.join("fdinfo").join(file.file_name())).ok()?;
            let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?;
            let is_ours = id.trim().parse() == Ok(mount.id);
            is_ours.then(|| fs::read_link(file.path()).unwrap_or_default())
        })
    });
    open.or_else(|| mapped_path(process, mount))
}

/// Reads `maps`, see proc_pid_maps(5): the device, in hexadecimal, is the fourth field.
fn mapped_path(process: &Path, mount: &MountEntry) -> Option<PathBuf> {
    let (major, minor) = mount.device.split_once(':')?;
    let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
    let device = format!("{major:02x}:{minor:02x}");
    let maps = fs::read_to_string(process.join("maps")).ok()?;
    let line = maps
        .lines()
        .find(|line| line.split_ascii_whitespace().nth(3) == Some(&device))?;
    Some(PathBuf::from(line.get(line.find('/')?..)?))
}

fn waits_for_fuse(process: &Path) -> bool {
    let Ok(threads) = fs::read_dir(process.join("task")) else {
        return false;
    };
    threads.flatten().any(|thread| {
        fs::read_to_string(thread.path().join("wchan"))
            .is_ok_and(|place| place == "request_wait_answer" || place.starts_with("fuse_simple"))
    })
}

/// A process that sees a mount at another path or in another namespace, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    pub pid: u32,
    pub name: String,
    pub path: PathBuf,
    /// Whether the path is in the namespace of this process, as after `mount --bind`.
    pub is_here: bool,
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.shown();
        if self.is_here {
            return write!(f, "it is also mounted at {path}");
        }
        let Self { pid, name, .. } = self;
        write!(
            f,
            "{} (process {pid}) has a mount namespace of its own, where it is still mounted at {path}",
            name.shown()
        )
    }
}

/// Where else the file system with this device number is mounted, with one process per namespace.
pub fn copies(device: &str) -> Vec<Copy> {
    let mut namespaces = BTreeMap::new();
    let mut numbers = numbers();
    numbers.sort_unstable();
    for pid in numbers {
        if let Ok(namespace) = fs::read_link(format!("/proc/{pid}/ns/mnt")) {
            namespaces.entry(namespace).or_insert(pid);
        }
    }
    let own_namespace = fs::read_link("/proc/self/ns/mnt").ok();
    let of_process = |(namespace, pid): (PathBuf, u32)| {
        let mounts = mounts_of(&pid.to_string()).ok()?;
        let mount = mounts.into_iter().find(|mount| mount.device == device)?;
        Some(Copy {
            pid,
            name: name_of(pid),
            path: mount.mountpoint,
            is_here: Some(namespace) == own_namespace,
        })
    };
    let mut found: Vec<Copy> = namespaces.into_iter().filter_map(of_process).collect();
    found.sort_by_key(|copy| copy.pid);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_file_open_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let outer = mounts_of("self").unwrap();
        let outer = outer
            .into_iter()
            .filter(|mount| folder.starts_with(&mount.mountpoint))
            .max_by_key(|mount| mount.mountpoint.components().count())
            .unwrap();
        // Pretend that the folder is a mount.
        let mount = MountEntry {
            mountpoint: folder.clone(),
            device: "0:0".to_owned(),
            ..outer
        };
        let path = folder.join("x");
        let file = fs::File::create(&path).unwrap();
        let mine = |holder: &Holder| matches!(holder, Holder::Process { pid, .. } if *pid == std::process::id());
        assert!(holders(&mount).iter().any(mine));
        drop(file);
    }
}
