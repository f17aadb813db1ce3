//! A mount whose cache, tree or sources lie on a disk that fails: readers get the right bytes, or EIO
//! where it is the source that cannot be read; and what hangs holds up nothing else.

mod common;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::Bench;
use common::faulty::{Fault, FaultyDisk, Op, Told};
use common::mounted::{Mounted, is_root, skips_fuse};
use rustix::io::Errno;
use serde_json::Value;

const IMAGES: u32 = 12;
const SIZE: u32 = 96;

/// Longer than any answer takes that does not wait for the disk that hangs.
const SOON: Duration = Duration::from_secs(20);

const HEAD: &str = "NUM_WORKERS: 2\nFRONTAL_ONLY: false\nIMAGE_SIZE: 96\nCACHE_MIN_FREE: 0\n";

fn image(number: u32) -> String {
    format!("chex-ray14/00/{number:06}.jpg")
}

/// Which part of a mount lies on the faulty disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Cache,
    Tree,
    Sources,
}

struct World {
    // Dropped first: it lies in the bench's folder.
    disk: FaultyDisk,
    bench: Bench,
    expected: Vec<Vec<u8>>,
}

impl World {
    fn new(part: Part) -> Self {
        let bench = Bench::small(IMAGES, "");
        let expected = (0..IMAGES)
            .map(|number| bench.expected(&bench.small_source(number), SIZE))
            .collect();
        let disk = FaultyDisk::new(&bench.path("real"), &bench.path("disk"));
        let at = |own: Part, name: &str| match own == part {
            true => format!("disk/{name}"),
            false => name.to_owned(),
        };
        if part == Part::Sources {
            fs::rename(bench.path("raw"), disk.real.join("raw")).unwrap();
        }
        let config = format!(
            "{HEAD}MACHEX_PATH: {}\nCACHE_PATH: {}\nCHEXRAY14_ROOT: {}\n",
            at(Part::Tree, "out"),
            at(Part::Cache, "cache"),
            at(Part::Sources, "raw"),
        );
        fs::write(bench.path("config.yml"), config).unwrap();
        let world = Self {
            disk,
            bench,
            expected,
        };
        if part == Part::Tree {
            world.bench.run(&["materialize"]).expect_status(0);
        }
        world
    }

    fn mount(&self) -> Mounted {
        Mounted::new(&self.bench, &["--replace", "--passthrough", "off"])
    }

    /// Reads every image; `Err` of those that cannot be read, whose error must be EIO.
    #[track_caller]
    fn read_all(&self, mounted: &Mounted, what: &str) -> Vec<u32> {
        let mut failed = Vec::new();
        for (number, expected) in (0..).zip(&self.expected) {
            match fs::read(mounted.path(&image(number))) {
                Ok(bytes) => assert!(bytes == *expected, "{what}: image {number} is wrong"),
                Err(error) => {
                    let errno = Errno::from_io_error(&error);
                    assert_eq!(errno, Some(Errno::IO), "{what}: image {number}: {error}");
                    failed.push(number);
                }
            }
        }
        failed
    }

    /// Everything is right, and nobody gets an error.
    #[track_caller]
    fn expect_all(&self, mounted: &Mounted, what: &str) {
        let failed = self.read_all(mounted, what);
        let log = || fs::read_to_string(self.bench.path("mount.err")).unwrap_or_default();
        assert!(failed.is_empty(), "{what}: EIO for {failed:?}\n{}", log());
        assert_eq!(mounted.figure("errors"), 0, "{what}");
    }

    /// Reads everything with these faults: as they come, from pages that were dropped, and in a mount
    /// that begins with them.
    #[track_caller]
    fn expect_all_with(&self, what: &str, faults: &dyn Fn() -> Vec<Fault>) {
        let _ = fs::remove_dir_all(self.disk.real.join("cache"));
        let _ = fs::remove_dir_all(self.bench.path("cache"));
        let mounted = self.mount();
        let mut active: Vec<_> = faults()
            .into_iter()
            .map(|fault| self.disk.add(fault))
            .collect();
        for _ in 0..2 {
            self.expect_all(&mounted, what);
            drop_caches();
        }
        assert!(
            active.iter().any(|fault| fault.hits() > 0),
            "{what}: the fault was not met"
        );
        active.clear();
        self.expect_all(&mounted, what);
        drop(mounted);
        let active: Vec<_> = faults()
            .into_iter()
            .map(|fault| self.disk.add(fault))
            .collect();
        let mounted = self.mount();
        self.expect_all(&mounted, what);
        drop((mounted, active));
        // What was written under faults is not trusted unseen.
        self.expect_all(&self.mount(), what);
    }
}

/// Has the kernel forget the pages that it has, so that reads reach the files again.
fn drop_caches() {
    // Without root, fewer reads reach the disk; what they get must be right all the same.
    let _ = fs::write("/proc/sys/vm/drop_caches", "1");
}

/// Runs `work` on a thread of its own; fails the test if it takes too long.
#[track_caller]
fn soon<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(work()));
    receive
        .recv_timeout(SOON)
        .unwrap_or_else(|_| panic!("{what}: no answer within {SOON:?}"))
}

#[test]
fn a_cache_that_does_not_take_files_costs_no_reader_an_error() {
    if skips_fuse("a cache on a faulty disk") {
        return;
    }
    let world = World::new(Part::Cache);
    let at = |path: &str| path.contains("/files");
    for errno in [Errno::NOSPC, Errno::DQUOT, Errno::IO, Errno::FBIG] {
        for op in [Op::Create, Op::Write, Op::Rename, Op::Mkdir] {
            world.expect_all_with(&format!("{errno} at {op:?}"), &|| {
                vec![Fault::fail(errno).on(&[op]).at(at)]
            });
        }
    }
}

#[test]
fn what_a_cache_lost_after_it_said_yes_is_not_served() {
    if skips_fuse("a cache that loses writes") {
        return;
    }
    let world = World::new(Part::Cache);
    let at = |path: &str| path.contains("/files");
    for told in [Told::Close, Told::Fsync] {
        for every in [1, 3] {
            world.expect_all_with(
                &format!("every {every}th write is lost, told by {told:?}"),
                &|| vec![Fault::lose(Errno::DQUOT, told).at(at).every(every)],
            );
        }
    }
    world.expect_all_with("a close fails", &|| {
        vec![Fault::fail(Errno::DQUOT).on(&[Op::Close, Op::Fsync]).at(at)]
    });
}

#[test]
fn a_cache_that_cannot_be_read_is_made_again() {
    if skips_fuse("reading a cache on a faulty disk") {
        return;
    }
    let world = World::new(Part::Cache);
    let at = |path: &str| path.contains("/files");
    for errno in [Errno::IO, Errno::STALE] {
        for (every, ops) in [
            (1, [Op::Open].as_slice()),
            (2, &[Op::Open, Op::Lookup]),
            (3, &[Op::Getattr, Op::Open]),
        ] {
            let what = format!("{errno} for every {every}th of {ops:?}");
            world.expect_all_with(&what, &|| {
                vec![Fault::fail(errno).on(ops).at(at).every(every)]
            });
        }
    }
    // One that passes: a lack of descriptors is waited out.
    world.expect_all_with("EMFILE for every 3rd open", &|| {
        vec![Fault::fail(Errno::MFILE).on(&[Op::Open]).at(at).every(3)]
    });
}

/// The kernel reads what passes by the daemon; everything else can be rendered again.
#[test]
fn a_file_that_cannot_be_read_once_it_is_open_is_rendered_from_its_source() {
    if skips_fuse("reading open files of a faulty disk") {
        return;
    }
    for part in [Part::Cache, Part::Tree] {
        let world = World::new(part);
        let at = |path: &str| path.contains("/files") || path.ends_with(".jpg");
        for (errno, every) in [(Errno::IO, 2), (Errno::STALE, 1)] {
            let what = format!("{part:?}: {errno} for every {every}th read");
            world.expect_all_with(&what, &|| {
                vec![Fault::fail(errno).on(&[Op::Read]).at(at).every(every)]
            });
        }
    }
}

#[test]
fn a_record_database_that_fails_costs_no_reader_an_error() {
    if skips_fuse("a database on a faulty disk") {
        return;
    }
    let world = World::new(Part::Cache);
    let at = |path: &str| path.contains("sqlite");
    for errno in [Errno::IO, Errno::NOSPC, Errno::STALE] {
        for ops in [
            &[Op::Write, Op::Fsync].as_slice(),
            &[Op::Read, Op::Write].as_slice(),
        ] {
            let what = format!("{errno} of the database for {ops:?}");
            let _ = fs::remove_dir_all(world.disk.real.join("cache"));
            let mounted = world.mount();
            let fault = world.disk.add(Fault::fail(errno).on(ops).at(at));
            world.expect_all(&mounted, &what);
            drop(mounted);
            drop(fault);
            world.expect_all(&world.mount(), &what);
        }
    }
}

#[test]
fn slow_disks_and_short_reads_change_nothing() {
    if skips_fuse("slow disks and short reads") {
        return;
    }
    for part in [Part::Cache, Part::Tree, Part::Sources] {
        let world = World::new(part);
        let is_data = |path: &str| {
            path.ends_with(".jpg") || path.ends_with(".png") || path.contains("/files")
        };
        world.expect_all_with(&format!("{part:?}: short reads"), &|| {
            vec![Fault::short().at(is_data)]
        });
        world.expect_all_with(&format!("{part:?}: a slow disk"), &|| {
            let delay = Duration::from_millis(15);
            vec![Fault::delay(delay).at(is_data).every(2)]
        });
    }
}

#[test]
fn a_tree_that_cannot_be_read_is_rendered_from_its_sources() {
    if skips_fuse("a tree on a faulty disk") {
        return;
    }
    let world = World::new(Part::Tree);
    let at = |path: &str| path.ends_with(".jpg");
    for errno in [Errno::IO, Errno::STALE] {
        for (every, ops) in [
            (1, [Op::Open].as_slice()),
            (2, &[Op::Open, Op::Lookup, Op::Getattr]),
        ] {
            let what = format!("{errno} for every {every}th of {ops:?}");
            world.expect_all_with(&what, &|| {
                vec![Fault::fail(errno).on(ops).at(at).every(every)]
            });
        }
    }
}

#[test]
fn a_source_that_fails_is_an_error_until_it_is_back() {
    if skips_fuse("sources on a faulty disk") {
        return;
    }
    let world = World::new(Part::Sources);
    let at = |path: &str| path.ends_with(".png");
    for errno in [
        Errno::IO,
        Errno::STALE,
        Errno::ACCESS,
        Errno::NOENT,
        Errno::TIMEDOUT,
    ] {
        for op in [Op::Lookup, Op::Getattr, Op::Open, Op::Read] {
            let what = format!("{errno} at {op:?}");
            let _ = fs::remove_dir_all(world.bench.path("cache"));
            let mounted = world.mount();
            let fault = world.disk.add(Fault::fail(errno).on(&[op]).at(at));
            let failed = world.read_all(&mounted, &what);
            assert_eq!(failed.len(), IMAGES as usize, "{what}");
            assert!(fault.hits() > 0, "{what}");
            drop(fault);
            // At once, without a new mount.
            assert_eq!(
                world.read_all(&mounted, &what),
                [0; 0],
                "{what}: it is back"
            );
        }
    }
    // Half of them, in turn: what is right once stays so.
    let _ = fs::remove_dir_all(world.bench.path("cache"));
    let mounted = world.mount();
    let fault = world.disk.add(
        Fault::fail(Errno::STALE)
            .on(&[Op::Open, Op::Read])
            .at(at)
            .every(3),
    );
    while !world
        .read_all(&mounted, "hiccups of the sources")
        .is_empty()
    {
        assert!(fault.hits() > 0);
    }
}

/// Two datasets, one of them on a disk that hangs.
struct TwoDatasets {
    disk: FaultyDisk,
    bench: Bench,
    expected: Vec<Vec<u8>>,
    healthy: Vec<Vec<u8>>,
}

/// How the sources come to lie on the disk that hangs.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Its root is known to be remote.
    Root,
    /// A local root, in which the folder of images is the mount.
    Below,
    /// A local root with links to images on the disk.
    Links,
}

impl TwoDatasets {
    fn new(way: Way) -> Self {
        let bench = Bench::small(IMAGES, "");
        let expected = (0..IMAGES)
            .map(|number| bench.expected(&bench.small_source(number), SIZE))
            .collect();
        let healthy = healthy_dataset(&bench);
        let (real, root) = (bench.path("real"), bench.path("disk"));
        let (disk, config_root) = match way {
            Way::Root => {
                fs::create_dir_all(&real).unwrap();
                fs::rename(bench.path("raw"), real.join("raw")).unwrap();
                (FaultyDisk::new(&real, &root), "disk/raw")
            }
            Way::Below => {
                fs::rename(bench.path("raw/images"), &real).unwrap();
                (FaultyDisk::new(&real, &bench.path("raw/images")), "raw")
            }
            Way::Links => {
                fs::rename(bench.path("raw/images"), &real).unwrap();
                let disk = FaultyDisk::new(&real, &root);
                fs::create_dir(bench.path("raw/images")).unwrap();
                for number in 0..IMAGES {
                    let name = format!("{number:04}.png");
                    symlink(disk.path(&name), bench.path("raw/images").join(&name)).unwrap();
                }
                (disk, "raw")
            }
        };
        let config = format!(
            "{HEAD}MACHEX_PATH: out\nCACHE_PATH: cache\nCHEXRAY14_ROOT: {config_root}\n\
             OPENI_ROOT: healthy\n"
        );
        fs::write(bench.path("config.yml"), config).unwrap();
        Self {
            disk,
            bench,
            expected,
            healthy,
        }
    }
}

/// Makes the sources of the second dataset; returns its images as they must be.
fn healthy_dataset(bench: &Bench) -> Vec<Vec<u8>> {
    let root = bench.path("healthy");
    fs::create_dir_all(&root).unwrap();
    (0..IMAGES)
        .map(|number| {
            let path = root.join(format!("{number:04}.png"));
            common::write_png(&path, 300 + number, 310, number as u8);
            bench.expected(&path, SIZE)
        })
        .collect()
}

fn read_soon(what: &str, path: PathBuf) -> io::Result<Vec<u8>> {
    soon(what, move || fs::read(path))
}

/// One reader, then more than there are threads that wait.
fn check_hang(way: Way, readers: u32) {
    let world = TwoDatasets::new(way);
    let mounted = Mounted::new(&world.bench, &["--passthrough", "off"]);
    let healthy = |number: usize| mounted.path(&format!("openi/00/{number:06}.jpg"));
    assert!(read_soon("before", healthy(0)).unwrap() == world.healthy[0]);
    let is_image = |path: &str| path.ends_with(".png");
    // Dropped before the mount, also when this test fails: its process could not end otherwise.
    let hang = world.disk.add(Fault::hang().at(is_image));
    let waiting: Vec<_> = (0..readers)
        .map(|reader| {
            let path = mounted.path(&image(reader % IMAGES));
            thread::spawn(move || match reader % 2 {
                0 => fs::read(path),
                _ => fs::metadata(&path).and_then(|_| fs::read(path)),
            })
        })
        .collect();
    let deadline = Instant::now() + SOON;
    while world.disk.faults().hanging() == 0 {
        assert!(Instant::now() < deadline, "nothing hangs");
        thread::sleep(Duration::from_millis(5));
    }
    // Time for all of them to get stuck.
    thread::sleep(Duration::from_millis(300));
    let what = format!("{way:?}, {readers} readers");
    for number in 0..IMAGES as usize {
        let read = read_soon(&format!("{what}: another dataset"), healthy(number)).unwrap();
        assert!(read == world.healthy[number], "{what}");
    }
    let index = mounted.path("openi/index.json");
    let index: Value = serde_json::from_slice(&read_soon(&what, index).unwrap()).unwrap();
    assert_eq!(index.as_object().unwrap().len(), IMAGES as usize);
    // Listing the dataset itself needs none of its images.
    let shard = mounted.path("chex-ray14/00");
    let listed = soon(&what, move || fs::read_dir(shard).unwrap().count());
    assert_eq!(listed, IMAGES as usize);
    let mut status = world
        .bench
        .command(&["status", mounted.root.to_str().unwrap()]);
    let ran = soon(&format!("{what}: machex status"), move || {
        status.output().unwrap()
    });
    assert!(ran.status.success(), "{ran:?}");
    assert!(waiting.iter().all(|reader| !reader.is_finished()), "{what}");
    drop(hang);
    for (reader, thread) in (0..readers).zip(waiting) {
        let bytes = thread.join().unwrap().unwrap();
        let number = reader % IMAGES;
        assert!(
            bytes == world.expected[number as usize],
            "{what}: image {number}"
        );
    }
}

#[test]
fn a_root_that_hangs_holds_up_nothing_else() {
    if skips_fuse("a root that hangs") {
        return;
    }
    check_hang(Way::Root, 1);
    check_hang(Way::Root, 60);
}

#[test]
fn a_mount_below_a_root_that_hangs_holds_up_nothing_else() {
    if skips_fuse("a mount below a root that hangs") {
        return;
    }
    check_hang(Way::Below, 1);
    check_hang(Way::Below, 60);
}

#[test]
fn links_to_a_disk_that_hangs_hold_up_nothing_else() {
    if skips_fuse("links to a disk that hangs") {
        return;
    }
    check_hang(Way::Links, 1);
    check_hang(Way::Links, 60);
}

/// A cache that hangs can stop what needs it, but not the mount: status answers, and when it is back
/// so does everything.
#[test]
fn a_cache_or_a_tree_that_hangs_leaves_the_status_answering() {
    if skips_fuse("a cache that hangs") {
        return;
    }
    for part in [Part::Cache, Part::Tree] {
        let world = World::new(part);
        let mounted = world.mount();
        let is_data = |path: &str| path.contains("/files") || path.ends_with(".jpg");
        let hang = world.disk.add(Fault::hang().at(is_data));
        let waiting: Vec<_> = (0..IMAGES)
            .map(|number| {
                let path = mounted.path(&image(number));
                thread::spawn(move || fs::read(path))
            })
            .collect();
        while world.disk.faults().hanging() == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(300));
        let mut status = world
            .bench
            .command(&["status", mounted.root.to_str().unwrap()]);
        let ran = soon("machex status", move || status.output().unwrap());
        assert!(ran.status.success(), "{part:?}: {ran:?}");
        drop(hang);
        for (number, thread) in waiting.into_iter().enumerate() {
            let bytes = thread.join().unwrap().unwrap();
            assert!(bytes == world.expected[number], "{part:?}: image {number}");
        }
        world.expect_all(&mounted, "after a hang");
    }
}

/// Files that are open when the disk begins to fail.
#[test]
fn an_open_file_is_right_or_an_error_and_right_when_it_is_opened_again() {
    if skips_fuse("open files on a faulty disk") || !is_root("dropping pages") {
        return;
    }
    for part in [Part::Cache, Part::Tree] {
        let world = World::new(part);
        let mounted = world.mount();
        world.expect_all(&mounted, "before");
        let paths = (0..IMAGES).map(|number| mounted.path(&image(number)));
        let held: Vec<File> = paths.map(|path| File::open(path).unwrap()).collect();
        let is_data = |path: &str| path.contains("/files") || path.ends_with(".jpg");
        let fault = world
            .disk
            .add(Fault::fail(Errno::IO).on(&[Op::Read]).at(is_data));
        drop_caches();
        for (number, mut file) in held.iter().enumerate() {
            let mut bytes = Vec::new();
            if io::Read::read_to_end(&mut file, &mut bytes).is_ok() {
                assert!(bytes == world.expected[number], "{part:?}: image {number}");
            }
        }
        drop(held);
        drop(fault);
        let failed = world.read_all(&mounted, "opened again");
        assert!(failed.is_empty(), "{part:?}: {failed:?}");
        assert!(Path::new(&mounted.root).exists());
    }
}
