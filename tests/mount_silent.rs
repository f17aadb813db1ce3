//! Mounts whose process does not answer: nothing of ours waits for one without end.

mod common;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use common::mounted::{Mounted, skips_fuse};
use common::{Bench, Ran};
use rustix::process::{Pid, Signal, kill_process};

/// Far less than a user would wait, and more than all deadlines together.
const SOON: Duration = Duration::from_secs(20);

/// A mount of which the kernel remembers nothing, and whose process is stopped.
struct Stopped {
    mounted: Mounted,
    bench: Bench,
}

impl Stopped {
    fn new() -> Self {
        let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
        let mounted = Mounted::new(&bench, &[]);
        let stopped = Self { mounted, bench };
        stopped.signal(Signal::STOP);
        stopped
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.mounted.pid().cast_signed()).unwrap();
        // It may have ended, at the end of a test.
        let _ = kill_process(pid, signal);
        // A request that a thread takes while it stops is waited for in the kernel without end.
        while signal == Signal::STOP && !self.is_stopped() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn is_stopped(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.mounted.pid())).unwrap();
        threads.flatten().all(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ")
                .is_none_or(|(_, rest)| rest.starts_with('T'))
        })
    }

    /// Runs the program, which must end soon.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Ran {
        let started = Instant::now();
        let ran = self.bench.run(arguments);
        assert!(started.elapsed() < SOON, "{arguments:?} took too long");
        ran
    }

    fn log(&self) -> String {
        fs::read_to_string(self.bench.path("mount.err")).unwrap()
    }

    fn is_mounted(&self) -> bool {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        table.contains(self.mounted.root.to_str().unwrap())
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
    }
}

#[test]
fn status_and_surveys_of_a_silent_mount_say_so() {
    if skips_fuse("silent mounts") {
        return;
    }
    let stopped = Stopped::new();
    for arguments in [
        &["status", "mnt"][..],
        &["status", "mnt", "--watch"],
        &["preview", "mnt", "--output", "sheet.png"],
        &["mount", "config.yml", "mnt"],
    ] {
        let ran = stopped.run(arguments);
        let said = ran.stderr();
        assert!(
            ran.status() == 1 && said.contains("does not answer") && said.contains("--lazy"),
            "{arguments:?}: {said}"
        );
    }
    stopped.signal(Signal::CONT);
    stopped.run(&["status", "mnt"]).expect_status(0);
}

#[test]
fn a_silent_mount_is_taken_away_and_its_process_is_named() {
    if skips_fuse("silent mounts") {
        return;
    }
    for options in [&["--lazy"][..], &["--timeout", "1"]] {
        let mut stopped = Stopped::new();
        let ran = stopped
            .run(&[&["unmount", "mnt"], options].concat())
            .expect_status(0);
        let continuing = format!("kill -CONT {}", stopped.mounted.pid());
        assert!(ran.stderr().contains(&continuing), "{}", ran.stderr());
        assert!(!stopped.is_mounted());
        stopped.signal(Signal::CONT);
        assert_eq!(stopped.mounted.wait(), Some(0), "{}", stopped.log());
        let mounted = Mounted::new(&stopped.bench, &[]);
        drop(mounted);
    }
}

#[test]
fn a_busy_silent_mount_is_taken_away_lazily_only() {
    if skips_fuse("silent mounts") {
        return;
    }
    let stopped = {
        let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
        let mounted = Mounted::new(&bench, &[]);
        Stopped { mounted, bench }
    };
    let _held = fs::File::open(stopped.mounted.path("chex-ray14/00/000000.jpg")).unwrap();
    stopped.signal(Signal::STOP);
    let ran = stopped
        .run(&["unmount", "mnt", "--timeout", "1"])
        .expect_status(1);
    let me = format!("process {}", std::process::id());
    assert!(ran.stderr().contains(&me), "{}", ran.stderr());
    stopped.run(&["unmount", "mnt", "--lazy"]).expect_status(0);
    assert!(!stopped.is_mounted());
}

#[test]
fn a_silent_mount_is_replaced_or_the_process_in_the_way_is_named() {
    if skips_fuse("--replace") {
        return;
    }
    let stopped = Stopped::new();
    // Its process still has the cache.
    let ran = stopped
        .run(&["mount", "config.yml", "mnt", "--replace"])
        .expect_status(1);
    let killing = format!("kill -KILL {}", stopped.mounted.pid());
    assert!(ran.stderr().contains(&killing), "{}", ran.stderr());
    assert!(!stopped.is_mounted());

    let mut stopped = Stopped::new();
    let other = [
        "mount",
        "config.yml",
        "mnt",
        "--replace",
        "--cache-path",
        "c2",
    ];
    stopped.run(&other).expect_status(0);
    stopped.run(&["status", "mnt"]).expect_status(0);
    // It ends when it goes on, and takes nothing of the other with it: the kernel gives the numbers of
    // a mount to the next one.
    stopped.signal(Signal::CONT);
    assert_eq!(stopped.mounted.wait(), Some(0));
    stopped.run(&["status", "mnt"]).expect_status(0);
    stopped.run(&["unmount", "mnt"]).expect_status(0);
}

/// The materialized tree of a mount elsewhere may be a mount itself.
#[test]
fn a_silent_mount_in_the_place_of_the_tree_is_said() {
    if skips_fuse("silent mounts") {
        return;
    }
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    fs::create_dir(bench.path("out")).unwrap();
    std::os::unix::fs::symlink("out", bench.path("mnt")).unwrap();
    fs::create_dir(bench.path("other")).unwrap();
    let mut mounted = Mounted::new(&bench, &[]);
    mounted.root = bench.path("out");
    let stopped = Stopped { mounted, bench };
    stopped.signal(Signal::STOP);
    let ran = stopped.run(&["mount", "config.yml", "other", "--cache-path", "c2"]);
    assert!(ran.stderr().contains("does not answer"), "{}", ran.stderr());
    // Also by a path with links in it.
    stopped.run(&["unmount", "mnt"]).expect_status(0);
    assert!(!stopped.is_mounted());
}

/// What hangs on a mount must not keep the caller's output open.
#[test]
fn no_process_is_left_that_holds_an_output() {
    if skips_fuse("silent mounts") {
        return;
    }
    let stopped = Stopped::new();
    let started = Instant::now();
    let program = env!("CARGO_BIN_EXE_machex");
    let line = format!("{program} status mnt 2>&1 | cat");
    let ran = Command::new("sh")
        .args(["-c", &line])
        .current_dir(stopped.bench.path(""))
        .output()
        .unwrap();
    assert!(started.elapsed() < SOON);
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(said.contains("does not answer"), "{said}");
}
