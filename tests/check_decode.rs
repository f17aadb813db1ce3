//! `machex check --decode`: what fails is found before anything is written, exactly, and said in words that
//! promise no more than was looked at.

mod common;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Bench, Ran};
use serde_json::Value;

/// A dataset of which some sources cannot be rendered, and one is missing.
fn half_broken() -> Bench {
    let bench = Bench::small(24, "");
    for number in [3, 7, 11] {
        fs::write(bench.small_source(number), "no image").unwrap();
    }
    fs::write(bench.small_source(13), "").unwrap();
    let whole = fs::read(bench.small_source(17)).unwrap();
    fs::write(bench.small_source(17), &whole[..24]).unwrap();
    fs::remove_file(bench.small_source(20)).unwrap();
    bench
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout()).unwrap()
}

/// The images that are named in a list of groups.
fn named(groups: &Value) -> Vec<String> {
    let examples = groups
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["examples"].as_array().unwrap());
    let mut images: Vec<String> = examples
        .map(|example| example["image"].as_str().unwrap().to_owned())
        .collect();
    images.sort();
    images
}

#[test]
fn what_materialize_would_fail_with_is_found_and_nothing_is_written() {
    let bench = half_broken();
    let ran = bench.run(&["check", "--all"]).expect_status(3);
    assert!(!ran.stdout().contains("well"), "{}", ran.stdout());

    let ran = bench.run(&["check", "--decode", "--json"]).expect_status(3);
    let document = json(&ran);
    assert_eq!(document["ok"], false);
    let report = &document["datasets"][0];
    let decoded = &report["decoded"];
    assert_eq!(
        (&report["missing"], &report["looked_for"]),
        (&1.into(), &24.into())
    );
    assert_eq!(
        (&decoded["tried"], &decoded["failed"]),
        (&23.into(), &5.into())
    );
    assert_eq!(
        named(&decoded["failures"]),
        ["000003", "000007", "000011", "000013", "000017"]
    );
    let first = &decoded["failures"][0];
    assert_eq!(
        first["count"], 3,
        "the most frequent cause comes first: {first}"
    );
    assert!(!bench.out().exists() && !bench.path("out.state").exists());

    let text = bench.run(&["check", "--decode"]).expect_status(3).stdout();
    for words in [
        "5 of 23 images cannot be rendered",
        "3 x ",
        "000003: ",
        "missing: ",
        "18 of 24 images were decoded: 5 cannot be rendered, see above.",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }

    // The same images as those that fail.
    bench.run(&["materialize"]).expect_status(3);
    let failures = fs::read_to_string(bench.path("out.state/failures.jsonl")).unwrap();
    let mut failed: Vec<u64> = failures
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["image"]
                .as_u64()
                .unwrap()
        })
        .collect();
    failed.sort();
    assert_eq!(failed, [3, 7, 11, 13, 17, 20]);
}

#[test]
fn what_is_no_file_is_told_from_what_is_missing() {
    let bench = Bench::small(4, "");
    for number in 1..3 {
        fs::remove_file(bench.small_source(number)).unwrap();
    }
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        bench.small_source(2),
        rustix::fs::Mode::RWXU,
    )
    .unwrap();
    let text = bench.run(&["check"]).expect_status(3).stdout();
    assert!(text.contains("0001.png\n"), "{text}");
    assert!(
        text.contains("0002.png: it is a pipe, not a file"),
        "{text}"
    );
}

#[test]
fn a_good_tree_is_well_once_all_was_decoded() {
    let bench = Bench::sample(3);
    let ran = bench.run(&["check", "--decode"]).expect_status(0);
    let end = "\nAll 30 images were decoded; all is well.\n";
    assert!(ran.stdout().ends_with(end), "{}", ran.stdout());
    assert!(
        ran.stderr().contains("3 of 3 images"),
        "progress: {}",
        ran.stderr()
    );
    let document = json(&bench.run(&["check", "--decode", "--json"]).expect_status(0));
    assert_eq!(
        (&document["ok"], &document["interrupted"]),
        (&true.into(), &false.into())
    );
    assert_eq!(document["verdict"], end.trim());
}

#[test]
fn an_interrupted_check_says_what_it_has() {
    let bench = Bench::small(3000, "");
    fs::write(bench.small_source(0), "no image").unwrap();
    let mut child = bench
        .command(&["check", "--decode", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    // Signals are caught from some moment on; before, the process would just end.
    let status = format!("/proc/{}/task", child.id());
    let deadline = Instant::now() + Duration::from_secs(60);
    let is_decoding = || {
        fs::read_dir(&status).is_ok_and(|mut tasks| {
            tasks.any(|task| {
                let name = fs::read_to_string(task.unwrap().path().join("comm"));
                name.is_ok_and(|name| name.starts_with("decode"))
            })
        })
    };
    while !is_decoding() {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&document["ok"], &document["interrupted"]),
        (&false.into(), &true.into())
    );
    let decoded = &document["datasets"][0]["decoded"];
    assert!(
        decoded["tried"].as_u64() < decoded["of"].as_u64(),
        "{decoded}"
    );
    assert!(
        document["verdict"]
            .as_str()
            .unwrap()
            .starts_with("Interrupted")
    );
}
