//! The log of a mount: whatever becomes of it, the mount lives on.

mod common;

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use common::mounted::{detach, skips_fuse};
use common::{Bench, files_below};
use rustix::fs::{FileType, Mode};

/// A bench of which every source is missing: each image that is read is a line of the log.
fn failing(images: u32) -> Bench {
    let bench = Bench::small(images, "IMAGE_SIZE: 64\n");
    for number in 0..images {
        fs::remove_file(bench.small_source(number)).unwrap();
    }
    fs::create_dir(bench.path("mnt")).unwrap();
    bench
}

fn read_all(bench: &Bench, images: u32) {
    for number in 0..images {
        let path = bench.path(&format!("mnt/chex-ray14/00/{number:06}.jpg"));
        assert!(fs::read(path).is_err());
    }
}

fn wait_for_mount(bench: &Bench) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !bench.path("mnt/chex-ray14").exists() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_error_output_that_is_gone_or_full_or_asleep_ends_no_mount() {
    if skips_fuse("the log of a mount") {
        return;
    }
    let bench = failing(300);
    let (asleep, kept) = std::io::pipe().map(|(r, w)| (OwnedFd::from(w), r)).unwrap();
    let (gone, reader) = std::io::pipe().map(|(r, w)| (OwnedFd::from(w), r)).unwrap();
    drop(reader);
    let full = OwnedFd::from(File::options().write(true).open("/dev/full").unwrap());
    for (what, output) in [("gone", gone), ("full", full), ("asleep", asleep)] {
        let mut child = bench
            .command(&["mount", "-c", "config.yml", "mnt", "--foreground", "-vv"])
            .stderr(Stdio::from(output))
            .spawn()
            .unwrap();
        wait_for_mount(&bench);
        // More than a pipe holds.
        read_all(&bench, 300);
        assert!(
            child.try_wait().unwrap().is_none(),
            "{what}: the mount has ended"
        );
        let ran = bench.run(&["unmount", "mnt"]);
        assert_eq!(ran.status(), 0, "{what}: {}", ran.stderr());
        assert!(child.wait().unwrap().success(), "{what}");
    }
    drop(kept);
}

#[test]
fn a_default_log_that_is_not_ours_is_done_without() {
    if skips_fuse("the log of a mount") {
        return;
    }
    let bench = failing(1);
    fs::create_dir(bench.path("cache")).unwrap();
    let log = bench.path("cache/mount.log");
    fs::write(bench.path("precious"), "x").unwrap();
    for kind in ["fifo", "link"] {
        match kind {
            "fifo" => {
                let mode = Mode::RUSR | Mode::WUSR;
                let pipe = FileType::Fifo;
                rustix::fs::mknodat(rustix::fs::CWD, &log, pipe, mode, 0).unwrap();
            }
            _ => symlink("../precious", &log).unwrap(),
        }
        let ran = bench.run(&["mount", "config.yml", "mnt"]);
        let ended = bench.run(&["unmount", "mnt"]);
        detach(&bench.path("mnt"));
        assert_eq!((ran.status(), ended.status()), (0, 0), "{}", ran.stderr());
        assert!(ran.stderr().contains("no log file"), "{}", ran.stderr());
        fs::remove_file(&log).unwrap();
    }
    assert_eq!(fs::read(bench.path("precious")).unwrap(), b"x");
    // One that others could read is closed to them.
    fs::write(&log, "before\n").unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o644)).unwrap();
    bench.run(&["mount", "config.yml", "mnt"]).expect_status(0);
    bench.run(&["unmount", "mnt"]).expect_status(0);
    assert_eq!(
        fs::metadata(&log).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(fs::read_to_string(&log).unwrap().starts_with("before\n"));
}

#[test]
fn a_log_file_that_was_asked_for_must_be_usable() {
    if skips_fuse("the log of a mount") {
        return;
    }
    let bench = failing(1);
    fs::write(bench.path("precious"), "x").unwrap();
    symlink("precious", bench.path("link")).unwrap();
    for (log, status) in [("link", 1), ("mnt", 1), ("/dev/null", 0), ("own.log", 0)] {
        let log = match log.starts_with('/') {
            true => log.into(),
            false => bench.path(log),
        };
        let log = log.to_str().unwrap();
        let ran = bench.run(&["mount", "config.yml", "mnt", "--log-file", log]);
        if ran.status() == 0 {
            bench.run(&["unmount", "mnt"]).expect_status(0);
        }
        assert_eq!(ran.status(), status, "{log}: {}", ran.stderr());
        assert!(
            status == 0 || ran.stderr().contains(log),
            "{}",
            ran.stderr()
        );
    }
    assert_eq!(fs::read(bench.path("precious")).unwrap(), b"x");
}

#[test]
fn an_output_that_cannot_be_written_fails_no_mount() {
    if skips_fuse("the output of a mount") {
        return;
    }
    let bench = failing(1);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = bench
        .command(&["mount", "config.yml", "mnt"])
        .stdout(full)
        .status()
        .unwrap();
    bench.run(&["unmount", "mnt"]).expect_status(0);
    assert!(status.success());
}

/// A log among the images would count as one of a dataset, or be hidden; the config is no log.
#[test]
fn a_log_is_not_written_over_what_the_mount_is_made_of() {
    let bench = failing(1);
    bench.run(&["materialize"]).expect_status(3);
    let before = files_below(&bench.path(""));
    let config = fs::read(bench.path("config.yml")).unwrap();
    for log in [
        "config.yml",
        "out/log",
        "out/chex-ray14/index.json",
        "out.state/log",
        "mnt/log",
    ] {
        for how in ["--log-file", "-o"] {
            let value = match how {
                "-o" => format!("log_file={log}"),
                _ => log.to_owned(),
            };
            let ran = bench.run(&["mount", "config.yml", "mnt", how, &value]);
            let text = ran.expect_status(1).stderr();
            assert!(text.contains("--log-file: "), "{log}: {text}");
        }
    }
    assert_eq!(files_below(&bench.path("")), before);
    assert_eq!(fs::read(bench.path("config.yml")).unwrap(), config);
}
