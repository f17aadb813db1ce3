//! Disk space that the cache uses besides its files: folders, the record database, catalogs, the
//! log.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// What machex puts directly into `CACHE_PATH`, besides the folder of the cache.
const BESIDE: [&str; 3] = ["mount.log", "mount.log.old", "catalogs"];

/// Measures the space in two parts: what changes often, and the hundreds of folders that hold the
/// files.
#[derive(Debug, Default)]
pub(super) struct Overhead {
    shards: u64,
    /// When the last of these folders was created.
    made: Option<SystemTime>,
    rounds: u32,
}

/// The folders grow slowly; they are measured once in this many rounds, and when there is a new
/// one.
const ROUNDS: u32 = 12;

impl Overhead {
    /// Bytes in use now; `folder` is the cache folder in `cache_path`.
    pub(super) fn measure(&mut self, cache_path: &Path, folder: &Path) -> u64 {
        let files = folder.join("files");
        let made = fs::metadata(&files).and_then(|files| files.modified()).ok();
        if self.rounds.is_multiple_of(ROUNDS) || made != self.made {
            self.shards = entries(&files);
            self.made = made;
        }
        self.rounds = self.rounds.wrapping_add(1);
        let beside = BESIDE.map(|name| with_entries(&cache_path.join(name)));
        room(cache_path) + beside.iter().sum::<u64>() + with_entries(folder) + self.shards
    }
}

/// Space of a file, or of a folder and its entries.
fn with_entries(path: &Path) -> u64 {
    room(path) + entries(path)
}

fn entries(path: &Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| room(&entry.path())).sum()
}

fn room(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |metadata| metadata.blocks() * 512)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_files_is_measured() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("mount");
        fs::create_dir_all(folder.join("files/ab")).unwrap();
        fs::create_dir(base.path().join("catalogs")).unwrap();
        let mut overhead = Overhead::default();
        let empty = overhead.measure(base.path(), &folder);
        for (name, size) in [
            ("mount.log", 8192),
            ("catalogs/x.catalog", 20_480),
            ("mount/book.sqlite", 4096),
            ("mount/files/ab/abcd", 1 << 20),
            ("holiday.mp4", 1 << 20),
        ] {
            fs::write(base.path().join(name), vec![7; size]).unwrap();
        }
        fs::create_dir(folder.join("files/cd")).unwrap();
        let shard = room(&folder.join("files/cd"));
        let full = overhead.measure(base.path(), &folder);
        assert_eq!(full - empty, 8192 + 20_480 + 4096 + shard);
    }
}
