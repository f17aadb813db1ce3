//! Signals: those that ask for the end do so in order, and no other ends a mount.

mod common;

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use common::Bench;
use common::mounted::{Mounted, skips_fuse};
use rustix::process::Signal;

const IMAGE: &str = "chex-ray14/00/000000.jpg";

fn send(mounted: &Mounted, signal: i32) {
    let sent = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(mounted.pid().to_string())
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn signals_that_mean_nothing_are_ignored_and_those_that_mean_the_end_unmount() {
    if skips_fuse("signals") {
        return;
    }
    // Under nohup, the end of a terminal means nothing to a mount either.
    // SAFETY: the default action of a signal that this process does not handle.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    let mut mounted = Mounted::new(&bench, &[]);
    let ignored = [
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
        libc::SIGIO,
        libc::SIGPROF,
        libc::SIGVTALRM,
        libc::SIGPWR,
        libc::SIGSTKFLT,
        libc::SIGXFSZ,
        libc::SIGRTMIN(),
        libc::SIGRTMAX(),
    ];
    for signal in ignored {
        send(&mounted, signal);
        thread::sleep(Duration::from_millis(50));
        fs::read_dir(&mounted.root).unwrap_or_else(|error| panic!("signal {signal}: {error}"));
    }
    assert!(mounted.read(IMAGE) == bench.expected(&bench.small_source(0), 64));
    assert_eq!(mounted.end_by(Signal::TERM), Some(0));
    for signal in [Signal::HUP, Signal::QUIT, Signal::XCPU] {
        let mut mounted = Mounted::new(&bench, &[]);
        assert_eq!(mounted.end_by(signal), Some(0), "{signal:?}");
        assert_eq!(fs::read_dir(&mounted.root).unwrap().count(), 0);
    }
}

/// `prlimit --fsize`: a file that may not grow is a disk that is full.
fn limit_file_size(command: &mut Command) -> &mut Command {
    // SAFETY: one system call, between fork and exec.
    unsafe {
        command.pre_exec(|| {
            let limit = rustix::process::Rlimit {
                current: Some(1),
                maximum: Some(1),
            };
            rustix::process::setrlimit(rustix::process::Resource::Fsize, limit)?;
            Ok(())
        })
    }
}

#[test]
fn a_limit_on_file_sizes_ends_no_command_by_a_signal() {
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    let said_by = |arguments: &[&str], status: i32| {
        let mut command = bench.command(arguments);
        let ended = limit_file_size(&mut command).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(status), "{arguments:?}: {said}");
        said
    };
    let said = said_by(&["materialize"], 1);
    assert!(said.contains("File too large"), "{said}");
    said_by(&["check"], 0);
    said_by(&["sample", "elsewhere"], 1);
    said_by(&["preview", "--output", "sheet.png"], 1);
    bench.run(&["materialize"]).expect_status(0);
    fs::remove_file(bench.path("out/chex-ray14/index.json")).unwrap();
    let said = said_by(&["materialize", "--finish"], 1);
    assert!(said.contains("File too large"), "{said}");
}

#[test]
fn a_mount_under_a_limit_on_file_sizes_serves_from_memory() {
    if skips_fuse("limits on file sizes") {
        return;
    }
    let bench = Bench::small(2, "IMAGE_SIZE: 64\n");
    // The files of the cache, the catalogs and the log are all beyond it.
    for bytes in [1, 4096, 20_000] {
        let limit = format!("--fsize={bytes}");
        let mounted = Mounted::below(&bench, &["prlimit", &limit], &[]);
        assert!(mounted.read(IMAGE) == bench.expected(&bench.small_source(0), 64));
        assert_eq!(mounted.figure("errors"), 0, "{bytes}");
    }
}
