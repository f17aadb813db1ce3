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
        "line 1: MACHEX_PAHT: out: unknown key; the nearest known key is MACHEX_PATH",
        "MACHEX_PATH is missing",
        "line 2: NUM_WORKERS: many is not a whole number from 1 to 4096",
        "line 3: FRONTAL_ONLY: maybe is not true or false",
        "line 5: MIMIC_ROOT: /no/such/place does not exist",
        "line 6: CACHE_SIZE: 12 parsecs is not a size such as 200GiB",
        "line 7: IMAGE_SIZE: 0 is not a whole number from 1 to 65500",
        "line 8: JPEG_QUALITY: 101 is not a whole number from 1 to 100",
        "line 9: LISTING_PROGRAMS: ls is not a list of names such as [ls, find]",
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
fn a_cache_that_is_too_small_is_refused_or_doubted() {
    let head = "MACHEX_PATH: out\nFRONTAL_ONLY: true\nCHEXRAY14_ROOT: raw\n";
    let text = complaint(&format!("{head}CACHE_SIZE: 200\n"));
    let expected = "line 4: CACHE_SIZE: 200 B has no room for a single image";
    assert!(text.contains(expected), "{text}");

    let bench = Bench::small(1, "CACHE_SIZE: 10MiB\n");
    let text = bench.run(&["check"]).expect_status(0).stderr();
    let doubt = "CACHE_SIZE: 10.00 MiB has room for about 33 images";
    assert_eq!(text.matches(doubt).count(), 1, "{text}");
    let mounting = ["mount", "--fake", "config.yml", "out"];
    let text = bench.run(&mounting).expect_status(0).stderr();
    assert_eq!(text.matches(doubt).count(), 1, "{text}");
    let mounting = [&mounting[..], &["--cache-size", "1000"]].concat();
    let text = bench.run(&mounting).expect_status(1).stderr();
    assert!(text.contains("--cache-size: 1000 B has no room"), "{text}");
    let mounting = [
        "mount",
        "--fake",
        "config.yml",
        "out",
        "--cache-size",
        "1GiB",
    ];
    let text = bench.run(&mounting).expect_status(0).stderr();
    assert!(text.is_empty(), "{text}");
}

#[test]
fn a_key_is_named_only_if_it_is_near() {
    let head = "MACHEX_PATH: out\nFRONTAL_ONLY: true\nCHEXRAY14_ROOT: raw\n";
    let text = complaint(&format!("{head}CHEXPERT: null\nSEED: 4\n"));
    for expected in [
        "line 4: CHEXPERT: null: unknown key; the nearest known key is CHEXPERT_ROOT",
        "line 5: SEED: 4: unknown key; \"machex config\" shows all keys",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}
