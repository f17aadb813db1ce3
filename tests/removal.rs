//! Sources that have gone: what was made of them stays until a user says that it may go.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::mounted::{Mounted, skips_fuse};
use common::{Bench, copy_tree, files_below, golden, write_png};

const REFUSED: &str = "--allow-removal";

/// The guard counts images of all views: these must not depend on what of them is taken.
#[test]
fn how_many_images_lists_hold_does_not_depend_on_frontal_only() {
    let counts = |frontal_only| {
        let bench = Bench::golden(frontal_only, "");
        let config =
            machex::config::Config::load(&bench.path("config.yml"), machex::datasets::ALL).unwrap();
        let count = |tree: &machex::datasets::RawTree| {
            let catalog = machex::datasets::load(tree, None).unwrap();
            let views = catalog.views();
            let all = views.frontal + views.lateral + views.other;
            assert!(all >= catalog.len(), "{}", tree.dataset.folder());
            (tree.dataset.folder(), all)
        };
        config.trees.iter().map(count).collect::<Vec<_>>()
    };
    let frontal = counts(true);
    assert!(!frontal.is_empty());
    assert_eq!(frontal, counts(false));
}

/// A config over a folder of that many images, which are numbered as the folder is listed.
fn folder(count: u32, extra: &str) -> Bench {
    let bench = Bench::new();
    fs::create_dir(bench.path("raw")).unwrap();
    for number in 0..count {
        write_png(
            &bench.path(&format!("raw/{number}.png")),
            40,
            40,
            number as u8,
        );
    }
    bench.write_config(&format!(
        "FRONTAL_ONLY: false\nIMAGE_SIZE: 32\nOPENI_ROOT: raw\n{extra}"
    ));
    bench
}

/// A config over a list of that many images.
fn list(count: u32) -> Bench {
    Bench::small(count, "IMAGE_SIZE: 32")
}

/// Every file of the tree, and what is in it.
fn tree(bench: &Bench) -> BTreeMap<String, Vec<u8>> {
    files_below(&bench.out())
        .into_iter()
        .map(|file| (file.clone(), fs::read(bench.out().join(file)).unwrap()))
        .collect()
}

/// Runs every kind of `materialize` and expects each to be refused with these words, and the tree to
/// stay as it is.
#[track_caller]
fn expect_refused(bench: &Bench, words: &[&str]) {
    let before = tree(bench);
    for more in [&[][..], &["--dry-run"], &["--part", "2/2"], &["--finish"]] {
        let arguments = [&["materialize"][..], more].concat();
        let stderr = bench.run(&arguments).expect_status(1).stderr();
        for words in words.iter().chain([&REFUSED]) {
            assert!(
                stderr.contains(words),
                "{more:?}: no \"{words}\" in: {stderr}"
            );
        }
        assert!(tree(bench) == before, "{more:?} changed the tree");
    }
    let check = bench.run(&["check"]).expect_status(3);
    assert!(check.stdout().contains(words[0]), "{}", check.stdout());
}

#[test]
fn a_folder_that_is_not_mounted_empties_nothing() {
    let bench = folder(4, "");
    bench.run(&["materialize"]).expect_status(0);
    fs::rename(bench.path("raw"), bench.path("away")).unwrap();
    fs::create_dir(bench.path("raw")).unwrap();
    expect_refused(
        &bench,
        &[
            "4 images were taken",
            "OPENI_ROOT",
            "0 now",
            "is it mounted",
        ],
    );
    fs::remove_dir(bench.path("raw")).unwrap();
    fs::rename(bench.path("away"), bench.path("raw")).unwrap();
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of("openi"), [4, 0, 4, 0]);
    bench.run(&["check"]).expect_status(0);
}

#[test]
fn a_mount_says_in_its_log_what_has_gone_and_serves_the_rest() {
    if skips_fuse("the log of a mount") {
        return;
    }
    let bench = folder(4, "");
    bench.run(&["materialize"]).expect_status(0);
    fs::remove_file(bench.path("raw/3.png")).unwrap();
    let mounted = Mounted::new(&bench, &[]);
    let log = mounted.log_once(|log| log.contains("3 now"));
    for words in ["4 images were taken", "OPENI_ROOT", "3 now"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    let image = "openi/00/000000.jpg";
    assert!(mounted.read(image) == fs::read(bench.out().join(image)).unwrap());
}

#[test]
fn a_first_run_over_an_empty_folder_says_so() {
    let bench = folder(0, "");
    let ran = bench.run(&["materialize"]).expect_status(3);
    assert!(
        ran.stdout().contains("there are no images"),
        "{}",
        ran.stdout()
    );
}

#[test]
fn a_folder_that_lost_one_image_is_renumbered_only_when_told_to() {
    let bench = folder(3, "");
    bench.run(&["materialize"]).expect_status(0);
    // More images are welcome, and remembered.
    write_png(&bench.path("raw/3.png"), 40, 40, 3);
    bench.run(&["materialize"]).expect_status(0);
    fs::remove_file(bench.path("raw/1.png")).unwrap();
    expect_refused(&bench, &["4 images were taken", "3 now"]);

    bench
        .run(&["materialize", "--allow-removal"])
        .expect_status(0);
    let fresh = folder(4, "");
    fs::remove_file(fresh.path("raw/1.png")).unwrap();
    fresh.run(&["materialize"]).expect_status(0);
    let images = |bench: &Bench| {
        let mut tree = tree(bench);
        tree.remove("openi/index.json");
        tree
    };
    assert!(images(&bench) == images(&fresh));
    bench.run(&["materialize"]).expect_status(0);
    bench.run(&["check"]).expect_status(0);
}

#[test]
fn a_tree_of_before_extents_is_guarded_by_its_records() {
    let bench = folder(3, "");
    bench.run(&["materialize"]).expect_status(0);
    fs::remove_file(bench.path("out.state/openi/extent.json")).unwrap();
    fs::remove_file(bench.path("raw/2.png")).unwrap();
    expect_refused(&bench, &["3 images were taken", "2 now"]);
}

#[test]
fn other_datasets_of_the_config_are_not_begun_either() {
    let bench = folder(2, "SIIM_ROOT: siim\n");
    fs::create_dir_all(bench.path("siim/dicom-images-train")).unwrap();
    // It has no images.
    bench.run(&["materialize"]).expect_status(3);
    fs::remove_file(bench.path("raw/1.png")).unwrap();
    fs::write(bench.path("siim/dicom-images-train/bad.dcm"), "bad").unwrap();
    let failures = || fs::read(bench.path("out.state/failures.jsonl")).unwrap();
    let before = failures();
    expect_refused(&bench, &["2 images were taken"]);
    assert_eq!(failures(), before, "the other dataset was worked on");
}

#[test]
fn a_list_may_lose_a_tenth_and_no_more() {
    let bench = list(20);
    bench.run(&["materialize"]).expect_status(0);
    let path = bench.path("raw/train_val_list.txt");
    let keep = |count: usize| {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().take(count).collect();
        fs::write(&path, lines.join("\n") + "\n").unwrap();
    };
    keep(18);
    bench.run(&["materialize"]).expect_status(0);
    keep(9);
    expect_refused(
        &bench,
        &[
            "18 images were taken",
            "CHEXRAY14_ROOT",
            "the lists name 9 now",
        ],
    );
}

#[test]
fn lists_without_their_images_take_nothing_out_of_the_index() {
    let bench = list(5);
    bench.run(&["materialize"]).expect_status(0);
    fs::remove_file(bench.small_source(2)).unwrap();
    // One that is missing is a failure of that image.
    let ran = bench.run(&["materialize"]).expect_status(3);
    assert_eq!(ran.summary_of("chex-ray14"), [5, 0, 4, 1]);
    fs::rename(bench.path("raw/images"), bench.path("away")).unwrap();
    fs::create_dir(bench.path("raw/images")).unwrap();
    expect_refused(
        &bench,
        &[
            "of 5 finished images",
            "not one has its source",
            "CHEXRAY14_ROOT",
        ],
    );
}

/// Cut downloads, placeholders of a cloud, a disk whose permissions changed.
#[test]
fn sources_that_are_there_and_cannot_be_read_take_nothing_away() {
    let bench = folder(4, "");
    bench.run(&["materialize"]).expect_status(0);
    let before = tree(&bench);
    let sources: Vec<Vec<u8>> = (0..4)
        .map(|number| fs::read(bench.path(&format!("raw/{number}.png"))).unwrap())
        .collect();
    for number in 0..4 {
        fs::write(bench.path(&format!("raw/{number}.png")), "").unwrap();
    }
    expect_refused(&bench, &["openi", "not one has its source"]);
    assert_eq!(tree(&bench), before);

    for (number, source) in sources.iter().enumerate() {
        fs::write(bench.path(&format!("raw/{number}.png")), source).unwrap();
    }
    bench.run(&["materialize"]).expect_status(0);
    assert_eq!(tree(&bench), before);
}

#[test]
fn reports_and_labels_that_have_gone_empty_no_index() {
    let bench = Bench::new();
    copy_tree(
        &golden().join("raw/mimic-cxr-jpg-2.0.0"),
        &bench.path("raw"),
    );
    bench.write_config("FRONTAL_ONLY: false\nIMAGE_SIZE: 32\nMIMIC_ROOT: raw");
    bench.run(&["materialize"]).expect_status(0);
    let before = tree(&bench);

    let reports: Vec<String> = files_below(&bench.path("raw"))
        .into_iter()
        .filter(|name| name.ends_with(".txt"))
        .collect();
    let rename = |from: &str, to: &str| {
        for name in &reports {
            let to = bench.path(to).join(name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(bench.path(from).join(name), to).unwrap();
        }
    };
    rename("raw", "aside");
    expect_refused(&bench, &["mimic", "had a report before"]);
    assert_eq!(tree(&bench), before);
    rename("aside", "raw");

    let list = bench.path("raw/mimic-cxr-2.0.0-chexpert.csv");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.lines().next().unwrap()).unwrap();
    expect_refused(&bench, &["mimic", "had labels before"]);
    assert_eq!(tree(&bench), before);
    fs::write(&list, text).unwrap();
    bench.run(&["materialize"]).expect_status(0);
    assert_eq!(tree(&bench), before);
}
