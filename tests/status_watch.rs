//! `machex status --watch`: on a terminal, into a pipe, and to its end.

mod common;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::Bench;
use common::mounted::{Mounted, skips_fuse};
use common::terminal::{OnTerminal, widest};

/// Waits for a number of updates.
fn after_updates(count: u64) {
    std::thread::sleep(Duration::from_millis(1000 * count + 500));
}

#[test]
fn watching_leaves_the_terminal_as_it_was_and_ends_with_the_mount() {
    if skips_fuse("watching a mount") {
        return;
    }
    let bench = Bench::small(3, "");
    let mut mounted = Mounted::new(&bench, &[]);
    let watch = OnTerminal::start(&mut bench.command(&["status", "mnt", "--watch"]), 80, 24);
    let small = OnTerminal::start(&mut bench.command(&["status", "mnt", "--watch"]), 80, 24);
    after_updates(1);
    small.resize(30, 6);
    after_updates(2);
    mounted.end_by(rustix::process::Signal::TERM);
    for (watch, is_small) in [(watch, false), (small, true)] {
        let watch = watch.wait();
        let shown = watch.text();
        assert_eq!(watch.status, 0, "{shown}");
        assert!(shown.contains("is not mounted any"), "{shown}");
        assert!(
            !shown.contains("\x1b[2J") && !shown.contains("\x1b[H"),
            "{shown}"
        );
        let pages: Vec<&str> = shown.split("\x1b[J").collect();
        assert!(pages.len() > 2, "{shown}");
        let last = pages[pages.len() - 1];
        if is_small {
            let (columns, line) = widest(last.split("machex:").next().unwrap());
            assert!(columns <= 30, "{line}");
            assert!(last.contains("more lines"), "{last}");
        } else {
            // As many rows up as the page has lines.
            let up = pages[1].lines().count();
            assert!(
                pages[1].ends_with(&format!("\r\x1b[{}A", up - 1)),
                "{:?}",
                pages[1]
            );
        }
    }
}

#[test]
fn watching_into_a_pipe_prints_plain_lines() {
    if skips_fuse("watching a mount") {
        return;
    }
    let bench = Bench::small(3, "");
    let mounted = Mounted::new(&bench, &[]);
    for arguments in [
        &["status", "mnt", "--watch"][..],
        &["status", "mnt", "--watch", "--json"],
    ] {
        let mut watch = bench
            .command(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let is_json = arguments.contains(&"--json");
        if is_json {
            let status: serde_json::Value = serde_json::from_str(&first).unwrap();
            assert_eq!(status["datasets"][0]["images"], 3);
        } else {
            assert!(first.contains("of 3 images ready"), "{first}");
        }
        mounted.read("chex-ray14/00/000000.jpg");
        mounted.read("chex-ray14/00/000001.jpg");
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let line = lines.next().unwrap().unwrap();
            assert!(!line.contains('\x1b') && !line.is_empty(), "{line}");
            if line.contains("2 of 3 images ready") || is_json {
                break;
            }
            assert!(Instant::now() < deadline, "{line}");
        }
        let pid = rustix::process::Pid::from_child(&watch);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        assert_eq!(watch.wait().unwrap().code(), Some(0));
        // For the other round, so that there is something to see again.
        drop(lines);
    }
}
