//! `ONLY_PRESENT`: a part of a dataset is served as if the rest were not in its lists, and keeps the
//! numbers of the whole.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use common::mounted::{Mounted, skips_fuse};
use common::{Bench, files_below};
use serde_json::Value;

const ONLY_PRESENT: &str = "IMAGE_SIZE: 32\nONLY_PRESENT: true";

/// Six images of a list, of which these have gone.
fn part(gone: &[u32]) -> Bench {
    let bench = Bench::small(6, ONLY_PRESENT);
    gone.iter()
        .for_each(|number| fs::remove_file(bench.small_source(*number)).unwrap());
    bench
}

fn ids(index: &[u8]) -> BTreeSet<String> {
    let index: Value = serde_json::from_slice(index).unwrap();
    index.as_object().unwrap().keys().cloned().collect()
}

fn expected(numbers: &[u32]) -> BTreeSet<String> {
    numbers
        .iter()
        .map(|number| format!("{number:06}"))
        .collect()
}

#[test]
fn materialize_leaves_out_what_is_not_there_and_takes_it_later() {
    let bench = part(&[1, 4]);
    let index = || ids(&fs::read(bench.out().join("chex-ray14/index.json")).unwrap());
    let ran = bench.run(&["materialize", "--dry-run"]).expect_status(0);
    assert!(ran.stdout().contains("chex-ray14"), "{}", ran.stdout());
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of("chex-ray14"), [4, 4, 0, 0]);
    assert!(
        ran.stdout().contains("2 of 6 images are not there"),
        "{}",
        ran.stdout()
    );
    assert_eq!(index(), expected(&[0, 2, 3, 5]));
    // The numbers are those of the whole list: later images fill the gaps.
    common::write_png(&bench.small_source(4), 400, 420, 4);
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of("chex-ray14"), [5, 1, 4, 0]);
    assert_eq!(index(), expected(&[0, 2, 3, 4, 5]));
    for part in ["1/2", "2/2"] {
        bench.run(&["materialize", "--part", part]).expect_status(0);
    }
    let ran = bench.run(&["materialize", "--finish"]).expect_status(0);
    assert!(
        !ran.stdout().contains("missing from the index"),
        "{}",
        ran.stdout()
    );
    assert_eq!(index(), expected(&[0, 2, 3, 4, 5]));
}

#[test]
fn check_counts_what_is_there() {
    let bench = part(&[0, 1]);
    for (more, end) in [
        (&["check"][..], "All 4 files are there; one image"),
        (&["check", "--all"], "All 4 files are there; one image"),
        (
            &["check", "--decode"],
            "All 4 images were decoded; all is well.",
        ),
    ] {
        let words = bench.run(more).expect_status(0).stdout();
        assert!(words.contains("4 of 6 images are there"), "{words}");
        assert!(words.contains(end), "{words}");
    }
    for number in 2..6 {
        fs::remove_file(bench.small_source(number)).unwrap();
    }
    let ran = bench.run(&["check"]).expect_status(3);
    let words = "none of the 6 images that the lists name is in";
    assert!(ran.stdout().contains(words), "{}", ran.stdout());
}

#[test]
fn a_mount_lists_and_finds_what_is_there() {
    if skips_fuse("a mount of a part") {
        return;
    }
    let bench = part(&[0, 3, 5]);
    // What cannot be read is there all the same, and a link counts as what it leads to.
    fs::write(bench.small_source(2), "no image").unwrap();
    symlink("gone.png", bench.small_source(3)).unwrap();
    symlink("0001.png", bench.small_source(5)).unwrap();
    fs::create_dir(bench.small_source(0)).unwrap();
    let there = [1, 2, 4, 5];
    let mounted = Mounted::new(&bench, &["--warm"]);
    let names: BTreeSet<String> = fs::read_dir(mounted.path("chex-ray14/00"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.trim_end_matches(".jpg").to_owned())
        .collect();
    assert_eq!(names, expected(&there));
    assert_eq!(
        ids(&mounted.read("chex-ray14/index.json")),
        expected(&there)
    );
    for number in [0, 3] {
        let path = mounted.path(&format!("chex-ray14/00/{number:06}.jpg"));
        let error = fs::metadata(path).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
    assert!(mounted.read("chex-ray14/00/000005.jpg") == mounted.read("chex-ray14/00/000001.jpg"));
    let error = fs::read(mounted.path("chex-ray14/00/000002.jpg")).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EIO));
    drop(mounted);

    // What has come is there in the next mount, and in its index.
    common::write_png(&bench.path("raw/images/gone.png"), 400, 420, 9);
    let mounted = Mounted::new(&bench, &[]);
    assert_eq!(
        ids(&mounted.read("chex-ray14/index.json")),
        expected(&[1, 2, 3, 4, 5])
    );
}

/// Folders within folders, of which some are not there at all.
#[test]
fn a_part_of_mimic_is_taken() {
    let bench = Bench::sample(12);
    let images: Vec<String> = files_below(&bench.path("raw/mimic/files"))
        .into_iter()
        .filter(|file| file.ends_with(".jpg"))
        .collect();
    let patients: BTreeSet<&str> = images.iter().map(|image| &image[..13]).collect();
    assert!(patients.len() >= 3, "{patients:?}");
    let gone = patients.first().unwrap();
    fs::remove_dir_all(bench.path("raw/mimic/files").join(gone)).unwrap();
    let config = "FRONTAL_ONLY: false\nIMAGE_SIZE: 32\nMIMIC_ROOT: raw/mimic\n";
    bench.write_config(&format!("{config}ONLY_PRESENT: true"));
    let ran = bench.run(&["materialize"]).expect_status(0);
    let [images, new, ..] = ran.summary_of("mimic");
    assert!(images == new && images > 0, "{}", ran.stdout());
    let index = fs::read(bench.out().join("mimic/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let keys: Vec<&str> = index
        .as_object()
        .unwrap()
        .values()
        .map(|entry| entry["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys.len() as u32, images);
    assert!(keys.iter().all(|key| !key.contains(gone)), "{keys:?}");
    // Without it, the same images fail.
    bench.write_config(config);
    bench.run(&["materialize"]).expect_status(3);
}

#[test]
fn finished_images_are_not_left_out_without_a_word() {
    let bench = part(&[5]);
    bench.run(&["materialize"]).expect_status(0);
    // Switched on or off, what is there stays there.
    let text = fs::read_to_string(bench.path("config.yml")).unwrap();
    let off = text.replace("ONLY_PRESENT: true", "ONLY_PRESENT: false");
    fs::write(bench.path("config.yml"), off).unwrap();
    let ran = bench.run(&["materialize"]).expect_status(3);
    assert_eq!(ran.summary_of("chex-ray14"), [6, 0, 5, 1]);
    fs::write(bench.path("config.yml"), text).unwrap();
    bench.run(&["materialize"]).expect_status(0);

    let index = fs::read(bench.out().join("chex-ray14/index.json")).unwrap();
    for number in [0, 1] {
        fs::remove_file(bench.small_source(number)).unwrap();
    }
    let ran = bench.run(&["materialize"]).expect_status(1);
    for words in ["of 5 finished images 2 have no source", "--allow-removal"] {
        assert!(ran.stderr().contains(words), "{}", ran.stderr());
    }
    bench.run(&["check"]).expect_status(3);
    assert!(fs::read(bench.out().join("chex-ray14/index.json")).unwrap() == index);
    let ran = bench
        .run(&["materialize", "--allow-removal"])
        .expect_status(0);
    assert_eq!(ran.summary_of("chex-ray14"), [3, 0, 3, 0]);
    // They have gone, and nothing is asked about them again.
    let images = files_below(&bench.out().join("chex-ray14/00"));
    assert_eq!(images, ["000002.jpg", "000003.jpg", "000004.jpg"]);
    bench.run(&["check"]).expect_status(0);
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of("chex-ray14"), [3, 0, 3, 0]);
    // As the last step of a run in shares does it.
    fs::remove_file(bench.small_source(2)).unwrap();
    bench.run(&["materialize", "--finish"]).expect_status(1);
    bench
        .run(&["materialize", "--finish", "--allow-removal"])
        .expect_status(0);
    let images = files_below(&bench.out().join("chex-ray14/00"));
    assert_eq!(images, ["000003.jpg", "000004.jpg"]);
}
