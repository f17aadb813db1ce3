//! Random sequences of what programs and operators do, compared with rendering directly: the same
//! bytes and the same `st_size`, whatever happened before. Also with the cache, the materialized tree or
//! the sources on a disk that fails now and then.

mod common;

use std::cell::RefCell;
use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use common::faulty::{ActiveFault, Fault, FaultyDisk, Op, Told};
use common::mounted::{Mounted, passthrough_modes, skips_fuse};
use common::{Bench, cached_files_in, write_png};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rustix::io::Errno;

const IMAGES: u32 = 8;
const SIZE: u32 = 96;

#[derive(Debug, Clone)]
enum Step {
    Lookup(u32),
    LookupMissing(u32),
    Stat(u32),
    Open(u32),
    Read(u32),
    Pread {
        number: u32,
        offset: u16,
        size: u16,
    },
    Map(u32),
    List,
    /// Removes the file from the cache, as eviction does.
    Evict(u32),
    /// The same bytes with another modification time.
    Touch(u32),
    /// Other bytes; what is in the cache must go first, since sources are taken as unchanging.
    Change {
        number: u32,
        shade: u8,
    },
    Remount,
    Kill,
    /// The faulty disk fails, for that many requests.
    Fail {
        what: usize,
        times: u8,
    },
    /// The faulty disk is well again.
    Mend,
}

/// What lies on the faulty disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Faulty {
    Nothing,
    Cache,
    /// Every other image is materialized there.
    Tree,
    Sources,
}

/// Faults of a disk under a cache, each of which costs no reader an error.
const CACHE_FAULTS: [fn() -> Fault; 8] = [
    || Fault::fail(Errno::NOSPC).on(&[Op::Write]),
    || Fault::fail(Errno::DQUOT).on(&[Op::Create, Op::Close, Op::Fsync]),
    || Fault::fail(Errno::IO).on(&[Op::Rename, Op::Unlink]),
    || Fault::fail(Errno::STALE).on(&[Op::Open, Op::Lookup]),
    || Fault::fail(Errno::IO).on(&[Op::Open, Op::Getattr]),
    || Fault::lose(Errno::DQUOT, Told::Close),
    || Fault::delay(Duration::from_millis(5)),
    || Fault::short(),
];

/// Faults of a disk under a materialized tree, which a mount only reads. Each costs no reader an error.
const TREE_FAULTS: [fn() -> Fault; 6] = [
    || Fault::fail(Errno::IO).on(&[Op::Open, Op::Lookup]),
    || Fault::fail(Errno::STALE).on(&[Op::Open, Op::Getattr]),
    || Fault::fail(Errno::IO).on(&[Op::Read]),
    || Fault::fail(Errno::MFILE).on(&[Op::Open]),
    || Fault::delay(Duration::from_millis(5)),
    || Fault::short(),
];

/// Faults of a disk under sources, for which readers may get EIO.
const SOURCE_FAULTS: [fn() -> Fault; 6] = [
    || Fault::fail(Errno::STALE).on(&[Op::Open, Op::Lookup]),
    || Fault::fail(Errno::IO).on(&[Op::Read]),
    || Fault::fail(Errno::TIMEDOUT).on(&[Op::Getattr]),
    || Fault::fail(Errno::MFILE).on(&[Op::Open]),
    || Fault::delay(Duration::from_millis(5)),
    || Fault::short(),
];

fn step_with_faults() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => step(),
        4 => (0..CACHE_FAULTS.len(), 1..12u8)
            .prop_map(|(what, times)| Step::Fail { what, times }),
        1 => Just(Step::Mend),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0..IMAGES;
    prop_oneof![
        2 => number.clone().prop_map(Step::Lookup),
        1 => number.clone().prop_map(Step::LookupMissing),
        4 => number.clone().prop_map(Step::Stat),
        2 => number.clone().prop_map(Step::Open),
        4 => number.clone().prop_map(Step::Read),
        4 => (number.clone(), any::<u16>(), any::<u16>())
            .prop_map(|(number, offset, size)| Step::Pread { number, offset, size }),
        2 => number.clone().prop_map(Step::Map),
        1 => Just(Step::List),
        3 => number.clone().prop_map(Step::Evict),
        1 => number.clone().prop_map(Step::Touch),
        1 => (number, any::<u8>()).prop_map(|(number, shade)| Step::Change { number, shade }),
        1 => Just(Step::Remount),
        1 => Just(Step::Kill),
    ]
}

/// The mount and what it must show. Dropped in this order: the disk under the mount goes after it.
struct World {
    mounted: Option<Mounted>,
    active: RefCell<Vec<ActiveFault>>,
    disk: Option<FaultyDisk>,
    bench: Bench,
    faulty: Faulty,
    passthrough: &'static str,
    expected: Vec<Vec<u8>>,
    changes: u64,
}

impl World {
    fn new(faulty: Faulty, passthrough: &'static str) -> Self {
        let bench = Bench::small(IMAGES, &format!("IMAGE_SIZE: {SIZE}"));
        let expected = (0..IMAGES)
            .map(|number| bench.expected(&bench.small_source(number), SIZE))
            .collect();
        let disk = put_on_faulty_disk(&bench, faulty);
        let mut world = Self {
            mounted: None,
            active: RefCell::default(),
            disk,
            bench,
            faulty,
            passthrough,
            expected,
            changes: 0,
        };
        world.mount();
        world
    }

    fn mount(&mut self) {
        // Dropped first: a cache serves one mount.
        self.mounted = None;
        let options = ["--replace", "--passthrough", self.passthrough];
        self.mounted = Some(Mounted::new(&self.bench, &options));
    }

    fn path(&self, number: u32) -> PathBuf {
        let mounted = self.mounted.as_ref().unwrap();
        mounted.path(&format!("chex-ray14/00/{number:06}.jpg"))
    }

    fn wait_until_idle(&self) {
        let mounted = self.mounted.as_ref().unwrap();
        while mounted.figure("queue") + mounted.figure("at_work") > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Everything that is in the cache.
    fn evict_all(&self) {
        for path in self.cached_files() {
            let _ = fs::remove_file(path);
        }
    }

    fn cached_files(&self) -> Vec<PathBuf> {
        cached_files_in(&match self.faulty {
            Faulty::Cache => self.bench.path("real/cache"),
            _ => self.bench.path("cache"),
        })
    }

    fn source(&self, number: u32) -> PathBuf {
        match self.faulty {
            Faulty::Sources => self.bench.path(&format!("real/raw/images/{number:04}.png")),
            _ => self.bench.small_source(number),
        }
    }

    /// What a program gets. Where sources fail, it may be EIO until they are well again.
    #[track_caller]
    fn get<T>(&self, what: &str, work: impl Fn() -> io::Result<T>) -> T {
        let mut tries = 0;
        loop {
            match work() {
                Ok(got) => return got,
                Err(error) => {
                    let has_failed = self.active.borrow().iter().any(|fault| fault.hits() > 0);
                    let is_eio = Errno::from_io_error(&error) == Some(Errno::IO);
                    // Others may have joined what fails, so that it is an error a second time.
                    let is_allowed = self.faulty == Faulty::Sources && is_eio && tries < 20;
                    assert!(is_allowed && (has_failed || tries > 0), "{what}: {error}");
                }
            }
            self.active.borrow_mut().clear();
            tries += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn fail(&self, what: usize, times: u8) {
        let Some(disk) = &self.disk else { return };
        let (fault, part) = match self.faulty {
            Faulty::Sources => (SOURCE_FAULTS[what % SOURCE_FAULTS.len()](), ".png"),
            Faulty::Tree => (TREE_FAULTS[what % TREE_FAULTS.len()](), ".jpg"),
            _ => (CACHE_FAULTS[what](), "/files"),
        };
        let fault = fault
            .at(move |path| path.contains(part))
            .times(times.into());
        self.active.borrow_mut().push(disk.add(fault));
    }

    /// The file of one image, told by its size and bytes.
    fn evict(&self, number: u32) {
        for path in self.cached_files() {
            if fs::read(&path).is_ok_and(|bytes| bytes == self.expected[number as usize]) {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn set_modified(&mut self, number: u32) {
        self.changes += 1;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + self.changes);
        let source = fs::File::options().write(true).open(self.source(number));
        source.unwrap().set_modified(time).unwrap();
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Lookup(number) => {
                assert!(self.get("lookup", || self.path(number).try_exists()));
            }
            Step::LookupMissing(number) => assert!(!self.path(IMAGES + number).exists()),
            Step::Stat(number) => self.check_size(number),
            Step::Open(number) => {
                let file = self.get("open", || fs::File::open(self.path(number)));
                let size = file.metadata().unwrap().len();
                assert_eq!(size, self.expected[number as usize].len() as u64);
            }
            Step::Read(number) => {
                let bytes = self.get("read", || fs::read(self.path(number)));
                assert!(bytes == self.expected[number as usize], "image {number}");
                self.check_size(number);
            }
            Step::Pread {
                number,
                offset,
                size,
            } => {
                let expected = &self.expected[number as usize];
                let file = self.get("open", || fs::File::open(self.path(number)));
                let mut buffer = vec![0; usize::from(size)];
                let count = file.read_at(&mut buffer, offset.into()).unwrap();
                let start = usize::from(offset).min(expected.len());
                let end = (start + usize::from(size)).min(expected.len());
                assert!(buffer[..count] == expected[start..end], "image {number}");
            }
            Step::Map(number) => self.check_map(number),
            Step::List => {
                let shard = self.path(0).parent().unwrap().to_owned();
                assert_eq!(fs::read_dir(shard).unwrap().count(), IMAGES as usize);
            }
            Step::Evict(number) => self.evict(number),
            Step::Touch(number) => self.set_modified(number),
            Step::Change { number, shade } => {
                // What is being made ahead is of before, too.
                self.wait_until_idle();
                self.evict_all();
                write_png(&self.source(number), 380, 390 + u32::from(shade), shade);
                self.set_modified(number);
                let source = self.source(number);
                self.expected[number as usize] = self.bench.expected(&source, SIZE);
                if matches!(self.faulty, Faulty::Cache | Faulty::Tree) {
                    // What the disk did not take is kept in memory, and what is in the tree stays there;
                    // sources are unchanging.
                    self.mount();
                }
                // Pages and sizes that the kernel has are of before until the image is opened.
                let bytes = self.get("read", || fs::read(self.path(number)));
                assert!(
                    bytes == self.expected[number as usize],
                    "image {number} after a change"
                );
            }
            Step::Remount => self.mount(),
            Step::Kill => {
                let mounted = self.mounted.as_mut().unwrap();
                mounted.end_by(rustix::process::Signal::KILL);
                self.mount();
            }
            Step::Fail { what, times } => self.fail(what, times),
            Step::Mend => self.active.borrow_mut().clear(),
        }
    }

    fn check_size(&self, number: u32) {
        let metadata = self.get("stat", || fs::metadata(self.path(number)));
        let expected = self.expected[number as usize].len() as u64;
        assert_eq!(metadata.len(), expected, "image {number}");
        assert_eq!(metadata.blocks(), expected.div_ceil(512));
    }

    fn check_map(&self, number: u32) {
        let file = self.get("open", || fs::File::open(self.path(number)));
        let size = file.metadata().unwrap().len() as usize;
        assert_eq!(size, self.expected[number as usize].len());
        // SAFETY: a private mapping of a file that nobody truncates while it is mapped; it is read
        // within its size and unmapped before the end.
        let bytes = unsafe {
            use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
            let address = mmap(
                std::ptr::null_mut(),
                size,
                ProtFlags::READ,
                MapFlags::PRIVATE,
                &file,
                0,
            );
            let address = address.unwrap();
            let bytes = std::slice::from_raw_parts(address.cast::<u8>(), size).to_vec();
            munmap(address, size).unwrap();
            bytes
        };
        assert!(
            bytes == self.expected[number as usize],
            "image {number} mapped"
        );
    }
}

/// Puts a part of the bench on a disk of its own, and the config in order.
fn put_on_faulty_disk(bench: &Bench, faulty: Faulty) -> Option<FaultyDisk> {
    let (tree, cache, raw) = match faulty {
        Faulty::Nothing => return None,
        Faulty::Cache => ("out", "disk/cache", "raw"),
        Faulty::Tree => ("disk/out", "cache", "raw"),
        Faulty::Sources => ("out", "cache", "disk/raw"),
    };
    let real = bench.path("real");
    fs::create_dir(&real).unwrap();
    if faulty == Faulty::Sources {
        fs::rename(bench.path("raw"), real.join("raw")).unwrap();
    }
    let config = format!(
        "MACHEX_PATH: {tree}\nNUM_WORKERS: 2\nCACHE_PATH: {cache}\nCHEXRAY14_ROOT: {raw}\n\
         FRONTAL_ONLY: true\nIMAGE_SIZE: {SIZE}\n"
    );
    fs::write(bench.path("config.yml"), config).unwrap();
    let disk = FaultyDisk::new(&real, &bench.path("disk"));
    if faulty == Faulty::Tree {
        let parts = ["materialize", "--part", "1/2"];
        bench.run(&parts).expect_status(0);
    }
    Some(disk)
}

fn check<S: Strategy<Value = Step>>(
    faulty: Faulty,
    passthrough: &'static str,
    cases: u32,
    step: S,
) {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let steps = proptest::collection::vec(step, 1..60);
    TestRunner::new(config)
        .run(&steps, |steps| {
            let mut world = World::new(faulty, passthrough);
            for step in &steps {
                world.take(step);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_sequence_of_steps_shows_what_direct_rendering_shows() {
    if skips_fuse("the reference model") {
        return;
    }
    for passthrough in passthrough_modes() {
        check(Faulty::Nothing, passthrough, 14, step());
    }
}

#[test]
fn any_sequence_shows_the_same_with_the_cache_on_a_disk_that_fails() {
    if skips_fuse("the reference model with a faulty cache") {
        return;
    }
    check(Faulty::Cache, "off", 10, step_with_faults());
}

#[test]
fn any_sequence_shows_the_same_or_eio_with_sources_on_a_disk_that_fails() {
    if skips_fuse("the reference model with faulty sources") {
        return;
    }
    check(Faulty::Sources, "off", 10, step_with_faults());
}

#[test]
fn any_sequence_shows_the_same_with_the_tree_on_a_disk_that_fails() {
    if skips_fuse("the reference model with a faulty tree") {
        return;
    }
    check(Faulty::Tree, "off", 10, step_with_faults());
}
