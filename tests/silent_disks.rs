//! Disks and servers that do not answer. A command that starts says what it waits for, and a signal
//! ends it; the log of a mount says which one its readers wait for.

mod common;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::Bench;
use common::faulty::{ActiveFault, Fault, FaultyDisk, Op};
use common::mounted::{Mounted, detach, skips_fuse};
use rustix::process::{Pid, Signal, kill_process};

/// Until something is said that is said after ten or thirty seconds.
const SOON: Duration = Duration::from_secs(90);

/// Sources, the cache and the tree on a disk that a test can hold up.
struct World {
    // Dropped first: it lies in the bench's folder.
    disk: FaultyDisk,
    bench: Bench,
}

/// A command whose error output is a file.
struct Started<'a> {
    world: &'a World,
    child: Child,
}

impl World {
    fn new() -> Self {
        let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
        let disk = FaultyDisk::new(&bench.path("real"), &bench.path("disk"));
        fs::rename(bench.path("raw"), disk.real.join("raw")).unwrap();
        fs::write(
            bench.path("config.yml"),
            "FRONTAL_ONLY: true\nIMAGE_SIZE: 64\nMACHEX_PATH: disk/out\nCACHE_PATH: disk/cache\n\
             CHEXRAY14_ROOT: disk/raw\n",
        )
        .unwrap();
        fs::create_dir(bench.path("mnt")).unwrap();
        Self { disk, bench }
    }

    /// Whatever concerns these paths is held up until that ends.
    #[must_use]
    fn hold(&self, ops: &[Op], path: &'static str) -> ActiveFault {
        let fault = Fault::hang().on(ops);
        self.disk
            .add(fault.at(move |asked| asked.starts_with(path)))
    }

    fn start(&self, arguments: &[&str]) -> Started<'_> {
        let errors = fs::File::create(self.bench.path("errors")).unwrap();
        let child = self
            .bench
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        Started { world: self, child }
    }
}

impl Started<'_> {
    fn said(&self) -> String {
        fs::read_to_string(self.world.bench.path("errors")).unwrap()
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + SOON;
        while !self.said().contains(text) {
            assert!(Instant::now() < deadline, "no \"{text}\": {}", self.said());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The disk answers again.
    fn end(mut self) -> ExitStatus {
        self.world.disk.faults().clear();
        self.child.wait().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        detach(&self.bench.path("mnt"));
    }
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        self.world.disk.faults().clear();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_root_that_does_not_answer_is_named() {
    if skips_fuse("a disk that hangs") {
        return;
    }
    let world = World::new();
    let _held = world.hold(&[Op::Lookup, Op::Getattr], "raw");
    let checking = world.start(&["check"]);
    let root = world.disk.path("raw");
    checking.wait_for(&format!(
        "still looking at CHEXRAY14_ROOT, {}",
        root.display()
    ));
    assert!(checking.end().success());
}

#[test]
fn a_mount_that_waits_for_lists_says_so_and_ends_by_a_signal() {
    if skips_fuse("a disk that hangs") {
        return;
    }
    let world = World::new();
    let _held = world.hold(&[Op::Open], "raw/train_val_list.txt");
    let mounting = world.start(&["mount", "config.yml", "mnt", "--foreground"]);
    mounting.wait_for("still reading the lists of CHEXRAY14_ROOT");
    // A thread that the kernel holds keeps the process until it is let go, but then it goes on with
    // nothing.
    mounting.signal(Signal::TERM);
    assert_eq!(mounting.end().signal(), Some(Signal::TERM.as_raw()));
    assert!(!world.bench.path("mnt/.machex").exists());
}

#[test]
fn a_mount_in_the_background_that_waits_for_its_cache_says_so() {
    if skips_fuse("a disk that hangs") {
        return;
    }
    let world = World::new();
    let _held = world.hold(&[Op::Lookup, Op::Create], "cache/mount/");
    let mounting = world.start(&["mount", "config.yml", "mnt"]);
    mounting.wait_for("still opening the cache in");
    assert!(mounting.end().success());
    world.bench.run(&["unmount", "mnt"]).expect_status(0);
}

/// Its parent has told the user, by its end, that there is no mount.
#[test]
fn a_mount_in_the_background_ends_with_the_process_that_started_it() {
    if skips_fuse("a disk that hangs") {
        return;
    }
    let world = World::new();
    let held = world.hold(&[Op::Open], "raw/train_val_list.txt");
    let mut mounting = world.start(&["mount", "config.yml", "mnt"]);
    mounting.wait_for("still reading the lists of CHEXRAY14_ROOT");
    let folder = world.bench.path("").canonicalize().unwrap();
    let parent = mounting.child.id().to_string();
    // The process that would serve, of which a thread hangs.
    let children: Vec<_> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
        .filter(|process| process.file_name() != *parent)
        .map(|process| process.path())
        .collect();
    assert_eq!(children.len(), 1, "{children:?}");
    mounting.signal(Signal::TERM);
    assert_eq!(
        mounting.child.wait().unwrap().signal(),
        Some(Signal::TERM.as_raw())
    );
    // Only the thread that the kernel holds is left.
    let is_ending = || fs::read_dir(children[0].join("task")).is_ok_and(|tasks| tasks.count() == 1);
    let deadline = Instant::now() + SOON;
    while !is_ending() {
        assert!(Instant::now() < deadline, "it goes on");
        thread::sleep(Duration::from_millis(20));
    }
    drop(held);
    thread::sleep(Duration::from_millis(300));
    assert!(!world.bench.path("mnt/.machex").exists());
}

/// Readers get stuck, and nobody asks for anything new.
fn check_complaint(ops: &[Op], path: &'static str, expected: &str, waits_for_root: bool) {
    let world = World::new();
    if path.starts_with("out") {
        world.bench.run(&["materialize"]).expect_status(0);
    }
    let mounted = Mounted::new(&world.bench, &["--passthrough", "off"]);
    // Dropped before the mount, also when this test fails: its process could not end otherwise.
    let held = world.hold(ops, path);
    let reading = {
        let path = mounted.path("chex-ray14/00/000001.jpg");
        thread::spawn(move || fs::read(path))
    };
    let deadline = Instant::now() + SOON;
    let log = || fs::read_to_string(world.bench.path("mount.err")).unwrap();
    while !log().contains(expected) {
        assert!(Instant::now() < deadline, "no \"{expected}\": {}", log());
        thread::sleep(Duration::from_millis(100));
    }
    let said = log()
        .lines()
        .filter(|line| line.contains("not answered"))
        .count();
    assert_eq!(said, 1, "{}", log());
    let seconds = mounted.status()["datasets"][0]["waiting_seconds"].as_u64();
    assert_eq!(seconds >= Some(30), waits_for_root, "{path}: {seconds:?}");
    drop(held);
    let bytes = reading.join().unwrap().unwrap();
    let source = world.disk.real.join("raw/images/0001.png");
    assert!(bytes == world.bench.expected(&source, 64), "{path}");
}

#[test]
fn a_root_that_does_not_answer_is_named_in_the_log() {
    if skips_fuse("a disk that hangs") {
        return;
    }
    thread::scope(|scope| {
        for ops in [&[Op::Lookup, Op::Getattr][..], &[Op::Open], &[Op::Read]] {
            scope.spawn(move || {
                let expected = "disk/raw has not answered for ";
                check_complaint(ops, "raw/images/0001.png", expected, true);
            });
        }
    });
}

#[test]
fn a_tree_or_a_cache_that_does_not_answer_is_named_and_no_root_is_blamed() {
    if skips_fuse("a disk that hangs") {
        return;
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            let expected = "the materialized tree has not answered for ";
            check_complaint(&[Op::Open], "out/chex-ray14/00/000001.jpg", expected, false);
        });
        scope.spawn(|| {
            let expected = "disk/cache, has not answered for ";
            check_complaint(&[Op::Create], "cache/mount/", expected, false);
        });
    });
}
