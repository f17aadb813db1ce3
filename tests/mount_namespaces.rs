//! Mounts that others hold: copies in other mount namespaces, and readers that have opened nothing yet.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::Bench;
use common::mounted::{Mounted, is_root, skips_fuse};

#[test]
fn a_copy_in_another_namespace_is_named_and_the_process_ends() {
    if skips_fuse("mount namespaces") || !is_root("mount namespaces") {
        return;
    }
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    let mut mounted = Mounted::new(&bench, &[]);
    // As a container has it that was started while the mount was there.
    let mut other = Command::new("unshare")
        .args([
            "-m",
            "--propagation",
            "private",
            "sh",
            "-c",
            "echo there; exec cat",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let output = other.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();

    let started = Instant::now();
    let ran = bench.run(&["unmount", "mnt"]).expect_status(0);
    let said = ran.stderr();
    assert!(started.elapsed() < Duration::from_secs(20), "{said}");
    let holder = format!("process {})", other.id());
    assert!(
        said.contains(&holder) && said.contains("namespace"),
        "{said}"
    );
    assert!(said.contains("has ended"), "{said}");
    assert_eq!(mounted.wait(), Some(0));
    // The cache is free at once.
    drop(Mounted::new(&bench, &[]));
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_copy_that_the_user_made_goes_on() {
    if skips_fuse("bind mounts") || !is_root("bind mounts") {
        return;
    }
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    let mut mounted = Mounted::new(&bench, &[]);
    let copy = bench.path("copy");
    fs::create_dir(&copy).unwrap();
    let bind = Command::new("mount")
        .arg("--bind")
        .args([&mounted.root, &copy])
        .status();
    assert!(bind.unwrap().success());
    let ran = bench.run(&["unmount", "mnt"]).expect_status(0);
    let read = fs::read(copy.join("chex-ray14/00/000000.jpg"));
    bench.run(&["unmount", "copy"]).expect_status(0);
    assert!(
        ran.stderr().contains(copy.to_str().unwrap()),
        "{}",
        ran.stderr()
    );
    assert!(read.unwrap() == bench.expected(&bench.small_source(0), 64));
    assert_eq!(mounted.wait(), Some(0));
}

#[test]
fn what_keeps_a_mount_busy_is_named_though_it_has_nothing_open_by_this_path() {
    if skips_fuse("busy mounts") || !is_root("mounts on mounts") {
        return;
    }
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    let mounted = Mounted::new(&bench, &[]);
    let busy = |who: &str| {
        let ran = bench
            .run(&["unmount", "mnt", "--timeout", "0"])
            .expect_status(1);
        assert!(ran.stderr().contains(who), "{}", ran.stderr());
        assert!(!ran.stderr().contains("other users"), "{}", ran.stderr());
    };
    // Another mount below.
    let below = mounted.path("chex-ray14");
    let mount = |arguments: &[&str]| {
        let done = Command::new("mount").args(arguments).arg(&below).status();
        assert!(done.unwrap().success());
    };
    mount(&["-t", "tmpfs", "tmpfs"]);
    busy("chex-ray14");
    assert!(
        Command::new("umount")
            .arg(&below)
            .status()
            .unwrap()
            .success()
    );
    // A process whose root is in it, by which its paths are others.
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .current_dir(mounted.path("chex-ray14/00"))
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(100));
    busy(&format!("process {}", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    fs::read_dir(&mounted.root).unwrap();
}
