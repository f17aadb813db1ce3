//! `machex sample`: trees that can be tried at once, always the same for the same seed.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;

use common::{Bench, Ran, files_below};
use machex::datasets::ALL;

#[test]
fn a_sample_can_be_rendered_without_a_failure() {
    let bench = Bench::new();
    bench.run(&["sample", "s"]).expect_status(0);
    let ran = bench.run(&["materialize", "s/config.yml"]).expect_status(0);
    for dataset in ["chex-ray14", "vindrcxr", "siim", "objcxr"] {
        assert_eq!(ran.summary_of(dataset), [8, 8, 0, 0]);
    }
    assert_eq!(
        fs::read_dir(bench.path("s/machex")).unwrap().count(),
        ALL.len()
    );
}

#[test]
fn the_seed_decides_the_images() {
    let bench = Bench::new();
    let write = |folder: &str, seed: &str| {
        bench
            .run(&["sample", folder, "--images", "2", "--seed", seed])
            .expect_status(0);
        let root = bench.path(folder).join("raw");
        let files = files_below(&root);
        files
            .iter()
            .map(|file| (file.clone(), fs::read(root.join(file)).unwrap()))
            .collect::<Vec<_>>()
    };
    let first = write("a", "1");
    assert!(first == write("b", "1"));
    assert!(first != write("c", "2"));
    // An earlier sample is replaced.
    assert!(write("c", "1") == first);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let bench = Bench::new();
    let write = |folder: &str, more: &[&str]| {
        let arguments = [&["sample", folder, "--images", "4"], more].concat();
        bench.run(&arguments).expect_status(0);
        let root = bench.path(folder);
        let files = files_below(&root).into_iter();
        files
            .map(|file| (fs::read(root.join(&file)).unwrap(), file))
            .collect::<Vec<_>>()
    };
    for more in [&[][..], &["--hard-link"]] {
        let with = |folder: &str, workers| write(folder, &[&["--workers", workers], more].concat());
        let alone = with("a", "1");
        assert!(alone.len() > 4 * ALL.len());
        for workers in ["2", "7"] {
            assert!(with("b", workers) == alone, "{workers} {more:?}");
        }
        assert!(write("c", more) == alone, "{more:?}");
    }
}

#[test]
fn what_to_try_next_can_be_pasted() {
    let bench = Bench::new();
    let ran = bench
        .run(&["sample", "my 'own' sample", "--images", "2"])
        .expect_status(0);
    let text = ran.stdout();
    assert!(
        text.starts_with("Wrote 20 images of 10 datasets, "),
        "{text}"
    );
    let (_, lines) = text.split_once("Now try:\n").unwrap();
    for line in lines.lines().map(str::trim) {
        if std::env::var_os("MACHEX_SKIP_FUSE").is_some() && line.contains("mount ") {
            println!("NOT TESTED: {line}");
            continue;
        }
        let mut shell = bench.command_below(&["sh", "-c", line], &[]);
        Ran::of(&mut shell).expect_status(0);
    }
    assert!(bench.path("my 'own' sample/report.html").exists());
    assert!(
        bench
            .path("my 'own' sample/machex/openi/index.json")
            .exists()
    );
}

#[test]
fn where_no_sample_can_be_written_another_place_is_named() {
    let bench = Bench::new();
    fs::write(bench.path("file"), "mine").unwrap();
    for (folder, words) in [
        (".", "machex sample ./sample"),
        (
            "file",
            "file is not a folder; give a new one, such as: machex sample sample",
        ),
        ("/proc/sample", "give a folder that you can write to"),
    ] {
        let said = bench.run(&["sample", folder]).expect_status(1).stderr();
        assert!(said.contains(words), "{said}");
    }
    let none = bench
        .run(&["sample", "s", "--images", "0"])
        .expect_status(2);
    assert!(none.stderr().contains("from 1"), "{}", none.stderr());
}

#[test]
fn hard_links_repeat_a_few_files() {
    let bench = Bench::new();
    bench
        .run(&["sample", "s", "--images", "40", "--hard-link"])
        .expect_status(0);
    let images = files_below(&bench.path("s/raw/rsna"));
    assert_eq!(images.len(), 40);
    let inodes = images.iter().map(|image| {
        fs::metadata(bench.path("s/raw/rsna").join(image))
            .unwrap()
            .ino()
    });
    assert!(inodes.collect::<std::collections::BTreeSet<_>>().len() <= 4);
}

#[test]
fn nothing_of_the_users_is_overwritten() {
    let bench = Bench::new();
    fs::create_dir(bench.path("mine")).unwrap();
    fs::write(bench.path("mine/config.yml"), "MACHEX_PATH: x\n").unwrap();
    let ran = bench.run(&["sample", "mine"]).expect_status(1);
    assert!(ran.stderr().contains("not a sample"), "{}", ran.stderr());
    assert_eq!(
        fs::read_to_string(bench.path("mine/config.yml")).unwrap(),
        "MACHEX_PATH: x\n"
    );
}
