//! Config files as a user writes them, rightly and wrongly.

mod common;

use std::fs;

use common::Bench;

/// What `materialize --dry-run` says of a config that it refuses.
fn complaint(config: &str) -> String {
    let bench = Bench::new();
    fs::create_dir(bench.path("raw")).unwrap();
    fs::write(bench.path("raw/train_val_list.txt"), "").unwrap();
    fs::create_dir(bench.path("raw/images")).unwrap();
    fs::write(bench.path("config.yml"), config).unwrap();
    bench
        .run(&["materialize", "--dry-run"])
        .expect_status(1)
        .stderr()
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = complaint(
        "MACHEX_PAHT: out\nNUM_WORKERS: many\nFRONTAL_ONLY: maybe\nCHEXRAY14_ROOT: raw\n\
         MIMIC_ROOT: /no/such/place\nCACHE_SIZE: 12 parsecs\nIMAGE_SIZE: 0\nJPEG_QUALITY: 101\n\
         LISTING_PROGRAMS: ls\n",
    );
    for expected in [
        "9 problems",
        "MACHEX_PAHT: out: unknown key; the nearest known key is MACHEX_PATH",
        "MACHEX_PATH is missing",
        "NUM_WORKERS: many is not a whole number",
        "FRONTAL_ONLY: maybe is not true or false",
        "MIMIC_ROOT: /no/such/place does not exist",
        "CACHE_SIZE: 12 parsecs is not a size such as 200GiB",
        "IMAGE_SIZE: 0 is not",
        "JPEG_QUALITY: 101 is not",
        "LISTING_PROGRAMS: ls is not a list",
    ] {
        assert!(text.contains(expected), "no \"{expected}\" in:\n{text}");
    }
}

#[test]
fn no_dataset_at_all_is_an_error() {
    let text = complaint("MACHEX_PATH: out\nFRONTAL_ONLY: true\nMIMIC_ROOT: null\n");
    assert!(text.contains("No datasets were specified"), "{text}");
}

#[test]
fn the_tree_is_not_written_into_raw_data() {
    let text = complaint("MACHEX_PATH: raw\nFRONTAL_ONLY: true\nCHEXRAY14_ROOT: ./raw/\n");
    assert!(text.contains("CHEXRAY14_ROOT"), "{text}");
}

#[test]
fn the_tree_is_not_written_over_raw_data_that_has_a_datasets_name() {
    let bench = Bench::new();
    for folder in ["data/openi", "cache"] {
        fs::create_dir_all(bench.path(folder)).unwrap();
    }
    std::os::unix::fs::symlink(bench.path("data"), bench.path("link")).unwrap();
    for machex_path in ["data", "link"] {
        let config =
            format!("MACHEX_PATH: {machex_path}\nFRONTAL_ONLY: false\nOPENI_ROOT: data/openi\n");
        fs::write(bench.path("config.yml"), config).unwrap();
        let text = bench.run(&["materialize"]).expect_status(1).stderr();
        assert!(text.contains("OPENI_ROOT"), "{text}");
    }
    let config =
        "MACHEX_PATH: out\nCACHE_PATH: out/cache\nFRONTAL_ONLY: false\nOPENI_ROOT: data/openi\n";
    fs::write(bench.path("config.yml"), config).unwrap();
    assert!(
        bench
            .run(&["check"])
            .expect_status(1)
            .stderr()
            .contains("CACHE_PATH")
    );
}

#[test]
fn neither_tree_nor_records_nor_cache_lie_among_raw_images() {
    let bench = Bench::new();
    for folder in ["raw", "reports", "elsewhere", "vindr/train"] {
        fs::create_dir_all(bench.path(folder)).unwrap();
    }
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(bench.path(to), bench.path(name)).unwrap();
    };
    link("raw", "link");
    link("elsewhere", "raw/tree");
    let complaint = |machex_path: &str, cache_path: &str| {
        let config = format!(
            "MACHEX_PATH: {machex_path}\nCACHE_PATH: {cache_path}\nFRONTAL_ONLY: false\n\
             OPENI_ROOT: raw\nVINDRCXR_ROOT: vindr\nMIMIC_ROOT: elsewhere\n\
             MIMIC_REPORTS_ROOT: reports\n"
        );
        fs::write(bench.path("config.yml"), config).unwrap();
        bench.run(&["check"]).stderr()
    };
    for (machex_path, cache_path, key, of) in [
        ("raw/out", "cache", "MACHEX_PATH", "OPENI_ROOT"),
        ("link/deep/out", "cache", "MACHEX_PATH", "OPENI_ROOT"),
        ("reports/out", "cache", "MACHEX_PATH", "MIMIC_REPORTS_ROOT"),
        ("vindr/train/x", "cache", "MACHEX_PATH", "VINDRCXR_ROOT"),
        ("out", "raw/cache", "CACHE_PATH", "OPENI_ROOT"),
        ("out", "vindr/train/cache", "CACHE_PATH", "VINDRCXR_ROOT"),
    ] {
        let text = complaint(machex_path, cache_path);
        let line = text.lines().find(|line| line.contains(&format!("{key}: ")));
        assert!(
            line.is_some_and(|line| line.contains(of)),
            "{machex_path}: {text}"
        );
    }
    // Beside the images that are listed, a cache harms nothing.
    let text = complaint("out", "vindr/cache");
    assert!(!text.contains("CACHE_PATH"), "{text}");
    // The link leads out of the raw folder, but the records would lie beside it.
    fs::remove_file(bench.path("raw/tree")).unwrap();
    fs::create_dir(bench.path("tree")).unwrap();
    link("tree", "raw/tree");
    let text = complaint("raw/tree", "cache");
    assert!(
        text.contains("remembers") && text.contains("OPENI_ROOT"),
        "{text}"
    );
}

#[test]
fn a_byte_order_mark_is_accepted() {
    assert!(
        complaint("\u{feff}MACHEX_PATH: out\r\nFRONTAL_ONLY: true\r\n").contains("No datasets")
    );
}

#[test]
fn what_is_no_config_is_said_to_be_none() {
    assert!(complaint("- a\n- b\n").contains("KEY: value"));
    assert!(complaint("a: [b\n").contains("not valid YAML"));
    let bench = Bench::new();
    let text = bench.run(&["check"]).expect_status(1).stderr();
    assert!(text.contains("config.yml"), "{text}");
}

#[test]
fn a_broken_config_is_told_with_its_line() {
    for (text, expected) in [
        (
            "MACHEX_PATH: out\nFRONTAL_ONLY: [true\nX: y\n",
            "at line 3 column 2",
        ),
        (
            "MACHEX_PATH: out\n\tFRONTAL_ONLY: true\n",
            "at line 2 column 1",
        ),
        (
            "MACHEX_PATH: out\nFRONTAL_ONLY: true: x\n",
            "at line 2 column 19",
        ),
        (
            "MACHEX_PATH: out\nFRONTAL_ONLY: *x\n",
            "at line 2 column 15",
        ),
        (
            "MACHEX_PATH: out\n# a\nFRONTAL_ONLY: true\nMACHEX_PATH: in\n",
            "MACHEX_PATH is set twice: in line 1 and in line 4",
        ),
    ] {
        let text = complaint(text);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn the_example_has_every_key_and_is_valid_but_for_the_missing_datasets() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config.yml");
    let text = fs::read_to_string(example).unwrap();
    assert!(complaint(&text).contains("No datasets were specified"));
    // Switched on, what is commented out is valid, too: keys are in capitals, prose is not.
    let is_key = |line: &&str| {
        line.split(':').next().is_some_and(|key| {
            line.contains(": ")
                && key
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        })
    };
    let all: String = text
        .lines()
        .map(|line| line.trim_start_matches("# "))
        .filter(is_key)
        .map(|line| format!("{line}\n"))
        .collect();
    for key in [
        "CACHE_SIZE",
        "MIMIC_REPORTS_ROOT",
        "LISTING_PROGRAMS",
        "PADCHEST_STRICT_VETO",
    ] {
        assert!(all.contains(&format!("{key}: ")), "{key}");
    }
    assert!(
        complaint(&all).contains("No datasets were specified"),
        "{}",
        complaint(&all)
    );
}

#[test]
fn paths_are_taken_from_the_configs_own_folder() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("a/raw/images")).unwrap();
    fs::write(bench.path("a/raw/train_val_list.txt"), "").unwrap();
    fs::write(
        bench.path("a/c.yml"),
        "MACHEX_PATH: ../out\nFRONTAL_ONLY: yes\nCACHE_PATH: cache\nCHEXRAY14_ROOT: raw\n",
    )
    .unwrap();
    // Without an image: status 3, and an index all the same.
    bench.run(&["materialize", "a/c.yml"]).expect_status(3);
    assert_eq!(
        fs::read_to_string(bench.out().join("chex-ray14/index.json")).unwrap(),
        "{}"
    );
    assert!(bench.path("a/../out.state").is_dir());
}

#[test]
fn a_config_without_end_is_not_read() {
    let bench = Bench::new();
    for arguments in [["check", "/dev/zero"], ["materialize", "/dev/zero"]] {
        let ran = bench.run(&arguments).expect_status(1);
        let said = "1.00 MiB are too many: at most 1.00 MiB are read";
        assert!(ran.stderr().contains(said), "{}", ran.stderr());
    }
}
