//! The index of a mount: one file in the cache for all mount points, renewed when a report comes,
//! goes or changes, and written though one cannot be read.

mod common;

use std::fs;
use std::path::Path;

use common::mounted::{Mounted, passthrough_modes, skips_fuse};
use common::{Bench, cached_files, copy_tree, files_below, golden};
use serde_json::Value;

/// A config over a copy of the golden MIMIC, whose reports can be changed.
fn mimic() -> Bench {
    let bench = Bench::new();
    copy_tree(
        &golden().join("raw/mimic-cxr-jpg-2.0.0"),
        &bench.path("raw"),
    );
    bench.write_config("FRONTAL_ONLY: false\nMIMIC_ROOT: raw");
    bench
}

/// The reports below `raw`, relative to it.
fn report_files(bench: &Bench) -> Vec<String> {
    let files = files_below(&bench.path("raw"));
    files
        .into_iter()
        .filter(|name| name.ends_with(".txt"))
        .collect()
}

fn index(mounted: &Mounted) -> Value {
    serde_json::from_slice(&mounted.read("mimic/index.json")).unwrap()
}

fn reports(index: &Value) -> Vec<String> {
    let entries = index.as_object().unwrap().values();
    let text = |entry: &Value| entry["report"].as_str().unwrap().to_owned();
    entries.map(text).collect()
}

#[test]
fn reports_that_are_unpacked_later_are_in_the_index_of_the_next_mount() {
    if skips_fuse("the index of a mount") {
        return;
    }
    let bench = mimic();
    let names = report_files(&bench);
    for name in &names {
        let aside = bench.path("aside").join(name);
        fs::create_dir_all(aside.parent().unwrap()).unwrap();
        fs::rename(bench.path("raw").join(name), aside).unwrap();
    }
    let none = reports(&index(&Mounted::new(&bench, &[])));
    assert!(none.iter().all(String::is_empty));

    // Half of them, as by an unpacking that was interrupted; then the rest.
    let put_back = |names: &[String]| {
        for name in names {
            fs::rename(bench.path("aside").join(name), bench.path("raw").join(name)).unwrap();
        }
    };
    let (first, second) = names.split_at(names.len() / 2);
    put_back(first);
    let some = reports(&index(&Mounted::new(&bench, &[])));
    put_back(second);
    let all = reports(&index(&Mounted::new(&bench, &[])));
    let count = |reports: &[String]| reports.iter().filter(|text| !text.is_empty()).count();
    assert!(0 < count(&some) && count(&some) < count(&all));
    bench.run(&["materialize"]).expect_status(0);
    let materialized = fs::read(bench.out().join("mimic/index.json")).unwrap();
    assert_eq!(
        all,
        reports(&serde_json::from_slice(&materialized).unwrap())
    );

    // One that grows in its place, as by an unpacking that goes on within a file.
    let path = bench.path("raw").join(&names[0]);
    fs::write(&path, "FINDINGS: much more than there was before in here").unwrap();
    let changed = reports(&index(&Mounted::new(&bench, &[])));
    assert!(changed.contains(&"much more than there was before in here".to_owned()));
}

#[test]
fn all_mount_points_share_one_index() {
    if skips_fuse("an index at several mount points") {
        return;
    }
    let bench = mimic();
    bench.run(&["materialize"]).expect_status(0);
    let materialized = fs::read_to_string(bench.out().join("mimic/index.json")).unwrap();
    // Of another length each, and with what JSON has to escape.
    for (number, name) in ["a", "quite a \"long\" name", "\u{e9}\\", "quoted\""]
        .iter()
        .enumerate()
    {
        for passthrough in passthrough_modes() {
            let root = bench.path(name);
            fs::create_dir_all(&root).unwrap();
            let mounted = Mounted::on(&bench, &root, &["--passthrough", passthrough]);
            let text = String::from_utf8(mounted.read("mimic/index.json")).unwrap();
            let path = |root: &Path| {
                let json = serde_json::to_string(root.to_str().unwrap()).unwrap();
                json[1..json.len() - 1].to_owned()
            };
            let expected = materialized.replace(&path(&bench.out()), &path(&root));
            assert!(text == expected, "{name}");
            let size = fs::metadata(mounted.path("mimic/index.json"))
                .unwrap()
                .len();
            assert_eq!(size, expected.len() as u64);
            check_pieces(&mounted.path("mimic/index.json"), expected.as_bytes());
        }
        assert_eq!(cached_files(&bench).len(), 1, "after {} names", number + 1);
    }
}

fn check_pieces(path: &Path, expected: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = fs::File::open(path).unwrap();
    let mut random = 1u32;
    for _ in 0..200 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let start = random as usize % expected.len();
        let mut buffer = vec![0; (random >> 8) as usize % 300];
        let count = file.read_at(&mut buffer, start as u64).unwrap();
        let end = (start + buffer.len()).min(expected.len());
        assert!(buffer[..count] == expected[start..end], "at {start}");
    }
}

#[test]
fn a_report_that_cannot_be_read_costs_its_text_only() {
    if skips_fuse("reports that cannot be read") {
        return;
    }
    let bench = mimic();
    let names = report_files(&bench);
    let path = bench.path("raw").join(&names[0]);
    let text = fs::read(&path).unwrap();
    // Not even root can read a folder as a file, nor does anybody write to this pipe.
    for kind in ["folder", "pipe"] {
        fs::remove_file(&path).unwrap();
        match kind {
            "folder" => fs::create_dir(&path).unwrap(),
            _ => {
                let mode = rustix::fs::Mode::RUSR;
                let fifo = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, mode, 0).unwrap();
            }
        }
        let mounted = Mounted::new(&bench, &[]);
        let found = reports(&index(&mounted));
        assert!(found.iter().any(String::is_empty), "{kind}");
        assert!(found.iter().any(|text| !text.is_empty()), "{kind}");
        drop(mounted);
        let log = fs::read_to_string(bench.path("mount.err")).unwrap();
        assert!(
            log.contains(&names[0]) && log.contains("cannot be read"),
            "{log}"
        );

        let ran = bench.run(&["materialize"]);
        assert!(ran.stdout().contains(&names[0]), "{}", ran.stdout());
        let written = fs::read(bench.out().join("mimic/index.json")).unwrap();
        assert_eq!(reports(&serde_json::from_slice(&written).unwrap()), found);
        match kind {
            "folder" => fs::remove_dir(&path).unwrap(),
            _ => fs::remove_file(&path).unwrap(),
        }
        fs::write(&path, &text).unwrap();
    }
    let mounted = Mounted::new(&bench, &[]);
    bench.run(&["materialize"]).expect_status(0);
    let written = fs::read(bench.out().join("mimic/index.json")).unwrap();
    assert_eq!(
        reports(&index(&mounted)),
        reports(&serde_json::from_slice(&written).unwrap())
    );
}
