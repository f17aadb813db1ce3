//! Random sequences of what programs and operators do, compared with rendering directly: the same
//! bytes and the same `st_size`, whatever happened before.

mod common;

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use common::mounted::{Mounted, passthrough_modes, skips_fuse};
use common::{Bench, cached_files, write_png};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

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

/// The mount and what it must show.
struct World {
    bench: Bench,
    mounted: Option<Mounted>,
    passthrough: &'static str,
    expected: Vec<Vec<u8>>,
    changes: u64,
}

impl World {
    fn new(passthrough: &'static str) -> Self {
        let bench = Bench::small(IMAGES, &format!("IMAGE_SIZE: {SIZE}"));
        let expected = (0..IMAGES)
            .map(|number| bench.expected(&bench.small_source(number), SIZE))
            .collect();
        let mut world = Self {
            bench,
            mounted: None,
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
        for path in cached_files(&self.bench) {
            let _ = fs::remove_file(path);
        }
    }

    /// The file of one image, told by its size and bytes.
    fn evict(&self, number: u32) {
        for path in cached_files(&self.bench) {
            if fs::read(&path).is_ok_and(|bytes| bytes == self.expected[number as usize]) {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn set_modified(&mut self, number: u32) {
        self.changes += 1;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + self.changes);
        let source = fs::File::options()
            .write(true)
            .open(self.bench.small_source(number));
        source.unwrap().set_modified(time).unwrap();
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Lookup(number) => assert!(self.path(number).exists()),
            Step::LookupMissing(number) => assert!(!self.path(IMAGES + number).exists()),
            Step::Stat(number) => self.check_size(number),
            Step::Open(number) => {
                let file = fs::File::open(self.path(number)).unwrap();
                let size = file.metadata().unwrap().len();
                assert_eq!(size, self.expected[number as usize].len() as u64);
            }
            Step::Read(number) => {
                let bytes = fs::read(self.path(number)).unwrap();
                assert!(bytes == self.expected[number as usize], "image {number}");
                self.check_size(number);
            }
            Step::Pread {
                number,
                offset,
                size,
            } => {
                let expected = &self.expected[number as usize];
                let file = fs::File::open(self.path(number)).unwrap();
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
                write_png(
                    &self.bench.small_source(number),
                    380,
                    390 + u32::from(shade),
                    shade,
                );
                self.set_modified(number);
                let source = self.bench.small_source(number);
                self.expected[number as usize] = self.bench.expected(&source, SIZE);
                // Pages and sizes that the kernel has are of before until the image is opened.
                let bytes = fs::read(self.path(number)).unwrap();
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
        }
    }

    fn check_size(&self, number: u32) {
        let metadata = fs::metadata(self.path(number)).unwrap();
        let expected = self.expected[number as usize].len() as u64;
        assert_eq!(metadata.len(), expected, "image {number}");
        assert_eq!(metadata.blocks(), expected.div_ceil(512));
    }

    fn check_map(&self, number: u32) {
        let file = fs::File::open(self.path(number)).unwrap();
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

#[test]
fn any_sequence_of_steps_shows_what_direct_rendering_shows() {
    if skips_fuse("the reference model") {
        return;
    }
    for passthrough in passthrough_modes() {
        let config = Config {
            cases: 24,
            failure_persistence: None,
            max_shrink_iters: 200,
            ..Config::default()
        };
        let steps = proptest::collection::vec(step(), 1..60);
        TestRunner::new(config)
            .run(&steps, |steps| {
                let mut world = World::new(passthrough);
                for step in &steps {
                    world.take(step);
                }
                Ok(())
            })
            .unwrap();
    }
}
