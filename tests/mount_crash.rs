//! Kills, damage and full disks: right bytes or an error, and nothing to repair.

mod common;

use std::collections::HashMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::mounted::{Mounted, is_root, skips_fuse};
use common::small_disk::SmallDisk;
use common::{Bench, cached_files};
use rustix::process::Signal;

const IMAGES: u32 = 24;
const SIZE: u32 = 160;

fn image(number: u32) -> String {
    format!("chex-ray14/00/{number:06}.jpg")
}

fn bench(extra: &str) -> (Bench, Arc<Vec<Vec<u8>>>) {
    let bench = Bench::small(IMAGES, &format!("IMAGE_SIZE: {SIZE}\n{extra}"));
    let expected = (0..IMAGES)
        .map(|number| bench.expected(&bench.small_source(number), SIZE))
        .collect();
    (bench, Arc::new(expected))
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

#[test]
fn kills_at_any_moment_cost_nothing() {
    if skips_fuse("kill -9") {
        return;
    }
    // A cache that evicts all the time, so that kills meet that as well.
    let (bench, expected) = bench("CACHE_SIZE: 128KiB\nCACHE_MIN_FREE: 0");
    let mut seen: HashMap<u32, u64> = HashMap::new();
    for round in 0..50u64 {
        let mut mounted = Mounted::new(&bench, &["--replace"]);
        // What was read before a kill is known after it.
        for (number, size) in &seen {
            assert_eq!(
                fs::metadata(mounted.path(&image(*number))).unwrap().len(),
                *size
            );
        }
        // (Neighbours that nobody has read yet may be made ahead meanwhile.)
        assert_eq!(
            mounted.figure("misses"),
            0,
            "round {round}: sizes were lost"
        );
        let stop = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..4u32)
            .map(|reader| {
                let (stop, expected) = (Arc::clone(&stop), Arc::clone(&expected));
                let root = mounted.root.clone();
                thread::spawn(move || {
                    let mut read = Vec::new();
                    let mut random = reader + 17 * round as u32 + 1;
                    while !stop.load(Ordering::Relaxed) {
                        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let number = (random >> 8) % IMAGES;
                        // Errors are what a reader gets when the process goes.
                        if let Ok(bytes) = fs::read(root.join(image(number))) {
                            assert!(bytes == expected[number as usize], "image {number}");
                            read.push((number, bytes.len() as u64));
                        }
                    }
                    read
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(10 + round * 7 % 90));
        mounted.end_by(Signal::KILL);
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            seen.extend(reader.join().unwrap());
        }
    }
    assert!(
        seen.len() > IMAGES as usize / 2,
        "the readers read little: {}",
        seen.len()
    );
    let mounted = Mounted::new(&bench, &["--replace"]);
    check_all(&mounted, &expected);
    drop(mounted);
    let left: Vec<PathBuf> = cached_files(&bench)
        .into_iter()
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with('.'))
        .collect();
    assert_eq!(left, Vec::<PathBuf>::new(), "temporary files are removed");
}

fn flip(path: &Path) {
    let mut file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    file.seek(SeekFrom::Start(fs::metadata(path).unwrap().len() / 2))
        .unwrap();
    file.write_all(&[0x55, 0xaa, 0x55]).unwrap();
}

type Damage = fn(&Path);

/// Ways to spoil a file of the cache.
const DAMAGES: [(&str, Damage); 6] = [
    ("truncated", |path| {
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(100)
            .unwrap()
    }),
    ("emptied", |path| fs::write(path, "").unwrap()),
    ("flipped", flip),
    ("deleted", |path| fs::remove_file(path).unwrap()),
    ("replaced", |path| {
        let size = fs::metadata(path).unwrap().len();
        fs::remove_file(path).unwrap();
        fs::write(path, vec![7; size as usize]).unwrap();
    }),
    ("a link", |path| {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
    }),
];

#[test]
fn damaged_files_of_the_cache_are_made_again() {
    if skips_fuse("damage behind the back") {
        return;
    }
    let (bench, expected) = bench("");
    for passthrough in common::mounted::passthrough_modes() {
        for (what, damage) in DAMAGES {
            let mounted = Mounted::new(&bench, &["--passthrough", passthrough]);
            check_all(&mounted, &expected);
            // While it is mounted.
            let before = mounted.renders();
            cached_files(&bench).iter().for_each(|path| damage(path));
            drop_caches(&mounted);
            check_all(&mounted, &expected);
            assert!(mounted.renders() > before, "{what}: nothing was made again");
            drop(mounted);
            // Between two mounts.
            cached_files(&bench).iter().for_each(|path| damage(path));
            let mounted = Mounted::new(&bench, &["--passthrough", passthrough]);
            check_all(&mounted, &expected);
            assert_eq!(mounted.figure("errors"), 0, "{what}");
        }
    }
}

/// Has the kernel forget the pages that it has of the mount, so that reads reach the files again.
fn drop_caches(_mounted: &Mounted) {
    // Without root the kernel keeps the right bytes, which is as good for this test.
    let _ = fs::write("/proc/sys/vm/drop_caches", "1");
}

#[test]
fn a_file_that_is_damaged_while_it_is_open_is_right_for_the_next_reader() {
    if skips_fuse("damage of open files") {
        return;
    }
    let (bench, expected) = bench("");
    for passthrough in common::mounted::passthrough_modes() {
        let mounted = Mounted::new(&bench, &["--passthrough", passthrough]);
        let path = mounted.path(&image(0));
        fs::metadata(&path).unwrap();
        let held = fs::File::open(&path).unwrap();
        cached_files(&bench).iter().for_each(|path| flip(path));
        let mut poisoned = Vec::new();
        std::io::Read::read_to_end(&mut &held, &mut poisoned).unwrap();
        // While it is open: right, or an error.
        if let Ok(bytes) = fs::read(&path) {
            assert!(bytes == expected[0], "passthrough {passthrough}");
        }
        drop(held);
        thread::sleep(Duration::from_millis(100));
        assert!(
            fs::read(&path).unwrap() == expected[0],
            "passthrough {passthrough}"
        );
        drop(mounted);
        fs::remove_dir_all(bench.path("cache/mount")).unwrap();
    }
}

/// Whatever lies in the cache's folder, the limit is kept.
#[test]
fn strangers_in_the_cache_do_not_stop_eviction() {
    if skips_fuse("strangers in the cache") {
        return;
    }
    let (bench, expected) = bench("CACHE_SIZE: 64KiB\nCACHE_MIN_FREE: 0");
    let files = bench.path("cache/mount/files");
    drop(Mounted::new(&bench, &[]));
    for name in [
        "ab/ab000000000000000000000000000000/x",
        "cd/.cd000000000000000000000000000000.00ff.tmp/x",
    ] {
        fs::create_dir_all(files.join(name)).unwrap();
    }
    fs::write(files.join("ef"), "not a folder").unwrap();
    let mounted = Mounted::new(&bench, &[]);
    check_all(&mounted, &expected);
    assert!(mounted.figure("cache.evictions") > 0);
}

#[test]
fn a_book_that_is_lost_or_damaged_is_begun_anew() {
    if skips_fuse("a damaged book") {
        return;
    }
    let (bench, expected) = bench("");
    let book = bench.path("cache/mount/book.sqlite");
    let damages: [Damage; 3] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, vec![0x5a; 20_000]).unwrap(),
        |path| {
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(5000)
                .unwrap()
        },
    ];
    for damage in damages {
        let mounted = Mounted::new(&bench, &[]);
        check_all(&mounted, &expected);
        drop(mounted);
        damage(&book);
        let mounted = Mounted::new(&bench, &[]);
        check_all(&mounted, &expected);
        assert_eq!(mounted.figure("errors"), 0);
    }
}

#[test]
fn a_full_disk_is_served_from_memory_and_logged_once() {
    if skips_fuse("a full disk") || !is_root("a full disk") {
        return;
    }
    let (bench, expected) = bench("CACHE_SIZE: 100MiB");
    let disk = SmallDisk::new(bench.path("cache"), "size=400k");
    let fill = disk.0.join("fill");
    let mounted = Mounted::new(&bench, &[]);
    // Before the cache has a file: else it may get by on evicting those it has, and refuse none.
    let space = rustix::fs::statvfs(&disk.0).unwrap();
    fs::write(&fill, vec![0; (space.f_bavail * space.f_frsize) as usize]).unwrap();
    for _ in 0..3 {
        check_all(&mounted, &expected);
    }
    assert_eq!(mounted.figure("errors"), 0);
    assert!(mounted.figure("cache.refused") > 0);
    let log = mounted.log_once(|log| log.contains("serving from memory"));
    assert_eq!(log.lines().count(), 1, "{log}");
    // Room comes back.
    fs::remove_file(&fill).unwrap();
    let refused = mounted.figure("cache.refused");
    drop(mounted);
    let mounted = Mounted::new(&bench, &["--cache-size", "200KiB"]);
    check_all(&mounted, &expected);
    assert!(refused > 0 && mounted.figure("cache.files") > 0);
    // A minimum stays free whatever the limit says.
    drop(mounted);
    let mounted = Mounted::new(&bench, &[]);
    check_all(&mounted, &expected);
    let space = rustix::fs::statvfs(&disk.0).unwrap();
    assert!(space.f_bavail * 100 >= space.f_blocks * 2);
}

#[test]
fn a_cache_that_cannot_be_written_is_done_without() {
    if skips_fuse("a read-only cache") || !is_root("a read-only cache") {
        return;
    }
    let (bench, expected) = bench("");
    let disk = SmallDisk::new(bench.path("cache"), "size=8m");
    let mounted = Mounted::new(&bench, &[]);
    check_all(&mounted, &expected[..8]);
    drop(mounted);
    disk.remount("ro");
    let mounted = Mounted::new(&bench, &[]);
    check_all(&mounted, &expected);
    assert_eq!(mounted.figure("errors"), 0);
    mounted.log_once(|log| log.contains("in memory only"));
    drop(mounted);
    disk.remount("rw");
    check_all(&Mounted::new(&bench, &[]), &expected);
}
