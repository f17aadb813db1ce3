//! Files and lists that break the reference: here each fails alone, with its cause, and the rest
//! goes on.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Bench, golden};
use serde_json::Value;

fn fail(path: &str) -> PathBuf {
    golden().join("fails").join(path)
}

/// Number and cause of each failure of a run.
fn failures(bench: &Bench) -> Vec<(u64, String)> {
    let text = fs::read_to_string(bench.path("out.state/failures.jsonl")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|failure| {
            (
                failure["image"].as_u64().unwrap(),
                failure["cause"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

/// Copies the golden raw tree of one dataset, so that it can be changed.
fn copied(dataset: &str, key: &str) -> (Bench, PathBuf) {
    let bench = Bench::new();
    common::copy_tree(&golden().join("raw").join(dataset), &bench.path("raw"));
    bench.write_config(&format!("FRONTAL_ONLY: false\n{key}: raw"));
    let root = bench.path("raw");
    (bench, root)
}

fn index(bench: &Bench, dataset: &str) -> serde_json::Map<String, Value> {
    let path = bench.out().join(dataset).join("index.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_blank_list_line_is_skipped_and_a_trailing_blank_belongs_to_the_name() {
    let (bench, root) = copied("chex-ray14", "CHEXRAY14_ROOT");
    fs::copy(
        root.join("images/00014577_015.png"),
        root.join("images/00000001_000.png"),
    )
    .unwrap();
    let list = |name: &str| fs::read_to_string(fail(&format!("chex-ray14/{name}"))).unwrap();
    fs::write(
        root.join("train_val_list.txt"),
        list("train_val_list_blank_line.txt"),
    )
    .unwrap();
    bench.run(&["materialize"]).expect_status(0);
    fs::write(
        root.join("train_val_list.txt"),
        list("train_val_list_trailing_space.txt"),
    )
    .unwrap();
    // All that the new list names is missing, which looks like a disk that is not mounted.
    bench
        .run(&["materialize", "--allow-removal"])
        .expect_status(3);
    assert!(
        failures(&bench)
            .iter()
            .all(|(_, cause)| cause.contains("missing"))
    );
    assert!(!failures(&bench).is_empty());
}

#[test]
fn a_label_that_is_no_number_fails_its_image_alone() {
    let (bench, root) = copied("CheXpert-v1.0", "CHEXPERT_ROOT");
    fs::copy(
        fail("chexpert/train_text_label.csv"),
        root.join("train.csv"),
    )
    .unwrap();
    bench.run(&["materialize"]).expect_status(3);
    let failures = failures(&bench);
    assert!(
        failures
            .iter()
            .any(|(_, cause)| cause.contains("is not a number")),
        "{failures:?}"
    );
}

#[test]
fn an_empty_image_name_fails_alone() {
    let (bench, root) = copied("PADCHEST", "PADCHEST_ROOT");
    let list = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv";
    fs::copy(fail("padchest/empty_image_id.csv"), root.join(list)).unwrap();
    bench.run(&["materialize"]).expect_status(3);
    let failures = failures(&bench);
    assert!(
        failures.iter().any(|(_, cause)| cause.contains("empty")),
        "{failures:?}"
    );
}

#[test]
fn a_blank_subject_fails_its_image_alone() {
    let (bench, root) = copied("mimic-cxr-jpg-2.0.0", "MIMIC_ROOT");
    let good = {
        bench.run(&["materialize"]).expect_status(0);
        index(&bench, "mimic").len()
    };
    let list = root.join("mimic-cxr-2.0.0-metadata.csv");
    let text = fs::read_to_string(&list).unwrap();
    let header = text.lines().next().unwrap();
    let blank: Vec<String> = header
        .split(',')
        .map(|column| match column {
            "dicom_id" => "abc".to_owned(),
            "study_id" => "50000001".to_owned(),
            "ViewPosition" => "AP".to_owned(),
            _ => String::new(),
        })
        .collect();
    fs::write(&list, format!("{}\n{}\n", text.trim_end(), blank.join(","))).unwrap();
    bench.run(&["materialize"]).expect_status(3);
    assert_eq!(index(&bench, "mimic").len(), good);
    let failures = failures(&bench);
    assert!(
        matches!(failures.as_slice(), [(_, cause)] if cause.contains("subject_id is blank")),
        "{failures:?}"
    );

    // A blank in a row that is not taken harms none of the others.
    fs::copy(fail("mimic/metadata_blank_subject.csv"), &list).unwrap();
    bench
        .run(&["materialize", "--allow-removal"])
        .expect_status(0);
    assert_eq!(index(&bench, "mimic").len(), 1);
}

#[test]
fn a_report_in_another_encoding_is_read_with_a_warning() {
    let (bench, root) = copied("mimic-cxr-jpg-2.0.0", "MIMIC_ROOT");
    let study = root.join("files/p17/p17690991/s53916715");
    fs::copy(fail("mimic/report_latin1.txt"), study.with_extension("txt")).unwrap();
    let ran = bench.run(&["materialize"]).expect_status(0);
    let said = ran.stdout() + &ran.stderr();
    assert!(said.contains("s53916715.txt is not UTF-8"), "{said}");
    let entries = index(&bench, "mimic");
    let entry = entries
        .values()
        .find(|entry| entry["key"].as_str().unwrap().contains("s53916715"))
        .unwrap();
    assert!(!entry["report"].as_str().unwrap().is_empty());
}

/// Puts files of `fails/` beside good ones and expects each to fail, and no other.
fn expect_failures(tree: &str, key: &str, dataset: &str, folder: &str, files: &[(&str, &str)]) {
    let (bench, root) = copied(tree, key);
    bench.run(&["materialize"]).expect_status(0);
    let good = index(&bench, dataset).len();
    for (file, name) in files {
        fs::copy(fail(file), root.join(folder).join(name)).unwrap();
    }
    bench.run(&["materialize"]).expect_status(3);
    assert_eq!(
        failures(&bench).len(),
        files.len(),
        "{:?}",
        failures(&bench)
    );
    assert_eq!(index(&bench, dataset).len(), good);
    let first = &files[0].1;
    let check = bench.run(&["check", "--all"]);
    assert!(
        [0, 3].contains(&check.status()),
        "{first}: {}",
        check.stderr()
    );
}

#[test]
fn bad_dicom_files_fail_alone() {
    let files = [
        ("vindrcxr/multiframe.dicom", "m.dicom"),
        ("vindrcxr/short_pixel_data.dicom", "s.dicom"),
    ];
    expect_failures("VinDr-CXR", "VINDRCXR_ROOT", "vindrcxr", "train", &files);
    let stray = [("vindrcxr/stray.txt", "stray.dicom")];
    expect_failures("VinDr-CXR", "VINDRCXR_ROOT", "vindrcxr", "train", &stray);
}

#[test]
fn bad_pngs_and_jpegs_fail_alone() {
    expect_failures(
        "NLMCXR_png",
        "OPENI_ROOT",
        "openi",
        "",
        &[("openi/bad_header_crc.png", "x.png")],
    );
    let files = [
        ("objcxr/empty.jpg", "e.jpg"),
        ("objcxr/header_only.jpg", "h.jpg"),
    ];
    expect_failures("object-CXR", "OBJECTCXR_ROOT", "objcxr", "train", &files);
}

#[test]
fn what_the_reference_cannot_do_portably_is_rendered() {
    let (bench, root) = copied("VinDr-CXR", "VINDRCXR_ROOT");
    let before = || fs::read_dir(root.join("train")).unwrap().count();
    let count = before();
    for file in ["signed_wraps.dicom", "lossy_j2k.dicom"] {
        fs::copy(
            fail(&format!("vindrcxr/{file}")),
            root.join("train").join(file),
        )
        .unwrap();
    }
    bench.run(&["materialize"]).expect_status(0);
    assert_eq!(index(&bench, "vindrcxr").len(), count + 2);
}

#[test]
fn a_header_that_claims_too_much_is_refused_before_anything_is_allocated() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("raw/images")).unwrap();
    let mut png = fs::read(golden().join("raw/chex-ray14/images/00014577_015.png")).unwrap();
    png[16..24].copy_from_slice(&[0, 0, 255, 255, 0, 0, 255, 255]);
    let sum = {
        let mut crc = flate2::Crc::new();
        crc.update(&png[12..29]);
        crc.sum()
    };
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    fs::write(bench.path("raw/images/huge.png"), &png).unwrap();
    let mut jpeg = fs::read(golden().join("raw/object-CXR/train/79191.jpg")).unwrap();
    let frame = jpeg
        .windows(2)
        .position(|bytes| bytes == [0xff, 0xc0])
        .unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[255, 220, 255, 220]);
    fs::write(bench.path("raw/images/huge.jpg"), &jpeg).unwrap();
    fs::write(
        bench.path("raw/train_val_list.txt"),
        "huge.png\nhuge.jpg\n../../secret.png\n/etc/passwd\n",
    )
    .unwrap();
    bench.write_config("FRONTAL_ONLY: true\nCHEXRAY14_ROOT: raw");
    bench.run(&["materialize"]).expect_status(3);
    let causes: Vec<String> = failures(&bench)
        .into_iter()
        .map(|(_, cause)| cause)
        .collect();
    assert_eq!(causes.len(), 4, "{causes:?}");
    // In whatever order the workers met them.
    for words in ["512 megapixels", "outside"] {
        let count = causes.iter().filter(|cause| cause.contains(words)).count();
        assert_eq!(count, 2, "{words}: {causes:?}");
    }
    assert!(Path::new("/etc/passwd").exists());
}

#[test]
fn a_source_that_was_repaired_is_missing_and_no_longer_failed() {
    let (bench, root) = copied("object-CXR", "OBJECTCXR_ROOT");
    let bad = root.join("train/00000.jpg");
    fs::write(&bad, "").unwrap();
    bench
        .run(&["materialize", "--part", "1/1"])
        .expect_status(3);
    let finish = || bench.run(&["materialize", "--finish"]);
    let ran = finish().expect_status(3);
    assert_eq!(ran.summary_of("objcxr")[3], 1);
    fs::copy(root.join("train/79191.jpg"), &bad).unwrap();
    let ran = finish().expect_status(1);
    assert_eq!(ran.summary_of("objcxr")[3], 0);
    assert!(
        ran.stdout().contains("missing from the index: 000000"),
        "{}",
        ran.stdout()
    );
}

#[test]
fn two_lists_that_cannot_be_read_are_both_named() {
    let bench = Bench::new();
    fs::create_dir(bench.path("raw")).unwrap();
    bench.write_config("FRONTAL_ONLY: true\nCHEXPERT_ROOT: raw\nBRAX_ROOT: raw");
    let text = bench.run(&["materialize"]).expect_status(1).stderr();
    assert!(
        text.contains("train.csv") && text.contains("master_spreadsheet_update.csv"),
        "{text}"
    );
    assert!(!bench.out().exists(), "no work has begun");
}

#[test]
fn a_label_of_a_later_row_mends_an_earlier_one() {
    let (bench, root) = copied("CheXpert-v1.0", "CHEXPERT_ROOT");
    let text = fs::read_to_string(fail("chexpert/train_text_label.csv")).unwrap();
    let path = root.join("train/patient00001/study1/view1_frontal.jpg");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(
        root.join("train/patient01824/study2/view2_frontal.jpg"),
        path,
    )
    .unwrap();
    let row = text.lines().nth(1).unwrap().replace("yes", "1.0");
    fs::write(
        root.join("train.csv"),
        format!("{}\n{row}\n", text.trim_end()),
    )
    .unwrap();
    bench.run(&["materialize"]).expect_status(0);
    assert_eq!(index(&bench, "chexpert").len(), 1);
}
