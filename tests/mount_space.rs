//! What the cache takes of the disk: never more than `CACHE_SIZE`, never what others need.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use common::mounted::{Mounted, is_root, skips_fuse};
use common::small_disk::SmallDisk;
use common::{Bench, cached_files};

const IMAGES: u32 = 60;
const SIZE: u32 = 160;

fn image(number: u32) -> String {
    format!("chex-ray14/00/{number:06}.jpg")
}

fn bench(size: u32, extra: &str) -> (Bench, Vec<Vec<u8>>) {
    let bench = Bench::small(IMAGES, &format!("IMAGE_SIZE: {size}\n{extra}"));
    let expected = (0..IMAGES)
        .map(|number| bench.expected(&bench.small_source(number), size))
        .collect();
    (bench, expected)
}

#[track_caller]
fn check_all(mounted: &Mounted, expected: &[Vec<u8>]) {
    for (number, expected) in expected.iter().enumerate() {
        assert!(
            mounted.read(&image(number as u32)) == *expected,
            "image {number}"
        );
    }
}

/// What `du -s` says, in bytes.
fn du(path: &Path) -> u64 {
    let metadata = fs::symlink_metadata(path).unwrap();
    let below = match metadata.is_dir() {
        true => fs::read_dir(path)
            .unwrap()
            .map(|entry| du(&entry.unwrap().path()))
            .sum(),
        false => 0,
    };
    metadata.blocks() * 512 + below
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The disk fills up, by others or by a quota, with no minimum that would have been kept free.
#[test]
fn a_full_disk_evicts_even_without_a_minimum_of_free_space() {
    if skips_fuse("eviction on a full disk") || !is_root("eviction on a full disk") {
        return;
    }
    let (bench, expected) = bench(SIZE, "CACHE_SIZE: 100MiB\nCACHE_MIN_FREE: 0");
    let disk = SmallDisk::new(bench.path("cache"), "size=2m");
    let mounted = Mounted::new(&bench, &[]);
    check_all(&mounted, &expected[..30]);
    let fill = disk.fill(16 << 10);
    for _ in 0..2 {
        check_all(&mounted, &expected);
    }
    assert_eq!(mounted.figure("errors"), 0);
    assert!(mounted.figure("cache.evictions") > 0);
    let log = fs::read_to_string(bench.path("mount.err")).unwrap();
    assert_eq!(
        mounted.figure("cache.refused"),
        0,
        "all had room in turn: {log}"
    );
    // Nothing is refused for good: room that comes back is used.
    fs::remove_file(&fill).unwrap();
    check_all(&mounted, &expected);
    assert_eq!(cached_files(&bench).len(), IMAGES as usize);
}

/// A mount that renders nothing gives way too.
#[test]
fn a_mount_that_only_serves_keeps_the_minimum_free() {
    if skips_fuse("CACHE_MIN_FREE of a mount at rest")
        || !is_root("CACHE_MIN_FREE of a mount at rest")
    {
        return;
    }
    let (bench, expected) = bench(SIZE, "CACHE_SIZE: 100MiB\nCACHE_MIN_FREE: 10");
    let disk = SmallDisk::new(bench.path("cache"), "size=4m");
    let mounted = Mounted::new(&bench, &[]);
    check_all(&mounted, &expected);
    let evictions = mounted.figure("cache.evictions");
    assert_eq!(evictions, 0);
    disk.fill(300 << 10);
    let wanted = (4 << 20) / 10;
    wait_until("the minimum is free again", || disk.free() >= wanted);
    // No more than that: what is lacking, and a file.
    let left = cached_files(&bench).len();
    assert!(left > IMAGES as usize / 3, "{left} files are left");
    assert_eq!(mounted.figure("errors"), 0);
}

#[test]
fn du_of_the_cache_stays_below_its_size() {
    if skips_fuse("du of the cache") {
        return;
    }
    const LIMIT: u64 = 10 << 20;
    let (bench, expected) = bench(1024, "CACHE_SIZE: 10MiB\nCACHE_MIN_FREE: 0");
    let mounted = Mounted::new(&bench, &[]);
    check_all(&mounted, &expected);
    assert!(mounted.figure("cache.evictions") > 0);
    let cache = bench.path("cache");
    wait_until("du is below CACHE_SIZE", || du(&cache) <= LIMIT);
    let (du, told) = (du(&cache), mounted.figure("cache.bytes"));
    assert!(du <= LIMIT, "{du}");
    assert!(du > LIMIT * 3 / 4, "{du}: most of it is used");
    assert!(
        told.abs_diff(du) < LIMIT / 50,
        "{told} are told, {du} are there"
    );
}

/// What cannot be kept is not made before somebody reads it, and then once.
#[test]
fn a_cache_that_cannot_be_written_is_not_warmed_nor_read_ahead_twice() {
    if skips_fuse("a cache that cannot be written") {
        return;
    }
    let (bench, expected) = bench(SIZE, "");
    let mounted = Mounted::below(&bench, &["prlimit", "--fsize=1"], &["--warm"]);
    wait_until("warming does not end", || {
        mounted.status()["warm"]["cache_is_full"] == true
    });
    thread::sleep(Duration::from_millis(300));
    assert_eq!(mounted.renders(), 0);
    check_all(&mounted, &expected);
    assert_eq!(mounted.renders(), u64::from(IMAGES));
}
