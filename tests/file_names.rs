//! File names as disks really have them: not UTF-8, with line ends in them, as long as can be.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use common::{Bench, write_png};
use serde_json::Value;

/// Names in the order of their bytes, and their keys; `None` where it fails.
const NAMES: [(&[u8], Option<&str>); 7] = [
    (b"a\n: all is well.png", Some("a\n: all is well.png")),
    (b"a\x1b[31m.png", Some("a\x1b[31m.png")),
    (b"a\"\\.png", Some("a\"\\.png")),
    (b"b\xc3\xa9.png", Some("b\u{e9}.png")),
    (b"b\xe8.png", None),
    (b"b\xe9.png", None),
    (b"c..png", Some("c..png")),
];

fn write_all(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (shade, (name, _)) in NAMES.iter().enumerate() {
        write_png(&folder.join(OsStr::from_bytes(name)), 40, 40, shade as u8);
    }
}

#[test]
fn a_name_that_is_not_utf8_fails_by_itself_and_keeps_its_number() {
    let bench = Bench::new();
    write_all(&bench.path("raw/train"));
    write_all(&bench.path("raw/openi"));
    for (key, root, dataset) in [
        ("OBJECTCXR_ROOT", "raw", "objcxr"),
        ("OPENI_ROOT", "raw/openi", "openi"),
    ] {
        bench.write_config(&format!(
            "FRONTAL_ONLY: false\nIMAGE_SIZE: 32\n{key}: {root}"
        ));
        let ran = bench.run(&["materialize"]).expect_status(3);
        assert_eq!(ran.summary_of(dataset), [7, 5, 0, 2]);
        let stdout = ran.stdout();
        for words in [
            "000004: key b\\xe8.png: the file name b\\xe8.png is not UTF-8; rename it",
            "000005: key b\\xe9.png: the file name b\\xe9.png is not UTF-8; rename it",
        ] {
            assert!(stdout.contains(words), "{stdout}");
        }
        let index = fs::read(bench.out().join(dataset).join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        for (number, (_, key)) in NAMES.iter().enumerate() {
            let entry = &index[format!("{number:06}")];
            assert_eq!(entry["key"].as_str(), *key, "{number}");
        }
        let ran = bench.run(&["check", "--all"]).expect_status(3);
        let words = "the file name b\\xe9.png is not UTF-8; rename it";
        assert!(ran.stdout().contains(words), "{}", ran.stdout());
        assert!(!ran.stdout().contains('\x1b'), "{}", ran.stdout());
        assert!(
            !ran.stdout().contains("\n: all is well"),
            "{}",
            ran.stdout()
        );
    }
}

#[test]
fn folders_within_folders_need_not_be_utf8() {
    let bench = Bench::sample(3);
    let images = bench.path("raw/siim/dicom-images-train");
    let folders = || {
        let mut folders: Vec<_> = fs::read_dir(&images)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        folders.sort();
        folders
    };
    fs::rename(&folders()[1], images.join(OsStr::from_bytes(b"2\xff"))).unwrap();
    bench.write_config("FRONTAL_ONLY: false\nIMAGE_SIZE: 32\nSIIM_ROOT: raw/siim");
    let ran = bench.run(&["materialize"]).expect_status(3);
    assert_eq!(ran.summary_of("siim"), [3, 2, 0, 1]);
    assert!(ran.stdout().contains("2\\xff/"), "{}", ran.stdout());
}

/// Longer than any file name can be, in a list: its own failure, whatever is looked for.
#[test]
fn a_name_that_no_file_can_have_fails_by_itself() {
    for (extra, summary, status) in [
        ("", [5, 2, 0, 3], 3),
        ("ONLY_PRESENT: true", [4, 2, 0, 2], 3),
    ] {
        let bench = Bench::small(2, &format!("IMAGE_SIZE: 32\n{extra}"));
        let list = bench.path("raw/train_val_list.txt");
        let mut text = fs::read_to_string(&list).unwrap();
        text += &format!(
            "{}.png\n../images/0000.png\n{}x.png\n",
            "n".repeat(300),
            "d/".repeat(2000)
        );
        fs::write(&list, text).unwrap();
        let ran = bench.run(&["materialize"]).expect_status(status);
        assert_eq!(ran.summary_of("chex-ray14"), summary, "{}", ran.stdout());
    }
}

/// Two folders of a tree that differ only in what is not UTF-8 are two datasets in a report.
#[test]
fn folders_of_a_finished_tree_need_not_be_utf8() {
    let bench = Bench::small(1, "IMAGE_SIZE: 32");
    bench.run(&["materialize"]).expect_status(0);
    for name in [&b"x\xe8"[..], b"x\xe9"] {
        let folder = bench.out().join(OsStr::from_bytes(name));
        common::copy_tree(&bench.out().join("chex-ray14"), &folder);
    }
    bench
        .run(&["report", "out", "-o", "report.html"])
        .expect_status(0);
    let page = fs::read_to_string(bench.path("report.html")).unwrap();
    assert!(page.contains("x\\xe8") && page.contains("x\\xe9"), "{page}");
}
