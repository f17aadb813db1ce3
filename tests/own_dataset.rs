//! A program with a dataset of its own, `examples/own_dataset.rs`, from the sample to the mount.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::mounted::{Mounted, skips_fuse};
use common::{Bench, files_below};
use machex::datasets;
use serde_json::Value;

/// Images of each dataset in the sample.
const IMAGES: usize = 5;

/// The example, built as this test is: `cargo test --test own_dataset` alone does not build it.
fn program() -> PathBuf {
    let profile = Path::new(env!("CARGO_BIN_EXE_machex")).parent().unwrap();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--example", "own_dataset"]);
    build.arg("--target-dir").arg(profile.parent().unwrap());
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(build.status().unwrap().success());
    profile.join("examples/own_dataset")
}

/// A sample of all datasets that the example knows.
fn sample() -> Bench {
    let bench = Bench::of_program(program());
    bench
        .run(&["sample", ".", "--images", &IMAGES.to_string()])
        .expect_status(0);
    bench
}

/// The keys of an `index.json`, in its order.
fn keys(index: &[u8]) -> Vec<String> {
    let index: Value = serde_json::from_slice(index).unwrap();
    let entries = index.as_object().unwrap().values();
    let keys = entries.map(|entry| entry["key"].as_str().unwrap().to_owned());
    keys.collect()
}

#[test]
fn the_dataset_is_sampled_checked_and_materialized_like_all_others() {
    let bench = sample();
    let ran = bench.run(&["check"]).expect_status(0);
    let all = datasets::ALL.iter().map(|dataset| dataset.folder());
    for dataset in all.chain(["clinic"]) {
        assert!(ran.stdout().contains(dataset), "{}", ran.stdout());
    }
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of("clinic"), [5, 5, 0, 0]);
    let index = fs::read(bench.path("machex/clinic/index.json")).unwrap();
    let expected = ["p0001_1", "p0001_2", "p0001_3", "p0002_1", "p0002_2"];
    assert_eq!(keys(&index), expected.map(|key| format!("{key}.png")));
    // The second and the last are lateral.
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    let config = config
        .replace("FRONTAL_ONLY: false", "FRONTAL_ONLY: true")
        .replace("MACHEX_PATH: machex", "MACHEX_PATH: frontal");
    fs::write(bench.path("config.yml"), config).unwrap();
    let ran = bench.run(&["materialize", "--dataset", "clinic"]);
    assert_eq!(ran.expect_status(0).summary_of("clinic"), [3, 3, 0, 0]);
}

#[test]
fn a_mount_has_the_materialized_images_and_the_inodes_of_the_datasets_number() {
    if skips_fuse("a mount of a dataset of one's own") {
        return;
    }
    let bench = sample();
    bench
        .run(&["materialize", "--dataset", "clinic"])
        .expect_status(0);
    // Elsewhere, so that the mount renders the images itself.
    fs::rename(bench.path("machex"), bench.path("materialized")).unwrap();
    fs::remove_dir_all(bench.path("machex.state")).unwrap();
    let mounted = Mounted::new(&bench, &[]);
    let expected = files_below(&bench.path("materialized/clinic"));
    assert_eq!(files_below(&mounted.path("clinic")), expected);
    let images = expected.iter().filter(|name| name.ends_with(".jpg"));
    for image in images.clone() {
        let expected = fs::read(bench.path("materialized/clinic").join(image)).unwrap();
        assert!(
            mounted.read(&format!("clinic/{image}")) == expected,
            "{image}"
        );
    }
    assert_eq!(images.count(), IMAGES);
    assert_eq!(mounted.renders(), IMAGES as u64);
    assert_eq!(
        keys(&mounted.read("clinic/index.json")),
        keys(&fs::read(bench.path("materialized/clinic/index.json")).unwrap())
    );
    let inode = |path: &str| fs::metadata(mounted.path(path)).unwrap().ino();
    assert_eq!(inode("clinic"), 11 << 24);
    assert_eq!(inode("clinic/index.json"), 11 << 24 | 1 << 20);
    assert_eq!(inode("clinic/00"), 11 << 24 | 2 << 20);
    assert_eq!(inode("clinic/00/000003.jpg"), 11 << 24 | 3 << 20 | 3);
    assert_eq!(inode("openi"), 8 << 24);
}

#[test]
fn config_keys_are_those_of_the_program() {
    let bench = sample();
    // The example of a config has the key among the roots.
    let example = bench.run(&["config"]).expect_status(0).stdout();
    let root = "# the clinic's radiographs\nCLINIC_ROOT: null\n";
    let place = example.find(root).unwrap();
    assert!(place < example.find("is optional").unwrap(), "{example}");
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    fs::write(
        bench.path("typo.yml"),
        format!("{config}CLINIC_ROTO: raw\n"),
    )
    .unwrap();
    let text = bench.run(&["check", "typo.yml"]).expect_status(1).stderr();
    assert!(
        text.contains("CLINIC_ROTO: raw: unknown key; the nearest known key is CLINIC_ROOT"),
        "{text}"
    );
    // machex itself does not know the key.
    let ran = common::Ran::of(
        Command::new(env!("CARGO_BIN_EXE_machex"))
            .arg("check")
            .arg(bench.path("config.yml")),
    );
    let text = ran.expect_status(1).stderr();
    assert!(
        text.contains("CLINIC_ROOT: raw/clinic: unknown key"),
        "{text}"
    );
}

#[test]
fn a_root_of_another_dataset_is_told() {
    let bench = sample();
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    let config = config.replace(
        "CHEXRAY14_ROOT: raw/chex-ray14",
        "CHEXRAY14_ROOT: raw/clinic",
    );
    fs::write(bench.path("config.yml"), config).unwrap();
    let ran = bench.run(&["check"]).expect_status(3);
    let said = "looks like that of the clinic's radiographs, whose key is CLINIC_ROOT";
    assert!(ran.stdout().contains(said), "{}", ran.stdout());
}

#[test]
fn the_program_lists_its_datasets_and_where_patients_are_from() {
    let bench = Bench::of_program(program());
    let table = bench.run(&["datasets"]).expect_status(0).stdout();
    let row = |folder: &str| {
        let row = table.lines().find(|line| line.starts_with(folder));
        let words = row.unwrap_or_else(|| panic!("{folder} in:\n{table}"));
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let rows = table.lines().take_while(|line| !line.is_empty()).count();
    assert_eq!(rows, 1 + datasets::ALL.len() + 1);
    assert_eq!(
        row("clinic"),
        "clinic the clinic's radiographs CLINIC_ROOT 12,000 in the key"
    );
    assert!(row("rsna").ends_with("RSNA_ROOT 26,684 not known"));
    assert!(row("padchest").ends_with("PADCHEST_ROOT 160,861 in a list"));
    assert!(
        table.contains(
            "\npadchest: the patient of an image is in the column PatientID of PADCHEST_"
        )
    );
    let document = bench.run(&["datasets", "--json"]).expect_status(0);
    let document: Value = serde_json::from_slice(document.bytes()).unwrap();
    let listed = document["datasets"].as_array().unwrap();
    assert_eq!(
        listed.last().unwrap(),
        &serde_json::json!({
            "number": 11,
            "folder": "clinic",
            "title": "the clinic's radiographs",
            "root_key": "CLINIC_ROOT",
            "images": 12_000,
            "patients": { "in_key": r"^p(\d+)_" },
            "patient_pool": null,
        })
    );
    let of = |folder: &str| listed.iter().find(|each| each["folder"] == folder).unwrap();
    assert_eq!(of("padchest")["patients"]["in_list"]["image"], "ImageID");
    assert_eq!(of("vindrcxr")["patients"], "unknown");
    assert_eq!(of("siim")["patient_pool"], of("chex-ray14")["patient_pool"]);
}
