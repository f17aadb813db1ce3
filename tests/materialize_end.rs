//! What `machex materialize` says at its end, to people and to scripts: totals, what to do next,
//! the document of `--json`, exit statuses.

mod common;

use std::fs;

use common::{Bench, Ran};
use serde_json::Value;

const DATASET: &str = "chex-ray14";

/// Two datasets of which one image fails.
fn with_a_failure() -> Bench {
    let bench = Bench::small(4, "IMAGE_SIZE: 32\nOBJECTCXR_ROOT: raw/objcxr");
    let folder = bench.path("raw/objcxr/train");
    fs::create_dir_all(&folder).unwrap();
    common::write_png(&folder.join("a.png"), 40, 40, 1);
    fs::write(bench.small_source(2), "not an image").unwrap();
    bench
}

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout()).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout()))
}

#[test]
fn the_end_has_totals_and_says_where_the_tree_is_and_what_to_do() {
    let bench = with_a_failure();
    fs::remove_file(bench.small_source(2)).unwrap();
    common::write_png(&bench.small_source(2), 40, 40, 1);
    let mut command = bench.command(&["materialize", "config.yml"]);
    let ran = Ran::of(command.env("COLUMNS", "80")).expect_status(0);
    assert_eq!(ran.summary_of("all"), [5, 5, 0, 0]);
    let text = ran.stdout();
    for words in [
        "5 of 5 images are in the tree",
        &format!(" report {} -o report.html", bench.out().to_str().unwrap()),
        "machex.MaCheXDataset(",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    let widest = text
        .lines()
        .filter(|line| !line.starts_with("    "))
        .map(|line| line.chars().count());
    assert!(widest.max().unwrap() <= 80, "{text}");
}

#[test]
fn some_images_that_failed_are_no_run_that_could_not_run() {
    let bench = with_a_failure();
    let ran = bench.run(&["materialize", "config.yml"]).expect_status(3);
    let text = ran.stdout();
    assert!(text.contains("failures.jsonl"), "{text}");
    assert!(text.contains("materialize config.yml\n"), "{text}");
    bench.run(&["materialize", "--dry-run"]).expect_status(0);
    fs::remove_file(bench.small_source(1)).unwrap();
    bench.run(&["materialize", "--dry-run"]).expect_status(3);
    bench.run(&["materialize", "--finish"]).expect_status(3);
    fs::remove_file(bench.out().join(DATASET).join("00/000000.jpg")).unwrap();
    bench.run(&["materialize", "--finish"]).expect_status(1);
    bench.run(&["materialize", "nowhere.yml"]).expect_status(1);
    bench.run(&["materialize", "--dry-wash"]).expect_status(2);
}

#[test]
fn the_next_command_of_a_share_and_of_what_is_missing_can_be_pasted() {
    let bench = Bench::small(4, "IMAGE_SIZE: 32");
    fs::rename(bench.path("config.yml"), bench.path("my config.yml")).unwrap();
    let share = bench
        .run(&["materialize", "my config.yml", "--part", "1/2"])
        .expect_status(0);
    assert_eq!(share.summary_of(DATASET), [2, 2, 0, 0]);
    let pasted = |ran: &Ran, status| {
        let text = ran.stdout();
        let start = format!("    {} materialize", env!("CARGO_BIN_EXE_machex"));
        let line = text.lines().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("{text}"));
        let mut shell = bench.command_below(&["sh", "-c", line], &[]);
        Ran::of(&mut shell).expect_status(status)
    };
    let finish = pasted(&share, 1);
    assert!(
        finish.stdout().contains("2 images are missing"),
        "{}",
        finish.stdout()
    );
    let rest = pasted(&finish, 0);
    assert_eq!(rest.summary_of(DATASET), [4, 2, 2, 0]);
}

#[test]
fn after_finish_with_failures_the_next_command_renders_them() {
    let bench = with_a_failure();
    bench.run(&["materialize", "config.yml"]).expect_status(3);
    let finish = ["materialize", "config.yml", "--finish"];
    let text = bench.run(&finish).expect_status(3).stdout();
    let (_, next) = text.split_once("Once the sources are mended").unwrap();
    let line = next.lines().nth(1).unwrap();
    common::write_png(&bench.small_source(2), 40, 40, 1);
    let mut shell = bench.command_below(&["sh", "-c", line.trim()], &[]);
    let ran = Ran::of(&mut shell).expect_status(0);
    assert_eq!(ran.summary_of(DATASET), [4, 1, 3, 0]);
}

#[test]
fn the_document_for_scripts_has_the_same_counts() {
    let bench = with_a_failure();
    let ran = bench.run(&["materialize", "--json"]).expect_status(3);
    let made = document(&ran);
    assert_eq!(
        (&made["ok"], &made["interrupted"]),
        (&false.into(), &false.into())
    );
    assert_eq!(made["error"], Value::Null);
    assert!(made["tree"].as_str().unwrap().ends_with("/out"), "{made}");
    let counts = |document: &Value| {
        ["images", "new", "skipped", "failed", "damaged"].map(|name| {
            document[name]
                .as_u64()
                .unwrap_or_else(|| panic!("{name}: {document}"))
        })
    };
    assert_eq!(counts(&made["total"]), [5, 4, 0, 1, 0]);
    assert_eq!(made["datasets"][0]["dataset"], DATASET);
    assert_eq!(counts(&made["datasets"][0]), [4, 3, 0, 1, 0]);
    assert!(made["total"]["seconds"].as_f64().unwrap() > 0.0);
    let log = made["logs"]["failures"].as_str().unwrap();
    assert_eq!(fs::read_to_string(log).unwrap().lines().count(), 1);

    let again = document(&bench.run(&["materialize", "--json"]).expect_status(3));
    assert_eq!(counts(&again["total"]), [5, 0, 4, 1, 0]);
    assert_eq!(again["total"]["images_per_second"], Value::Null);

    common::write_png(&bench.small_source(3), 44, 44, 9);
    let dry = document(
        &bench
            .run(&["materialize", "--dry-run", "--json"])
            .expect_status(0),
    );
    assert_eq!(dry["total"]["to_render"], 2, "{dry}");
    assert_eq!(dry["datasets"][0]["finished"], 2, "{dry}");
    assert!(
        dry["bytes_free"].as_u64().unwrap() > 0 && dry["fits"] == true,
        "{dry}"
    );

    let finish = document(
        &bench
            .run(&["materialize", "--finish", "--json"])
            .expect_status(1),
    );
    assert_eq!(
        finish["datasets"][0]["missing"],
        serde_json::json!(["000003"]),
        "{finish}"
    );
    // A run that cannot start has no document.
    let wrong = bench
        .run(&["materialize", "nowhere.yml", "--json"])
        .expect_status(1);
    assert_eq!(wrong.stdout(), "");
}

#[test]
fn a_lock_that_is_held_says_what_to_do() {
    let bench = Bench::small(2, "IMAGE_SIZE: 32");
    bench.run(&["materialize"]).expect_status(0);
    let path = bench.path("out.state/lock");
    let lock = fs::File::open(&path).unwrap();
    lock.lock().unwrap();
    let said = |holder: &str| {
        fs::write(&path, holder).unwrap();
        bench.run(&["materialize"]).expect_status(1).stderr()
    };
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let number = std::process::id();
    let here = said(&format!("process {number} on {host}"));
    assert!(here.contains(&format!("kill {number}")), "{here}");
    let elsewhere = said("process 7 on another.example\n");
    assert!(elsewhere.contains("end it on its machine"), "{elsewhere}");
    let unknown = said("");
    assert!(unknown.contains("wait until it has ended"), "{unknown}");
}
