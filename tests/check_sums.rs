//! `machex check --sums`: files against PhysioNet's list of their sums.

mod common;

use std::fs;
use std::path::Path;

use common::{Bench, copy_tree, golden};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The line of a list for a file below a folder.
fn line(folder: &Path, name: &str, separator: &str) -> String {
    let bytes = fs::read(folder.join(name)).unwrap();
    let digits: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{digits}{separator}{name}\n")
}

/// A dataset with a list of its first 8 files of 10, and of its own list.
fn listed() -> (Bench, String) {
    let bench = Bench::small(10, "");
    let raw = bench.path("raw");
    let mut list = line(&raw, "train_val_list.txt", "  ");
    for number in 0..8 {
        let separator = if number % 2 == 0 { "  " } else { " *" };
        list += &line(&raw, &format!("images/{number:04}.png"), separator);
    }
    fs::write(raw.join("SHA256SUMS.txt"), &list).unwrap();
    (bench, list)
}

fn sums(bench: &Bench, status: i32) -> Value {
    let ran = bench
        .run(&["check", "--sums", "--json"])
        .expect_status(status);
    let document: Value = serde_json::from_str(&ran.stdout()).unwrap();
    document["datasets"][0]["sums"][0].clone()
}

fn counts(sums: &Value) -> [u64; 6] {
    [
        "listed",
        "ok",
        "wrong",
        "missing",
        "unreadable",
        "not_listed",
    ]
    .map(|name| sums[name].as_u64().unwrap())
}

#[test]
fn what_differs_is_told_from_what_is_missing_and_what_is_not_listed() {
    let (bench, _) = listed();
    assert_eq!(counts(&sums(&bench, 0)), [9, 9, 0, 0, 0, 2]);
    let text = bench.run(&["check", "--sums"]).expect_status(0).stdout();
    assert!(
        text.contains("9 files were compared with SHA256SUMS.txt: none differs."),
        "{text}"
    );

    // Half a download is no fault of the sums; that images are missing is one of the check.
    fs::remove_file(bench.path("raw/images/0007.png")).unwrap();
    assert_eq!(counts(&sums(&bench, 3)), [9, 8, 0, 1, 0, 2]);
    fs::copy(bench.small_source(6), bench.small_source(7)).unwrap();
    let mut bytes = fs::read(bench.small_source(3)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(bench.small_source(3), bytes).unwrap();
    let found = sums(&bench, 3);
    assert_eq!(counts(&found), [9, 7, 2, 0, 0, 2]);
    assert_eq!(
        found["wrong_examples"],
        serde_json::json!(["images/0003.png", "images/0007.png"])
    );
    let text = bench.run(&["check", "--sums"]).expect_status(3).stdout();
    for words in [
        "differs: images/0003.png",
        "2 differ, see above",
        "is not listed: ",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
}

#[test]
fn images_of_another_folder_or_left_out_are_not_missed_in_a_list() {
    let (bench, _) = listed();
    fs::remove_file(bench.small_source(9)).unwrap();
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    fs::write(bench.path("config.yml"), config + "\nONLY_PRESENT: true\n").unwrap();
    assert_eq!(counts(&sums(&bench, 0)), [9, 9, 0, 0, 0, 1]);

    // Reports with a list of their own, as MIMIC-CXR has them beside MIMIC-CXR-JPG.
    let bench = Bench::new();
    copy_tree(
        &golden().join("raw/mimic-cxr-jpg-2.0.0"),
        &bench.path("raw"),
    );
    let reports = bench.path("reports");
    fs::create_dir(&reports).unwrap();
    fs::write(reports.join("a.txt"), "FINDINGS: none").unwrap();
    let list = line(&reports, "a.txt", "  ");
    fs::write(reports.join("SHA256SUMS.txt"), list).unwrap();
    bench.write_config(
        "FRONTAL_ONLY: false\nIMAGE_SIZE: 64\nMIMIC_ROOT: raw\nMIMIC_REPORTS_ROOT: reports",
    );
    let ran = bench.run(&["check", "--sums", "--json"]);
    let document: Value = serde_json::from_str(&ran.stdout()).unwrap();
    let found = &document["datasets"][0]["sums"];
    assert_eq!(counts(&found[1]), [1, 1, 0, 0, 0, 0], "{found}");
}

#[test]
fn a_folder_that_datasets_share_is_compared_once() {
    let bench = Bench::sample(2);
    let masks = bench.path("masks");
    fs::create_dir(&masks).unwrap();
    fs::write(masks.join("CheXpert.csv"), "Path\n").unwrap();
    let list = line(&masks, "CheXpert.csv", "  ");
    fs::write(masks.join("SHA256SUMS.txt"), list).unwrap();
    let config = bench.path("config.yml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + "\nCHEXMASK_ROOT: masks\n").unwrap();
    let ran = bench.run(&["check", "--sums", "--json"]);
    let document: Value = serde_json::from_str(&ran.stdout()).unwrap();
    let datasets = document["datasets"].as_array().unwrap().iter();
    let all = datasets.flat_map(|dataset| dataset["sums"].as_array().unwrap());
    let shared = all.filter(|found| found["file"].as_str().unwrap().contains("/masks/"));
    let shared: Vec<&Value> = shared.collect();
    assert_eq!(shared.len(), 1);
    assert_eq!(counts(shared[0])[..2], [1, 1]);

    // A root is compared for its own dataset, even if it is also the folder of an option.
    fs::write(
        &config,
        fs::read_to_string(&config)
            .unwrap()
            .replace("CHEXMASK_ROOT: masks", "CHEXMASK_ROOT: raw/vindrcxr"),
    )
    .unwrap();
    let ran = bench.run(&["check", "--sums", "--json"]);
    let document: Value = serde_json::from_str(&ran.stdout()).unwrap();
    for dataset in document["datasets"].as_array().unwrap() {
        assert!(!dataset["sums"].as_array().unwrap().is_empty(), "{dataset}");
    }
}

#[test]
fn odd_files_and_lines_harm_nobody() {
    let (bench, list) = listed();
    // A pipe in the place of a file, which nobody writes to.
    fs::remove_file(bench.small_source(5)).unwrap();
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        bench.small_source(5),
        rustix::fs::Mode::RWXU,
    )
    .unwrap();
    let found = sums(&bench, 3);
    assert_eq!(counts(&found)[1..5], [8, 0, 0, 1], "{found}");
    fs::remove_file(bench.small_source(5)).unwrap();

    let path = bench.path("raw/SHA256SUMS.txt");
    for (text, words) in [
        (format!("{}x", "a".repeat(1 << 20)), "it has a line"),
        (
            format!("{list}{}  ../../etc/passwd\n", "0".repeat(64)),
            "1 lines are not",
        ),
        ("\n".to_owned(), "not one file was compared"),
    ] {
        fs::write(&path, text).unwrap();
        let text = bench.run(&["check", "--sums"]).expect_status(3).stdout();
        assert!(text.contains(words), "{words}:\n{text}");
    }
    fs::remove_file(&path).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
    let text = bench.run(&["check", "--sums"]).expect_status(3).stdout();
    assert!(
        text.contains("SHA256SUMS.txt: it is a pipe, not a file"),
        "{text}"
    );
}

#[test]
fn without_a_list_it_says_so() {
    let bench = Bench::small(3, "");
    let text = bench.run(&["check", "--sums"]).expect_status(3).stdout();
    assert!(text.contains("there is no "), "{text}");
    assert!(text.contains("No dataset has a SHA256SUMS.txt"), "{text}");
}
