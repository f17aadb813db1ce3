//! `machex materialize` as a user meets it: going on, shares, failures, interruption, full disks.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::mounted::is_root;
use common::small_disk::SmallDisk;
use common::{Bench, copy_tree, files_below, golden, write_png};
use serde_json::Value;

const MANY: u32 = 12;

const DATASET: &str = "chex-ray14";

fn image(bench: &Bench, number: u32) -> PathBuf {
    bench.out().join(format!("{DATASET}/00/{number:06}.jpg"))
}

fn index(bench: &Bench) -> serde_json::Map<String, Value> {
    let text = fs::read(bench.out().join(DATASET).join("index.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn failures(bench: &Bench) -> Vec<Value> {
    let text = fs::read_to_string(bench.path("out.state/failures.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn second_run_skips_everything_and_changes_nothing() {
    let bench = Bench::small(MANY, "");
    let first = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(first.summary_of(DATASET), [MANY, MANY, 0, 0]);
    let inode = |number| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(image(&bench, number)).unwrap().ino()
    };
    let before: Vec<u64> = (0..MANY).map(inode).collect();
    let second = bench
        .run(&["materialize", "-c", "config.yml"])
        .expect_status(0);
    assert_eq!(second.summary_of(DATASET), [MANY, 0, MANY, 0]);
    assert_eq!(
        before,
        (0..MANY).map(inode).collect::<Vec<_>>(),
        "files were written again"
    );
}

#[test]
fn what_is_missing_damaged_or_changed_is_rendered_again() {
    let bench = Bench::small(MANY, "");
    bench.run(&["materialize"]).expect_status(0);
    let expected: Vec<Vec<u8>> = (0..MANY)
        .map(|n| fs::read(image(&bench, n)).unwrap())
        .collect();

    fs::remove_file(image(&bench, 1)).unwrap();
    fs::write(image(&bench, 2), &expected[2][..1000]).unwrap();
    write_png(&bench.small_source(3), 500, 500, 99);
    fs::write(
        bench.out().join(DATASET).join("00/.000004.jpg.123.tmp"),
        "left over",
    )
    .unwrap();
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of(DATASET), [MANY, 3, MANY - 3, 0]);
    for number in 0..MANY {
        let same = fs::read(image(&bench, number)).unwrap() == expected[number as usize];
        assert_eq!(same, number != 3, "image {number}");
    }
    assert_eq!(
        files_below(&bench.out()).len(),
        MANY as usize + 1,
        "left-overs are gone"
    );

    // Another setting concerns all images.
    bench.write_config("FRONTAL_ONLY: true\nCHEXRAY14_ROOT: raw\nJPEG_QUALITY: 80");
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of(DATASET), [MANY, MANY, 0, 0]);
}

#[test]
fn failures_are_recorded_and_the_rest_goes_on() {
    let bench = Bench::small(4, "");
    fs::remove_file(bench.small_source(1)).unwrap();
    fs::write(bench.small_source(2), "not an image").unwrap();
    let list = bench.path("raw/train_val_list.txt");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(
        &list,
        format!("{text}../../../etc/hostname\n/etc/hostname\n\n"),
    )
    .unwrap();

    let ran = bench.run(&["materialize"]).expect_status(3);
    assert_eq!(ran.summary_of(DATASET), [6, 2, 0, 4]);
    assert!(ran.stdout().contains("failures.jsonl"), "{}", ran.stdout());
    assert_eq!(
        index(&bench).keys().collect::<Vec<_>>(),
        ["000000", "000003"]
    );
    let mut failed = failures(&bench);
    failed.sort_by_key(|failure| failure["image"].as_u64());
    let causes: Vec<_> = failed
        .iter()
        .map(|failure| failure["cause"].as_str().unwrap())
        .collect();
    assert_eq!(failed.len(), 4);
    assert_eq!(failed[0]["key"], "0001.png");
    assert!(causes[0].contains("missing"), "{causes:?}");
    assert!(causes[1].contains("neither a PNG"), "{causes:?}");

    // Mended sources are taken up, and forgotten as failures.
    write_png(&bench.small_source(1), 300, 300, 1);
    write_png(&bench.small_source(2), 300, 300, 2);
    let ran = bench.run(&["materialize"]).expect_status(3);
    assert_eq!(ran.summary_of(DATASET), [6, 2, 2, 2]);
    assert_eq!(failures(&bench).len(), 2);
    assert_eq!(index(&bench).len(), 4);
}

#[test]
fn a_source_that_goes_bad_takes_its_old_image_along() {
    let bench = Bench::small(3, "");
    bench.run(&["materialize"]).expect_status(0);
    fs::write(bench.small_source(1), "").unwrap();
    let ran = bench.run(&["materialize"]).expect_status(3);
    assert_eq!(ran.summary_of(DATASET), [3, 0, 2, 1]);
    assert!(!image(&bench, 1).exists());
    assert_eq!(index(&bench).len(), 2);
}

#[test]
fn shares_make_the_same_tree_as_one_run() {
    let whole = Bench::small(MANY, "");
    whole.run(&["materialize"]).expect_status(0);

    let parts = Bench::small(MANY, "");
    let part = parts
        .run(&["materialize", "--part", "1/3"])
        .expect_status(0);
    assert_eq!(part.summary_of(DATASET), [4, 4, 0, 0]);
    assert!(!parts.out().join(DATASET).join("index.json").exists());
    let early = parts.run(&["materialize", "--finish"]).expect_status(1);
    assert!(
        early.stdout().contains("8 images are missing"),
        "{}",
        early.stdout()
    );
    assert!(
        early.stdout().contains("000004, 000005"),
        "{}",
        early.stdout()
    );

    parts
        .run(&["materialize", "--part", "3/3"])
        .expect_status(0);
    let mut auto = parts.command(&["materialize", "--part", "auto"]);
    auto.env("SLURM_ARRAY_TASK_ID", "11")
        .env("SLURM_ARRAY_TASK_MIN", "10")
        .env("SLURM_ARRAY_TASK_MAX", "12")
        .env("SLURM_ARRAY_TASK_COUNT", "3");
    assert!(auto.status().unwrap().success());
    let finished = parts.run(&["materialize", "--finish"]).expect_status(0);
    assert_eq!(finished.summary_of(DATASET), [MANY, 0, MANY, 0]);

    assert_eq!(files_below(&whole.out()), files_below(&parts.out()));
    for number in 0..MANY {
        let read = |bench| fs::read(image(bench, number)).unwrap();
        assert!(read(&whole) == read(&parts), "image {number} differs");
    }
    // A run of the whole goes on from what the shares did.
    let again = parts.run(&["materialize"]).expect_status(0);
    assert_eq!(again.summary_of(DATASET), [MANY, 0, MANY, 0]);
}

#[test]
fn failures_of_all_shares_end_in_one_file() {
    let bench = Bench::small(6, "");
    for number in [0, 5] {
        fs::write(bench.small_source(number), "").unwrap();
    }
    bench
        .run(&["materialize", "--part", "1/2"])
        .expect_status(3);
    bench
        .run(&["materialize", "--part", "2/2"])
        .expect_status(3);
    let finished = bench.run(&["materialize", "--finish"]).expect_status(3);
    assert_eq!(finished.summary_of(DATASET), [6, 0, 4, 2]);
    let images: Vec<_> = failures(&bench)
        .iter()
        .map(|f| f["image"].as_u64().unwrap())
        .collect();
    assert_eq!(images, [0, 5]);
    assert_eq!(index(&bench).len(), 4);
}

#[test]
fn array_variables_count_only_when_asked_for() {
    let bench = Bench::small(2, "");
    let mut command = bench.command(&["materialize"]);
    command
        .env("SLURM_ARRAY_TASK_ID", "1")
        .env("SLURM_ARRAY_TASK_MIN", "0");
    assert!(
        command
            .env("SLURM_ARRAY_TASK_COUNT", "2")
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(index(&bench).len(), 2, "everything was rendered");

    let mut command = bench.command(&["materialize", "--part", "auto"]);
    for variable in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("SLURM_ARRAY_TASK_ID"));
}

#[test]
fn from_all_views_to_frontal_only_leaves_the_tree_of_a_fresh_run() {
    let bench = Bench::golden(false, "");
    bench.run(&["materialize"]).expect_status(0);
    let text = fs::read_to_string(bench.path("config.yml")).unwrap();
    let text = text.replace("FRONTAL_ONLY: false", "FRONTAL_ONLY: true");
    fs::write(bench.path("config.yml"), text).unwrap();
    bench.run(&["materialize"]).expect_status(0);

    let fresh = Bench::golden(true, "");
    fresh.run(&["materialize"]).expect_status(0);
    let files = files_below(&fresh.out());
    assert_eq!(files_below(&bench.out()), files);
    for file in files.iter().filter(|file| file.ends_with(".jpg")) {
        let read = |bench: &Bench| fs::read(bench.out().join(file)).unwrap();
        assert!(read(&bench) == read(&fresh), "{file} differs");
    }
}

#[test]
fn dry_run_says_what_would_be_done_and_does_nothing() {
    let bench = Bench::small(5, "");
    let ran = bench.run(&["materialize", "--dry-run"]).expect_status(0);
    assert_eq!(ran.summary_of(DATASET)[..3], [5, 0, 5]);
    assert!(ran.stdout().contains("free:"), "{}", ran.stdout());
    assert!(!bench.out().exists() && !bench.path("out.state").exists());
    bench.run(&["materialize"]).expect_status(0);
    fs::remove_file(image(&bench, 0)).unwrap();
    let ran = bench.run(&["materialize", "--dry-run"]).expect_status(0);
    assert_eq!(ran.summary_of(DATASET)[..3], [5, 4, 1]);
}

#[test]
fn only_the_named_datasets_are_worked_on() {
    let bench = Bench::golden(true, "");
    bench
        .run(&[
            "materialize",
            "--dataset",
            "rsna",
            "--dataset=objcxr",
            "config.yml",
            "--workers",
            "1",
        ])
        .expect_status(0);
    let mut made: Vec<_> = fs::read_dir(bench.out())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    made.sort();
    assert_eq!(made, ["objcxr", "rsna"]);
    let wrong = bench
        .run(&["materialize", "--dataset", "rnsa"])
        .expect_status(1);
    assert!(wrong.stderr().contains("rnsa") && wrong.stderr().contains("chexpert"));
}

#[test]
fn two_runs_on_one_tree_are_kept_apart() {
    let bench = Bench::small(2, "");
    bench.run(&["materialize"]).expect_status(0);
    let lock = fs::File::open(bench.path("out.state/lock")).unwrap();
    lock.lock().unwrap();
    let ran = bench.run(&["materialize"]).expect_status(1);
    assert!(
        ran.stderr().contains("another machex is at work"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn missing_lists_end_the_run_before_any_work() {
    let bench = Bench::golden(true, "");
    let raw = bench.path("raw/brax");
    fs::create_dir_all(&raw).unwrap();
    let text = fs::read_to_string(bench.path("config.yml")).unwrap();
    let text: String = text
        .lines()
        .map(|line| {
            if line.starts_with("BRAX_ROOT") {
                "BRAX_ROOT: raw/brax"
            } else {
                line
            }
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    fs::write(bench.path("config.yml"), text).unwrap();
    let ran = bench.run(&["materialize"]).expect_status(1);
    let stderr = ran.stderr();
    assert!(stderr.contains("BRAX_ROOT"), "{stderr}");
    assert!(stderr.contains("master_spreadsheet_update.csv"), "{stderr}");
    assert!(!bench.out().exists(), "nothing was written");
}

#[test]
fn what_breaks_the_reference_crashes_nothing() {
    let bench = Bench::new();
    copy_tree(&golden().join("raw"), &bench.path("raw"));
    let fails = golden().join("fails");
    let copy = |from: &str, to: &str| {
        fs::copy(fails.join(from), bench.path("raw").join(to)).unwrap();
    };
    for name in [
        "multiframe",
        "short_pixel_data",
        "signed_wraps",
        "lossy_j2k",
    ] {
        copy(
            &format!("vindrcxr/{name}.dicom"),
            &format!("VinDr-CXR/train/{name}.dicom"),
        );
    }
    copy("vindrcxr/stray.txt", "VinDr-CXR/train/stray.txt");
    copy("openi/bad_header_crc.png", "NLMCXR_png/bad_header_crc.png");
    copy("objcxr/empty.jpg", "object-CXR/train/empty.jpg");
    copy("objcxr/header_only.jpg", "object-CXR/train/header_only.jpg");
    let latin1 = "mimic-cxr-jpg-2.0.0/files/p10/p10003774/s57967876.txt";
    copy("mimic/report_latin1.txt", latin1);
    let text = fs::read_to_string(golden().join("config_all.yml")).unwrap();
    let roots: Vec<_> = text
        .lines()
        .filter(|line| line.contains("_ROOT:"))
        .collect();
    bench.write_config(&format!("FRONTAL_ONLY: false\n{}", roots.join("\n")));

    let ran = bench.run(&["materialize"]).expect_status(3);
    let mut failed: Vec<_> = failures(&bench)
        .iter()
        .map(|failure| {
            let source = failure["source"].as_str().unwrap();
            source.rsplit('/').next().unwrap().to_owned()
        })
        .collect();
    failed.sort();
    let expected = [
        "bad_header_crc.png",
        "empty.jpg",
        "header_only.jpg",
        "multiframe.dicom",
        "short_pixel_data.dicom",
    ];
    assert_eq!(failed, expected);
    let stdout = ran.stdout();
    assert!(
        stdout.contains("Windows-1252") && stdout.contains("s57967876.txt"),
        "{stdout}"
    );
    let [images, new, _, failed] = ran.summary_of("vindrcxr");
    assert_eq!((images, new, failed), (29, 27, 2));
}

/// Starts a run over so many images that it is still at work when the test interferes.
fn start_long_run(bench: &Bench) -> std::process::Child {
    let mut command = bench.command(&["materialize"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let shard = bench.out().join(DATASET).join("00");
    let finished = || fs::read_dir(&shard).map_or(0, |entries| entries.count());
    while finished() < 5 {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the run does not begin"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

fn signal(child: &std::process::Child, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn ctrl_c_ends_with_a_summary_and_the_next_run_goes_on() {
    let bench = Bench::small(300, "");
    let child = start_long_run(&bench);
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.contains("Interrupted") && stdout.contains(DATASET),
        "{stdout}"
    );
    assert!(!bench.out().join(DATASET).join("index.json").exists());
    let done = files_below(&bench.out()).len() as u32;
    assert!(done < 300, "the signal came too late");
    let words = format!("{done} of 300 images are in the tree");
    assert!(stdout.contains(&words), "{stdout}");

    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of(DATASET), [300, 300 - done, done, 0]);
}

#[test]
fn a_killed_run_leaves_whole_files_only() {
    let bench = Bench::small(300, "");
    for _ in 0..3 {
        let mut child = start_long_run(&bench);
        std::thread::sleep(Duration::from_millis(30));
        child.kill().unwrap();
        child.wait().unwrap();
        for file in files_below(&bench.out())
            .iter()
            .filter(|file| file.ends_with(".jpg"))
        {
            let jpeg = fs::read(bench.out().join(file)).unwrap();
            assert!(jpeg.ends_with(&[0xff, 0xd9]), "{file} is not whole");
        }
    }
    bench.run(&["materialize"]).expect_status(0);
    assert_eq!(
        files_below(&bench.out()).len(),
        301,
        "images, index, no left-overs"
    );

    let fresh = Bench::small(300, "");
    fresh.run(&["materialize"]).expect_status(0);
    for number in 0..300 {
        let read = |bench| fs::read(image(bench, number)).unwrap();
        assert!(read(&bench) == read(&fresh), "image {number} differs");
    }
}

#[test]
fn a_full_disk_stops_the_run_and_loses_nothing() {
    if !is_root("a full disk") {
        return;
    }
    let bench = Bench::small(40, "");
    let disk = SmallDisk::new(bench.path("disk"), "size=3m");
    fs::write(
        bench.path("config.yml"),
        "MACHEX_PATH: disk/out\nFRONTAL_ONLY: true\nCACHE_PATH: cache\nCHEXRAY14_ROOT: raw\n",
    )
    .unwrap();
    let ran = bench.run(&["materialize"]).expect_status(1);
    assert!(ran.stderr().contains("is full"), "{}", ran.stderr());
    let files = files_below(&bench.path("disk/out"));
    assert!(
        !files.is_empty() && files.iter().all(|file| file.ends_with(".jpg")),
        "{files:?}"
    );
    for file in &files {
        let jpeg = fs::read(bench.path("disk/out").join(file)).unwrap();
        assert!(jpeg.ends_with(&[0xff, 0xd9]), "{file} is not whole");
    }
    let remount = ["-o", "remount,size=64m"];
    assert!(
        Command::new("mount")
            .args(remount)
            .arg(&disk.0)
            .status()
            .unwrap()
            .success()
    );
    let ran = bench.run(&["materialize"]).expect_status(0);
    let [images, new, skipped, failed] = ran.summary_of(DATASET);
    assert_eq!((images, failed), (40, 0));
    assert!(new < 40 && skipped + new == 40 && skipped + 1 >= files.len() as u32);
}

#[test]
fn a_wrong_share_is_a_wrong_command_line() {
    let bench = Bench::small(1, "");
    for share in ["3/2", "0/2", "a/b", "1", "Auto"] {
        let ran = bench.run(&["materialize", "--part", share]);
        let text = ran.expect_status(2).stderr();
        assert!(text.contains("write K/N with 1 <= K <= N"), "{text}");
    }
}
