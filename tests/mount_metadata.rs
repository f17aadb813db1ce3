//! The metadata of a mount: one file in each dataset's folder, found by name and never listed, with
//! the bytes that `materialize --metadata` writes.

mod common;

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use common::mounted::{Mounted, passthrough_modes, skips_fuse};
use common::{Bench, cached_files, copy_tree, golden};

const NAME: &str = "metadata.parquet";
const FILE: &str = "chex-ray14/metadata.parquet";
const LIST: &str = "raw/Data_Entry_2017.csv";

/// A config over a few PNGs and what the release says about them.
fn with_a_list(count: u32) -> Bench {
    let bench = Bench::small(count, "IMAGE_SIZE: 64");
    write_list(&bench, count, 40);
    bench
}

fn write_list(bench: &Bench, count: u32, age: u32) {
    let mut list = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,\
                    View Position\n"
        .to_owned();
    for number in 0..count {
        list += &format!("{number:04}.png,Mass,0,{number},{},F,PA\n", age + number);
    }
    fs::write(bench.path(LIST), list).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The number of rows of a table, read as other programs do: from the end.
fn rows(path: &Path) -> i64 {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let file = fs::File::open(path).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    reader.metadata().file_metadata().num_rows()
}

#[test]
fn it_is_found_by_name_and_not_listed() {
    if skips_fuse("the metadata of a mount") {
        return;
    }
    let bench = with_a_list(3);
    for passthrough in passthrough_modes() {
        let mounted = Mounted::new(&bench, &["--passthrough", passthrough]);
        assert_eq!(names(&mounted.path("chex-ray14")), ["00", "index.json"]);
        assert!(mounted.path(FILE).is_file());
        assert_eq!(names(&mounted.path("chex-ray14")), ["00", "index.json"]);
        for other in [
            "metadata.parquet",
            "chex-ray14/00/metadata.parquet",
            "chex-ray14/metadata.parquet/x",
            "chex-ray14/Metadata.parquet",
        ] {
            assert!(fs::metadata(mounted.path(other)).is_err(), "{other}");
        }
        assert!(fs::write(mounted.path(FILE), "x").is_err());
    }
}

#[test]
fn its_size_is_exact_and_readers_can_begin_at_the_end() {
    if skips_fuse("the size of the metadata of a mount") {
        return;
    }
    for passthrough in passthrough_modes() {
        let bench = with_a_list(5);
        let mounted = Mounted::new(&bench, &["--passthrough", passthrough]);
        let path = mounted.path(FILE);
        // First stat, then open, then read from the end: nothing was read before.
        let size = fs::metadata(&path).unwrap().len();
        let file = fs::File::open(&path).unwrap();
        assert_eq!(file.metadata().unwrap().len(), size);
        let mut end = [0; 8];
        file.read_exact_at(&mut end, size - 8).unwrap();
        assert_eq!(&end[4..], b"PAR1");
        assert_eq!(file.read_at(&mut end, size).unwrap(), 0);
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len() as u64, size);
        assert_eq!(&bytes[..4], b"PAR1");
        assert_eq!(rows(&path), 5);
        let inode = fs::metadata(&path).unwrap().ino();
        assert_ne!(
            inode,
            fs::metadata(mounted.path("chex-ray14/index.json"))
                .unwrap()
                .ino()
        );
        assert_eq!(inode >> 20 & 0xf, 4);
    }
    // Opened without a stat before.
    let bench = with_a_list(5);
    let mounted = Mounted::new(&bench, &[]);
    assert_eq!(rows(&mounted.path(FILE)), 5);
}

#[test]
fn it_has_the_bytes_of_the_materialized_one() {
    if skips_fuse("the metadata of all datasets") {
        return;
    }
    let bench = Bench::golden(false, "IMAGE_SIZE: 64");
    bench.run(&["materialize", "--metadata"]).expect_status(0);
    let mounted = Mounted::new(&bench, &[]);
    let datasets = names(&bench.out());
    assert!(datasets.len() > 5, "{datasets:?}");
    for dataset in datasets {
        let name = format!("{dataset}/{NAME}");
        let materialized = fs::read(bench.out().join(&name)).unwrap();
        assert!(materialized == mounted.read(&name), "{name} differs");
    }
    // Also of a mount that has nothing of the tree.
    let (tree, away) = (bench.out(), bench.path("away"));
    fs::rename(&tree, &away).unwrap();
    drop(mounted);
    fs::remove_dir_all(bench.path("cache")).unwrap();
    let mounted = Mounted::new(&bench, &[]);
    let name = format!("chexpert/{NAME}");
    assert!(fs::read(away.join(&name)).unwrap() == mounted.read(&name));
}

#[test]
fn the_cache_keeps_it_until_a_list_changes() {
    if skips_fuse("the metadata of several mounts") {
        return;
    }
    let bench = with_a_list(4);
    let first = Mounted::new(&bench, &[]).read(FILE);
    assert_eq!(cached_files(&bench).len(), 1);

    // If it were made again, this image would have no size.
    let aside = bench.path("aside.png");
    fs::rename(bench.small_source(1), &aside).unwrap();
    assert!(first == Mounted::new(&bench, &[]).read(FILE));
    assert_eq!(cached_files(&bench).len(), 1);

    // One that names an image is made again, and again while a source is missing.
    write_list(&bench, 4, 50);
    let without = Mounted::new(&bench, &[]).read(FILE);
    assert!(without != first);
    fs::rename(&aside, bench.small_source(1)).unwrap();
    let second = Mounted::new(&bench, &[]).read(FILE);
    assert!(second != without && second != first);

    // A list that comes, and one that goes.
    fs::write(
        bench.path("raw/BBox_List_2017.csv"),
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n0001.png,Mass,10,10,20,20,,,\n",
    )
    .unwrap();
    let boxes = Mounted::new(&bench, &[]).read(FILE);
    assert!(boxes != second);
    fs::remove_file(bench.path("raw/BBox_List_2017.csv")).unwrap();
    fs::remove_file(bench.path(LIST)).unwrap();
    let mounted = Mounted::new(&bench, &[]);
    let none = mounted.read(FILE);
    assert!(none != boxes && none != second);
    assert_eq!(rows(&mounted.path(FILE)), 4);
}

#[test]
fn reports_that_change_are_in_the_metadata_of_the_next_mount() {
    if skips_fuse("reports in metadata") {
        return;
    }
    let bench = Bench::new();
    let raw = bench.path("raw");
    copy_tree(&golden().join("raw/mimic-cxr-jpg-2.0.0"), &raw);
    bench.write_config("FRONTAL_ONLY: false\nMIMIC_ROOT: raw");
    let name = format!("mimic/{NAME}");
    let first = Mounted::new(&bench, &[]).read(&name);
    let reports = common::files_below(&raw);
    let report = reports.iter().find(|name| name.ends_with(".txt")).unwrap();
    fs::write(raw.join(report), "FINDINGS: another text, and a longer one").unwrap();
    let second = Mounted::new(&bench, &[]).read(&name);
    assert!(first != second);
}

#[test]
fn what_cannot_be_read_is_null_and_logged() {
    if skips_fuse("metadata with faults") {
        return;
    }
    let bench = with_a_list(4);
    fs::write(bench.small_source(2), "not an image").unwrap();
    fs::remove_file(bench.path(LIST)).unwrap();
    // Not even root can read a folder as a list.
    fs::create_dir(bench.path(LIST)).unwrap();
    let mounted = Mounted::new(&bench, &[]);
    let first = mounted.read(FILE);
    assert_eq!(rows(&mounted.path(FILE)), 4);
    let log = mounted.log_once(|log| log.contains("header cannot be read"));
    assert!(log.contains("Data_Entry_2017.csv"), "{log}");
    assert!(log.contains("0002.png"), "{log}");
    drop(mounted);

    // It is the same however often it is made, until the list can be read.
    assert!(first == Mounted::new(&bench, &[]).read(FILE));
    fs::remove_dir(bench.path(LIST)).unwrap();
    write_list(&bench, 4, 30);
    assert!(first != Mounted::new(&bench, &[]).read(FILE));
}

#[test]
fn the_command_collects_the_tables_of_a_mount() {
    if skips_fuse("machex metadata of a mount") {
        return;
    }
    let bench = Bench::sample(3);
    bench.run(&["materialize", "--metadata"]);
    let mounted = Mounted::new(&bench, &[]);
    let collect = |root: &Path, output: &str| -> PathBuf {
        let root = root.to_str().unwrap();
        bench
            .run(&["metadata", root, "-o", output])
            .expect_status(0);
        bench.path(output)
    };
    let of_mount = collect(&mounted.root, "mount.csv");
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    let tree = config
        .lines()
        .find_map(|line| line.strip_prefix("MACHEX_PATH: "))
        .unwrap();
    let of_tree = collect(&bench.path(tree), "tree.csv");
    assert!(fs::read(of_mount).unwrap() == fs::read(of_tree).unwrap());
}
