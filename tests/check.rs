//! `machex check` as a user and a script meet it.

mod common;

use std::fs;
use std::process::Stdio;

use common::Bench;
use machex::datasets::ALL;
use serde_json::Value;

fn sample() -> Bench {
    let bench = Bench::new();
    bench
        .run(&["sample", ".", "--images", "4"])
        .expect_status(0);
    bench
}

fn json(bench: &Bench, status: i32) -> Value {
    let ran = bench
        .run(&["check", "--json", "--all"])
        .expect_status(status);
    serde_json::from_str(&ran.stdout()).unwrap()
}

fn report<'a>(json: &'a Value, dataset: &str) -> &'a Value {
    let reports = json["datasets"].as_array().unwrap();
    reports
        .iter()
        .find(|report| report["dataset"] == dataset)
        .unwrap()
}

#[test]
fn a_good_tree_is_good() {
    let bench = sample();
    let ran = bench.run(&["check"]).expect_status(0);
    let files = 4 * ALL.len();
    let end = format!(
        "All {files} files are there; one image of each dataset was decoded (--decode decodes all)."
    );
    assert!(
        ran.stdout().ends_with(&format!("\n{end}\n")),
        "{}",
        ran.stdout()
    );
    let json = json(&bench, 0);
    assert_eq!(json["datasets"].as_array().unwrap().len(), ALL.len());
    let report = report(&json, "chexpert");
    assert_eq!(
        (&report["frontal"], &report["lateral"]),
        (&3.into(), &1.into())
    );
    assert_eq!(report["looked_for"], 4);
    assert!(
        report["proof"]["format"]
            .as_str()
            .unwrap()
            .starts_with("JPEG, ")
    );
    assert!(!bench.path("machex").exists(), "a check writes no tree");
}

#[test]
fn missing_files_are_counted_and_the_first_are_named() {
    let bench = sample();
    let images = bench.path("raw/chex-ray14/images");
    for entry in fs::read_dir(&images).unwrap().take(3) {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let json = json(&bench, 3);
    let report = report(&json, "chex-ray14");
    assert_eq!(
        (&report["missing"], &report["images"]),
        (&3.into(), &4.into())
    );
    assert_eq!(report["missing_examples"].as_array().unwrap().len(), 3);
    let ran = bench.run(&["check"]).expect_status(3);
    assert!(ran.stdout().contains("chex-ray14"), "{}", ran.stdout());
}

#[test]
fn a_list_that_cannot_be_read_is_an_error_of_that_dataset_alone() {
    let bench = sample();
    fs::remove_file(bench.path("raw/mimic/mimic-cxr-2.0.0-chexpert.csv")).unwrap();
    fs::write(
        bench.path("raw/brax/master_spreadsheet_update.csv"),
        "PngPath\nx\n",
    )
    .unwrap();
    fs::write(bench.path("raw/chexpert/train.csv"), "Path\n1,2\n").unwrap();
    let json = json(&bench, 3);
    let error = |dataset| report(&json, dataset)["error"].as_str().unwrap().to_owned();
    assert!(
        error("mimic").contains("mimic-cxr-2.0.0-chexpert.csv"),
        "{}",
        error("mimic")
    );
    assert!(error("mimic").contains("MIMIC_ROOT"), "{}", error("mimic"));
    assert!(error("brax").contains("ViewPosition"), "{}", error("brax"));
    assert!(
        error("chexpert").contains("Enlarged Cardiomediastinum"),
        "{}",
        error("chexpert")
    );
    assert!(report(&json, "padchest")["error"].is_null());
}

#[test]
fn an_empty_folder_and_reports_that_are_nowhere_are_pointed_out() {
    let bench = sample();
    fs::create_dir(bench.path("nothing")).unwrap();
    fs::remove_dir_all(bench.path("raw/objcxr/train")).unwrap();
    fs::create_dir(bench.path("raw/objcxr/train")).unwrap();
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    fs::write(
        bench.path("config.yml"),
        config + "MIMIC_REPORTS_ROOT: nothing\n",
    )
    .unwrap();
    let json = json(&bench, 3);
    let warning = |dataset| {
        report(&json, dataset)["warnings"][0]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let empty = report(&json, "objcxr")["empty"].as_str().unwrap();
    assert!(
        empty.contains("no images") && empty.contains("no files"),
        "{empty}"
    );
    assert!(
        warning("mimic").contains("has a report"),
        "{}",
        warning("mimic")
    );
}

#[test]
fn a_reader_that_goes_away_does_not_hide_a_failure() {
    let bench = sample();
    fs::remove_dir_all(bench.path("raw/rsna/stage_2_train_images_jpg")).unwrap();
    // `materialize` cannot even begin.
    for (command, status) in [("check", 3), ("materialize", 1)] {
        let mut child = bench
            .command(&[command])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(status), "{command}");
    }
}

#[test]
fn an_image_that_cannot_be_decoded_fails_the_check() {
    let bench = sample();
    for entry in fs::read_dir(bench.path("raw/objcxr/train")).unwrap() {
        fs::write(entry.unwrap().path(), "no image").unwrap();
    }
    let json = json(&bench, 3);
    assert!(report(&json, "objcxr")["proof"]["error"].is_string());
}
