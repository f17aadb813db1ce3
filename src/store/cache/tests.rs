//! The cache as its users see it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    min_free_percent: 0,
};

fn key(number: u8) -> ContentKey {
    ContentKey::from_bytes([number; 16])
}

fn put(cache: &Cache, number: u8, size: usize) -> Kept {
    let bytes = vec![number; size];
    cache.put(key(number), |out| out.write_all(&bytes)).unwrap()
}

fn bytes(body: &Body) -> Vec<u8> {
    let mut buffer = Vec::new();
    let size = usize::try_from(body.size()).unwrap();
    body.read_at(0, size, &mut buffer).unwrap();
    buffer
}

fn wait_until_counted(cache: &Cache) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !cache.usage().is_complete {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn open(folder: &Path, limits: Limits) -> Cache {
    let cache = Cache::open(folder, limits).unwrap();
    wait_until_counted(&cache);
    cache
}

#[test]
fn files_and_sizes_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), LIMITS);
    put(&cache, 1, 5000);
    drop(cache);
    let cache = open(folder.path(), LIMITS);
    assert_eq!((cache.usage().files, cache.usage().bytes), (1, 8192));
    let record = cache.record(key(1)).unwrap();
    let (body, fingerprint) = cache.get(key(1), record).unwrap();
    assert_eq!((record.size, bytes(&body)), (5000, vec![1; 5000]));
    assert!(cache.get_trusted(key(1), 5000, fingerprint).is_some());
    assert!(cache.record(key(2)).is_none());
}

#[test]
fn open_files_are_not_evicted_and_sizes_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        bytes: 3 * 4096,
        ..LIMITS
    };
    let cache = open(folder.path(), limits);
    let held = put(&cache, 1, 4096);
    for number in 2..=6 {
        drop(put(&cache, number, 4096));
    }
    assert!(cache.contains(key(1)) && cache.contains(key(6)) && !cache.contains(key(3)));
    assert_eq!(cache.usage().bytes, limits.bytes);
    assert_eq!(cache.record(key(3)).unwrap().size, 4096);
    drop(held);
    drop(put(&cache, 7, 4096));
    drop(put(&cache, 8, 4096));
    drop(put(&cache, 9, 4096));
    assert!(!cache.contains(key(1)));
    // Larger than the whole cache: kept in memory only.
    let large = put(&cache, 10, 20_000);
    assert!(large.fingerprint.is_none() && cache.refused() == 1);
    assert!(cache.get_trusted(key(10), 20_000, None).is_some());
}

#[test]
fn order_of_use_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), LIMITS);
    for number in 1..=3 {
        put(&cache, number, 4096);
        std::thread::sleep(Duration::from_millis(3));
    }
    let record = cache.record(key(1)).unwrap();
    drop(cache.get(key(1), record).unwrap());
    drop(cache);
    let limits = Limits {
        bytes: 2 * 4096,
        ..LIMITS
    };
    let cache = open(folder.path(), limits);
    assert!(cache.contains(key(1)) && cache.contains(key(3)) && !cache.contains(key(2)));
}

#[test]
fn what_fails_to_be_made_leaves_nothing_and_is_not_blamed_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), LIMITS);
    let failed = cache.put(key(1), |out| {
        out.write_all(b"half of it")?;
        Err(io::Error::other("a report cannot be read"))
    });
    assert_eq!(failed.unwrap_err().to_string(), "a report cannot be read");
    assert_eq!((cache.refused(), cache.record(key(1))), (0, None));
    let shard = folder.path().join("mount/files/01");
    assert_eq!(fs::read_dir(shard).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_taken_away_is_done_without_and_made_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), LIMITS);
    put(&cache, 1, 100);
    fs::remove_dir_all(folder.path().join("mount")).unwrap();
    assert_eq!(bytes(&put(&cache, 2, 100).body), [2; 100]);
    assert!(!folder.path().join("mount").exists());
    drop(cache);
    let cache = open(folder.path(), LIMITS);
    assert!(put(&cache, 3, 100).fingerprint.is_some());
}

#[test]
fn left_overs_go_and_what_is_being_written_stays() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), LIMITS));
    let shard = folder.path().join("mount/files/01");
    fs::create_dir_all(&shard).unwrap();
    let left = shard.join(format!(".{}.00112233445566778899aabb.tmp", key(1)));
    let unknown = shard.join(key(1).to_string());
    let theirs = shard.join("README");
    for path in [&left, &unknown, &theirs] {
        fs::write(path, "x").unwrap();
    }
    let own = crate::store::Temporary::create(&shard.join(key(1).to_string())).unwrap();
    let cache = open(folder.path(), LIMITS);
    assert!(!left.exists() && !unknown.exists() && theirs.exists());
    own.commit(crate::store::Durability::Accepted).unwrap();
    assert_eq!(cache.usage().files, 0);
}
