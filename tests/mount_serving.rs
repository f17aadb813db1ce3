//! Serving: each image made once, the cache within its limit, failures, and what operators see.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use common::mounted::{Mounted, is_root, passthrough_modes, skips_fuse};
use common::{Bench, cached_files, write_png};

const SHARD: &str = "chex-ray14/00";

fn image(number: u32) -> String {
    format!("{SHARD}/{number:06}.jpg")
}

/// Waits until `done` is true.
#[track_caller]
fn wait_for(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn many_readers_of_one_image_render_it_once() {
    if skips_fuse("single flight") {
        return;
    }
    for passthrough in passthrough_modes() {
        let bench = Bench::small(0, "");
        write_png(&bench.path("raw/images/big.png"), 3000, 3000, 7);
        fs::write(bench.path("raw/train_val_list.txt"), "big.png\n").unwrap();
        let expected = Arc::new(bench.expected(&bench.path("raw/images/big.png"), 1024));
        let mounted = Mounted::new(&bench, &["--passthrough", passthrough]);
        let barrier = Arc::new(Barrier::new(64));
        let readers: Vec<_> = (0..64)
            .map(|reader| {
                let (barrier, expected) = (Arc::clone(&barrier), Arc::clone(&expected));
                let path = mounted.path(&image(0));
                thread::spawn(move || {
                    barrier.wait();
                    if reader % 2 == 0 {
                        assert_eq!(fs::metadata(&path).unwrap().len(), expected.len() as u64);
                    }
                    assert!(fs::read(&path).unwrap() == *expected);
                })
            })
            .collect();
        for reader in readers {
            reader.join().unwrap();
        }
        assert_eq!(mounted.renders(), 1, "passthrough {passthrough}");
    }
}

#[test]
fn a_cache_that_is_too_small_is_kept_within_its_limit() {
    if skips_fuse("eviction") {
        return;
    }
    const IMAGES: u32 = 60;
    // Of a cache as small as this, half is for the files.
    const LIMIT: u64 = 256 << 10;
    for passthrough in passthrough_modes() {
        let bench = Bench::small(
            IMAGES,
            "IMAGE_SIZE: 300\nCACHE_SIZE: 512KiB\nCACHE_MIN_FREE: 0",
        );
        let expected: Vec<Vec<u8>> = (0..IMAGES)
            .map(|number| bench.expected(&bench.small_source(number), 300))
            .collect();
        assert!(expected.iter().map(Vec::len).sum::<usize>() as u64 > 4 * LIMIT);
        let expected = Arc::new(expected);
        let mounted = Mounted::new(&bench, &["--passthrough", passthrough]);
        let descriptors = || {
            fs::read_dir(format!("/proc/{}/fd", mounted.pid()))
                .unwrap()
                .count()
        };
        let mut counts = Vec::new();
        for round in 0..3u32 {
            let readers: Vec<_> = (0..16u32)
                .map(|reader| {
                    let (root, expected) = (mounted.root.clone(), Arc::clone(&expected));
                    thread::spawn(move || {
                        let mut random = reader + 100 * round + 1;
                        for _ in 0..60 {
                            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                            let number = (random >> 8) % IMAGES;
                            let bytes = fs::read(root.join(image(number))).unwrap();
                            assert!(bytes == expected[number as usize], "image {number}");
                        }
                    })
                })
                .collect();
            for reader in readers {
                reader.join().unwrap();
            }
            wait_for("closing", || mounted.figure("open_files") <= 1);
            counts.push(descriptors());
        }
        // Files that were open are evicted when they are closed.
        assert!(mounted.figure("cache.evictions") > 0);
        wait_for("the limit on the disk", || {
            let size = |path: &PathBuf| fs::metadata(path).map_or(0, |file| file.len());
            cached_files(&bench).iter().map(size).sum::<u64>() <= LIMIT
        });
        assert!(counts[2] <= counts[0] + 16, "open files grow: {counts:?}");
    }
}

#[test]
fn sizes_outlive_the_bytes_and_the_process() {
    if skips_fuse("known sizes") {
        return;
    }
    let bench = Bench::small(20, "IMAGE_SIZE: 200\nCACHE_SIZE: 64KiB\nCACHE_MIN_FREE: 0");
    let expected: Vec<u64> = (0..20)
        .map(|number| bench.expected(&bench.small_source(number), 200).len() as u64)
        .collect();
    let mounted = Mounted::new(&bench, &[]);
    for number in 0..20 {
        mounted.read(&image(number));
    }
    drop(mounted);
    let mounted = Mounted::new(&bench, &[]);
    for number in 0..20u32 {
        let size = fs::metadata(mounted.path(&image(number))).unwrap().len();
        assert_eq!(size, expected[number as usize]);
    }
    assert_eq!(mounted.renders(), 0);
}

#[test]
fn materialized_images_are_served_from_the_tree() {
    if skips_fuse("the materialized tree") {
        return;
    }
    let bench = Bench::small(4, "IMAGE_SIZE: 64");
    bench.run(&["materialize"]).expect_status(0);
    fs::remove_file(bench.out().join(image(2))).unwrap();
    // Another size than its record has.
    fs::write(bench.out().join(image(3)), "x").unwrap();
    let mounted = Mounted::new(&bench, &[]);
    for number in 0..4 {
        let expected = bench.expected(&bench.small_source(number), 64);
        assert!(mounted.read(&image(number)) == expected, "{number}");
    }
    assert_eq!(mounted.renders(), 2);
    assert_eq!(
        fs::read(bench.out().join(image(3))).unwrap(),
        b"x",
        "the tree is never written"
    );
}

#[test]
fn a_source_that_fails_is_an_error_for_its_image_and_comes_back() {
    if skips_fuse("failing sources") {
        return;
    }
    let bench = Bench::small(4, "IMAGE_SIZE: 64");
    let good = fs::read(bench.small_source(1)).unwrap();
    fs::remove_file(bench.small_source(0)).unwrap();
    fs::write(bench.small_source(1), "not an image").unwrap();
    let mounted = Mounted::new(&bench, &[]);
    for number in [0, 1] {
        let path = mounted.path(&image(number));
        for error in [
            fs::read(&path).unwrap_err(),
            fs::metadata(&path).unwrap_err(),
        ] {
            assert_eq!(error.raw_os_error(), Some(5), "EIO, not {error}");
        }
    }
    assert!(mounted.read(&image(2)) == bench.expected(&bench.small_source(2), 64));
    let status = mounted.status();
    let causes: Vec<&str> = status["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note["cause"].as_str().unwrap())
        .collect();
    assert_eq!(
        causes,
        [
            "the source is missing",
            "neither a PNG, a JPEG nor a DICOM file but a text file: look at what it says; the picture \
             is somewhere else"
        ]
    );
    let log = mounted.log_once(|log| log.lines().count() >= 2);
    for word in ["chex-ray14", "0001.png", "00/000001.jpg", "neither a PNG"] {
        assert!(log.contains(word), "{word} in {log}");
    }
    assert_eq!(log.lines().count(), 2, "each fault is logged once: {log}");

    write_png(&bench.small_source(0), 410, 420, 9);
    fs::write(bench.small_source(1), good).unwrap();
    for number in [0, 1] {
        assert!(mounted.read(&image(number)) == bench.expected(&bench.small_source(number), 64));
    }
    assert_eq!(mounted.status()["datasets"][0]["failing"], 0);
}

#[test]
fn a_source_that_changes_never_gives_mixed_bytes() {
    if skips_fuse("changing sources") {
        return;
    }
    for passthrough in passthrough_modes() {
        let bench = Bench::small(12, "IMAGE_SIZE: 128\nCACHE_SIZE: 32KiB\nCACHE_MIN_FREE: 0");
        let mounted = Mounted::new(&bench, &["--passthrough", passthrough]);
        let before = bench.expected(&bench.small_source(0), 128);
        assert!(mounted.read(&image(0)) == before);
        write_png(&bench.small_source(0), 700, 500, 77);
        let after = bench.expected(&bench.small_source(0), 128);
        assert!(before != after);
        // Taken as unchanging as long as its bytes are there; made anew once they are evicted.
        for number in 1..12 {
            mounted.read(&image(number));
        }
        assert!(mounted.read(&image(0)) == after);
        let size = fs::metadata(mounted.path(&image(0))).unwrap().len();
        assert_eq!(size, after.len() as u64);
        assert!(mounted.read(&image(0)) == after);
        drop(mounted);
        let mounted = Mounted::new(&bench, &["--passthrough", passthrough]);
        assert!(mounted.read(&image(0)) == after);
    }
}

#[test]
fn neighbours_are_made_ahead_and_random_readers_cost_nothing_more() {
    if skips_fuse("readahead") {
        return;
    }
    let bench = Bench::small(40, "IMAGE_SIZE: 64");
    let mounted = Mounted::new(&bench, &[]);
    for number in [31, 5, 17] {
        mounted.read(&image(number));
    }
    assert_eq!(mounted.renders(), 3);
    for number in 0..4 {
        mounted.read(&image(number));
    }
    wait_for("readahead", || mounted.renders() >= 3 + 4 + 3);
    for number in 4..40 {
        mounted.read(&image(number));
    }
    assert_eq!(mounted.renders(), 40, "each image once");
}

#[test]
fn warming_makes_everything_and_stops_when_the_cache_is_full() {
    if skips_fuse("--warm") {
        return;
    }
    let bench = Bench::small(30, "IMAGE_SIZE: 64");
    let mounted = Mounted::new(&bench, &["--warm"]);
    wait_for("warming", || mounted.figure("warm.done") == 30);
    assert_eq!(mounted.renders(), 30);
    let expected = bench.expected(&bench.small_source(11), 64);
    assert!(mounted.read(&image(11)) == expected);
    assert_eq!(mounted.renders(), 30);
    drop(mounted);

    fs::remove_dir_all(bench.path("cache/mount")).unwrap();
    let mounted = Mounted::new(&bench, &["--warm", "--cache-size", "64KiB"]);
    wait_for("a full cache", || {
        mounted.status()["warm"]["cache_is_full"] == true
    });
    assert!(mounted.renders() < 30);
    assert_eq!(mounted.figure("cache.evictions"), 0);
    assert!(mounted.read(&image(29)) == bench.expected(&bench.small_source(29), 64));
}

#[test]
fn operators_see_what_happens() {
    if skips_fuse("status and metrics") {
        return;
    }
    let bench = Bench::small(3, "IMAGE_SIZE: 64");
    let mounted = Mounted::new(&bench, &["--passthrough", "off"]);
    mounted.read(&image(0));
    mounted.read(&image(0));
    let status = mounted.status();
    assert_eq!(status["mode"], "reads");
    assert_eq!(status["datasets"][0]["images"], 3);
    assert_eq!(status["datasets"][0]["rendered"], 1);
    assert_eq!((&status["hits"], &status["misses"]), (&1.into(), &1.into()));
    assert_eq!(status["cache"]["files"], 1);
    assert!(status["render_latency"]["p99_seconds"].as_f64().unwrap() > 0.0);

    let shown = bench.run(&["status", "mnt"]).expect_status(0).stdout();
    for word in ["chex-ray14", "renders  1", "of 200.00 GiB in 1 file;"] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    let json = bench
        .run(&["status", "mnt", "--json"])
        .expect_status(0)
        .stdout();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["renders"], 1);
    let stranger = bench.run(&["status", "raw"]).expect_status(1);
    assert!(stranger.stderr().contains("not a machex mount"));

    let mut metrics = String::new();
    fs::File::open(mounted.path(".machex/metrics"))
        .unwrap()
        .read_to_string(&mut metrics)
        .unwrap();
    let samples: BTreeMap<&str, f64> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name, value.parse().unwrap())
        })
        .collect();
    assert_eq!(samples["machex_images{dataset=\"chex-ray14\"}"], 3.0);
    assert_eq!(samples["machex_hits_total"], 1.0);
    assert_eq!(samples["machex_render_seconds_count"], 1.0);
    for name in samples.keys() {
        let base = name.split('{').next().unwrap();
        let base = base.trim_end_matches("_sum").trim_end_matches("_count");
        assert!(metrics.contains(&format!("# TYPE {base} ")), "{base}");
    }
}

#[test]
fn reports_never_reach_the_log() {
    if skips_fuse("the log") {
        return;
    }
    let bench = Bench::golden(false, "");
    let raw = common::golden().join("raw");
    let mounted = Mounted::new(&bench, &["-vv"]);
    let index = String::from_utf8(mounted.read("mimic/index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    drop(mounted);
    let log = fs::read_to_string(bench.path("mount.err")).unwrap();
    let reports: Vec<&str> = index
        .as_object()
        .unwrap()
        .values()
        .filter_map(|entry| entry["report"].as_str())
        .filter(|report| report.len() > 10)
        .collect();
    assert!(!reports.is_empty() && raw.exists());
    for report in reports {
        let start: String = report.chars().take(20).collect();
        assert!(!log.contains(&start), "{start:?} in the log");
    }
}

/// A folder of the cache is private, whatever the umask.
#[test]
fn the_cache_is_private() {
    use std::os::unix::fs::PermissionsExt;
    if skips_fuse("modes of the cache") {
        return;
    }
    let bench = Bench::small(1, "IMAGE_SIZE: 64");
    let _mounted = Mounted::new(&bench, &[]);
    let mode = fs::metadata(bench.path("cache/mount"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// Reading in pieces, from the end, and by several handles at a time.
#[test]
fn any_piece_of_a_file_is_right() {
    use std::os::unix::fs::FileExt;
    if skips_fuse("reading in pieces") {
        return;
    }
    for passthrough in passthrough_modes() {
        let bench = Bench::small(1, "");
        let expected = bench.expected(&bench.small_source(0), 1024);
        let mounted = Mounted::new(&bench, &["--passthrough", passthrough]);
        let open = || fs::File::open(mounted.path(&image(0))).unwrap();
        let (first, second) = (open(), open());
        let len = expected.len() as u64;
        for (offset, size) in [
            (0, 1),
            (len - 1, 10),
            (len, 10),
            (4095, 2),
            (70_000, 200_000),
            (len + 9, 1),
        ] {
            for file in [&first, &second] {
                let mut buffer = vec![0; size];
                let count = file.read_at(&mut buffer, offset).unwrap();
                let start = offset.min(len) as usize;
                let end = (start + size).min(expected.len());
                assert!(buffer[..count] == expected[start..end], "{offset} {size}");
            }
        }
        let tail = Command::new("tail")
            .args(["-c", "100"])
            .arg(mounted.path(&image(0)))
            .output()
            .unwrap();
        assert!(tail.stdout == expected[expected.len() - 100..]);
    }
}

#[test]
fn a_list_that_is_missing_keeps_the_mount_from_starting() {
    if skips_fuse("lists") {
        return;
    }
    let bench = Bench::small(1, "");
    fs::remove_file(bench.path("raw/train_val_list.txt")).unwrap();
    fs::create_dir(bench.path("mnt")).unwrap();
    let ran = bench.run(&["mount", "config.yml", "mnt"]).expect_status(1);
    for word in ["train_val_list.txt", "CHEXRAY14_ROOT"] {
        assert!(ran.stderr().contains(word), "{}", ran.stderr());
    }
    let is_empty = |path: &Path| fs::read_dir(path).map(|mut entries| entries.next().is_none());
    assert!(is_empty(&bench.path("mnt")).unwrap_or_else(|error: io::Error| panic!("{error}")));
}

/// What the kernel takes for the size of an open file, without asking for it.
fn size_in_kernel(file: &fs::File) -> u64 {
    rustix::io::ioctl_fionread(file).unwrap()
}

/// Two reads at once that pass the end of a file would leave the kernel with a size that is too
/// large, and readers with zeros after the last byte, if the size were still an estimate.
#[test]
fn the_kernel_knows_the_size_of_a_file_before_its_first_read() {
    if skips_fuse("the size at the first read") {
        return;
    }
    let bench = Bench::small(0, "");
    write_png(&bench.path("raw/images/big.png"), 3000, 3000, 7);
    fs::write(bench.path("raw/train_val_list.txt"), "big.png\n").unwrap();
    let expected = bench.expected(&bench.path("raw/images/big.png"), 1024);
    let mounted = Mounted::new(&bench, &["--passthrough", "off"]);
    // Unlike Python, this asks for no attributes.
    let file = fs::File::open(mounted.path(&image(0))).unwrap();
    assert_ne!(size_in_kernel(&file), expected.len() as u64, "the estimate");
    let mut start = [0; 10];
    file.read_exact_at(&mut start, 0).unwrap();
    assert_eq!(size_in_kernel(&file), expected.len() as u64);
    assert!(expected.starts_with(&start));
}

#[test]
fn images_that_are_ready_are_counted_in_every_mount() {
    if skips_fuse("what a mount knows of an earlier one") {
        return;
    }
    let bench = Bench::small(5, "IMAGE_SIZE: 64");
    let ready = |mounted: &Mounted| {
        let is_counted = || mounted.status()["cache"]["counted"] == true;
        wait_for("the count of the files of earlier mounts", is_counted);
        mounted.status()["datasets"][0]["ready"].as_u64().unwrap()
    };
    let mounted = Mounted::new(&bench, &[]);
    assert_eq!(ready(&mounted), 0);
    mounted.read("chex-ray14/00/000001.jpg");
    mounted.read("chex-ray14/00/000003.jpg");
    // No image.
    mounted.read("chex-ray14/index.json");
    assert_eq!(ready(&mounted), 2);
    drop(mounted);
    let mounted = Mounted::new(&bench, &[]);
    assert_eq!(ready(&mounted), 2);
    mounted.read("chex-ray14/00/000001.jpg");
    mounted.read("chex-ray14/00/000004.jpg");
    assert_eq!(ready(&mounted), 3);
    drop(mounted);
    // Those of another size do not help.
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    let other = config.replace("IMAGE_SIZE: 64", "IMAGE_SIZE: 32");
    fs::write(bench.path("config.yml"), other).unwrap();
    let mounted = Mounted::new(&bench, &[]);
    assert_eq!(ready(&mounted), 0);
    drop(mounted);
    fs::write(bench.path("config.yml"), config).unwrap();
    bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ready(&Mounted::new(&bench, &[])), 5);
}

#[test]
fn passthrough_that_is_insisted_on_needs_a_cache_on_a_disk() {
    if skips_fuse("--passthrough on") {
        return;
    }
    let bench = Bench::small(1, "IMAGE_SIZE: 64\n");
    if is_root("passthrough") {
        let mounted = Mounted::new(&bench, &["--passthrough", "on"]);
        assert_eq!(mounted.status()["mode"], "passthrough");
    }
}
