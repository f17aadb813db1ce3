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

/// The lists that are there, and those that are not, of one dataset.
fn lists(json: &Value, dataset: &str) -> (Vec<String>, Vec<String>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for file in report(json, dataset)["metadata"].as_array().unwrap() {
        assert!(!file["adds"].as_str().unwrap().is_empty());
        let list = file["list"].as_str().unwrap().to_owned();
        match file["found"].as_str() {
            Some(path) => {
                assert!(fs::exists(path).unwrap(), "{path}");
                found.push(list);
            }
            None => missing.push(list),
        }
    }
    (found, missing)
}

#[test]
fn lists_for_the_metadata_are_named_and_none_has_to_be_there() {
    let bench = sample();
    let all = json(&bench, 0);
    for dataset in ALL {
        let (found, missing) = lists(&all, dataset.folder());
        // What the sample does not have.
        let expected: &[&str] = match dataset.folder() {
            "chex-ray14" => &[
                "google2019_nih-chest-xray-labels.csv",
                "OriginalResolution/ChestX-Ray8.csv",
            ],
            "chexpert" => &["OriginalResolution/CheXpert.csv"],
            "padchest" => &["OriginalResolution/Padchest.csv"],
            "mimic" => &["OriginalResolution/MIMIC-CXR-JPG.csv"],
            "vindrcxr" => &["OriginalResolution/VinDr-CXR.csv"],
            "siim" => &["pneumonia-challenge-dataset-mappings_2018.json"],
            _ => &[],
        };
        assert_eq!(missing, expected);
        assert!(!found.is_empty());
    }
    let said = bench.run(&["check"]).expect_status(0).stdout();
    for line in [
        "\nchexpert: metadata: train.csv\n",
        "\nvindrcxr: metadata: annotations/image_labels_train.csv, annotations/annotations_train.csv\n",
        "\n  not there: google2019_nih-chest-xray-labels.csv: fracture and lung opacity of 4,376 images",
        "\nopeni: metadata: ecgen-radiology/, nlmcxr_dicom_metadata.csv, indiana_projections.csv\n",
    ] {
        assert!(said.contains(line), "no {line:?} in:\n{said}");
    }

    let raw = |name: &str| bench.path("raw").join(name);
    // A file is no folder of reports, and a folder is no list.
    fs::remove_dir_all(raw("openi/ecgen-radiology")).unwrap();
    fs::write(raw("openi/ecgen-radiology"), "").unwrap();
    fs::remove_file(raw("objcxr/train.csv")).unwrap();
    fs::create_dir(raw("objcxr/train.csv")).unwrap();
    fs::remove_file(raw("siim/train-rle.csv")).unwrap();
    fs::write(raw("siim/stage_2_train.csv.gz"), "").unwrap();
    fs::rename(
        raw("mimic/mimic-cxr-2.0.0-split.csv"),
        raw("mimic/split.csv"),
    )
    .unwrap();
    let some = json(&bench, 0);
    let missing = |dataset| lists(&some, dataset).1;
    assert_eq!(
        missing("openi"),
        ["ecgen-radiology/", "indiana_reports.csv"]
    );
    assert_eq!(missing("objcxr"), ["train.csv"]);
    assert_eq!(lists(&some, "siim").0, ["train-rle.csv"]);
    assert_eq!(
        missing("mimic"),
        [
            "mimic-cxr-2.0.0-split.csv",
            "OriginalResolution/MIMIC-CXR-JPG.csv"
        ]
    );
}

#[test]
fn lists_of_another_edition_are_not_missed() {
    let bench = sample();
    let path = bench.path("raw/vindrcxr/VinDr-CXR.csv.gz");
    fs::write(&path, "").unwrap();
    let folder = bench.path("raw/vindrcxr/annotations");
    let both = [
        "annotations/image_labels_train.csv",
        "annotations/annotations_train.csv",
    ];
    let (found, missing) = lists(&json(&bench, 0), "vindrcxr");
    let masks = "OriginalResolution/VinDr-CXR.csv";
    assert_eq!(found, [both[0], both[1], masks], "{missing:?}");
    fs::remove_file(&path).unwrap();
    fs::remove_file(folder.join("annotations_train.csv")).unwrap();
    let (found, missing) = lists(&json(&bench, 0), "vindrcxr");
    assert_eq!(
        (found, missing),
        (
            vec![both[0].to_owned()],
            vec![both[1].to_owned(), masks.to_owned()]
        )
    );
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(lists(&json(&bench, 0), "vindrcxr").1.len(), 4);
    fs::write(bench.path("raw/vindrcxr/train.csv"), "image_id\n").unwrap();
    let (found, missing) = lists(&json(&bench, 0), "vindrcxr");
    assert_eq!(
        (found, missing),
        (vec!["train.csv".to_owned()], vec![masks.to_owned()])
    );
}
