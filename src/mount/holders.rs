//! Who holds files of a mount.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A process that keeps a mount busy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    pub name: String,
    /// What it has open, or stands in.
    pub path: PathBuf,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, name, path } = self;
        write!(f, "{name} (process {pid}): {}", path.display())
    }
}

/// The processes that have something below `mountpoint` open or mapped, or stand in it; one line
/// each. Those of other users are seen by root only.
pub fn holders(mountpoint: &Path) -> Vec<Holder> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut found: Vec<Holder> = processes
        .filter_map(|process| {
            let pid: u32 = process.ok()?.file_name().to_str()?.parse().ok()?;
            let folder = PathBuf::from(format!("/proc/{pid}"));
            let path = held_path(&folder, mountpoint)?;
            let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
            Some(Holder {
                pid,
                name: name.trim_end().to_owned(),
                path,
            })
        })
        .collect();
    found.sort_by_key(|holder| holder.pid);
    found
}

fn held_path(process: &Path, mountpoint: &Path) -> Option<PathBuf> {
    let is_below = |path: &PathBuf| path.starts_with(mountpoint);
    let link = |name: &str| fs::read_link(process.join(name)).ok().filter(is_below);
    if let Some(path) = link("cwd").or_else(|| link("root")) {
        return Some(path);
    }
    let open = fs::read_dir(process.join("fd")).ok().and_then(|files| {
        files
            .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
            .find(is_below)
    });
    open.or_else(|| {
        let maps = fs::read_to_string(process.join("maps")).ok()?;
        maps.lines()
            .filter_map(|line| Some(PathBuf::from(&line[line.find('/')?..])))
            .find(is_below)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_file_open_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        assert_eq!(holders(&folder), []);
        let path = folder.join("x");
        let file = fs::File::create(&path).unwrap();
        let found = holders(&folder);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].pid, &found[0].path), (std::process::id(), &path));
        drop(file);
    }
}
