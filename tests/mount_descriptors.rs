//! A lack of file descriptors is no reader's affair: it gets its bytes, if later.

mod common;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;

use common::Bench;
use common::mounted::{Mounted, passthrough_modes, skips_fuse};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const IMAGES: u32 = 310;
const SIZE: u32 = 32;
const READERS: u32 = 8;
/// How often each reader opens every image.
const ROUNDS: u32 = 2;

fn image(number: u32) -> String {
    format!("chex-ray14/00/{number:06}.jpg")
}

fn bench(extra: &str) -> (Bench, Vec<Vec<u8>>) {
    let bench = Bench::small(IMAGES, &format!("IMAGE_SIZE: {SIZE}\n{extra}"));
    let expected = (0..IMAGES)
        .map(|number| bench.expected(&bench.small_source(number), SIZE))
        .collect();
    (bench, expected)
}

/// Raises the number of files that the readers, which are in this process, may open.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    assert!(limit.maximum.is_none_or(|most| most > 8000));
}

fn descriptors(mounted: &Mounted) -> usize {
    let folder = format!("/proc/{}/fd", mounted.pid());
    fs::read_dir(folder).unwrap().count()
}

/// Opens every image many times, keeps all open, and reads them.
fn read_everything(root: &Path, expected: &[Vec<u8>]) -> Vec<(u32, File)> {
    let open = |reader: u32| {
        let mut held = Vec::new();
        for round in 0..ROUNDS {
            for step in 0..IMAGES {
                let number = (step * 7 + reader * 41 + round) % IMAGES;
                let file = File::open(root.join(image(number)));
                held.push((
                    number,
                    file.unwrap_or_else(|error| panic!("{number}: {error}")),
                ));
            }
        }
        held
    };
    let held: Vec<(u32, File)> = thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|reader| scope.spawn(move || open(reader)))
            .collect();
        let opened = readers
            .into_iter()
            .flat_map(|reader| reader.join().unwrap());
        opened.collect()
    });
    // Without root the kernel has the pages still, and fewer reads come to the files.
    let _ = fs::write("/proc/sys/vm/drop_caches", "1");
    check(&held, expected);
    held
}

fn check(held: &[(u32, File)], expected: &[Vec<u8>]) {
    thread::scope(|scope| {
        for part in held.chunks(held.len().div_ceil(READERS as usize)) {
            scope.spawn(move || {
                for (number, file) in part {
                    let expected = &expected[*number as usize];
                    let mut bytes = vec![0; expected.len()];
                    file.read_exact_at(&mut bytes, 0)
                        .unwrap_or_else(|error| panic!("image {number}: {error}"));
                    assert!(bytes == *expected, "image {number}");
                }
            });
        }
    });
}

#[test]
fn thousands_of_open_images_need_few_descriptors() {
    if skips_fuse("a lack of descriptors") {
        return;
    }
    allow_many_files();
    let (bench, expected) = bench("");
    let mut renders = u64::from(IMAGES);
    for passthrough in passthrough_modes() {
        for limit in [96, 256] {
            let program = ["prlimit", &format!("--nofile={limit}:{limit}")];
            let options = ["--passthrough", passthrough];
            let mounted = Mounted::below(&bench, &program, &options);
            let held = read_everything(&mounted.root, &expected);
            let what = format!("passthrough {passthrough}, {limit} descriptors");
            assert_eq!(held.len(), (READERS * ROUNDS * IMAGES) as usize);
            assert_eq!(mounted.figure("open_files"), held.len() as u64, "{what}");
            assert_eq!(mounted.figure("errors"), 0, "{what}");
            assert_eq!(mounted.figure("cache.refused"), 0, "{what}");
            assert!(descriptors(&mounted) < limit, "{what}");
            // All by the first mount, which had the fewest descriptors to make them with.
            assert_eq!(mounted.renders(), renders, "{what}");
            renders = 0;
            let log = fs::read_to_string(bench.path("mount.err")).unwrap();
            assert_eq!(log, "", "{what}");
        }
    }
}

/// Nothing of the cache that somebody has open is evicted, though its descriptor is closed.
#[test]
fn open_images_stay_in_a_cache_that_is_too_small() {
    if skips_fuse("a lack of descriptors in a small cache") {
        return;
    }
    allow_many_files();
    let (bench, expected) = bench("CACHE_SIZE: 300KiB\nCACHE_MIN_FREE: 0");
    let program = ["prlimit", "--nofile=128:128"];
    let mounted = Mounted::below(&bench, &program, &["--passthrough", "off"]);
    let held = read_everything(&mounted.root, &expected);
    for _ in 0..2 {
        let _ = fs::write("/proc/sys/vm/drop_caches", "1");
        check(&held, &expected);
    }
    drop(held);
    assert_eq!(mounted.figure("errors"), 0);
    // The tree of `materialize` is opened by the same rules.
    drop(mounted);
    bench
        .run(&["materialize", "-c", "config.yml"])
        .expect_status(0);
    let mounted = Mounted::below(&bench, &program, &["--passthrough", "off"]);
    let held = read_everything(&mounted.root, &expected);
    check(&held, &expected);
    assert_eq!(mounted.figure("errors"), 0);
    assert!(descriptors(&mounted) < 128);
}
