//! A disk or a server that does not answer when a command starts: the command says what it waits for,
//! and a signal ends it.

mod common;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::Bench;
use common::faulty::{ActiveFault, Fault, FaultyDisk, Op};
use common::mounted::skips_fuse;
use rustix::process::{Pid, Signal, kill_process};

/// Until something is said that is said after ten seconds.
const SOON: Duration = Duration::from_secs(40);

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
