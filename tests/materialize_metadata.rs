//! `metadata.parquet` in a materialized tree: written on demand only, beside each index.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Bench, files_below};
use serde_json::Value;

const FILE: &str = "chex-ray14/metadata.parquet";
const LIST: &str = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,\
                    View Position\n0001.png,Mass,0,7,41,F,PA\n";

fn bench(extra: &str) -> Bench {
    let bench = Bench::small(6, &format!("IMAGE_SIZE: 32\n{extra}"));
    fs::write(bench.path("raw/Data_Entry_2017.csv"), LIST).unwrap();
    bench
}

fn table(bench: &Bench) -> PathBuf {
    bench.out().join(FILE)
}

/// The files of the tree that are no images.
fn others(bench: &Bench) -> Vec<String> {
    let files = files_below(&bench.out()).into_iter();
    files.filter(|name| !name.ends_with(".jpg")).collect()
}

#[test]
fn it_is_written_on_demand_only() {
    let bench = bench("");
    bench.run(&["materialize"]).expect_status(0);
    assert_eq!(others(&bench), ["chex-ray14/index.json"]);

    bench.run(&["materialize", "--metadata"]).expect_status(0);
    assert_eq!(others(&bench), ["chex-ray14/index.json", FILE]);
    let first = fs::read(table(&bench)).unwrap();
    assert_eq!(&first[..4], b"PAR1");

    // The same again, with another number of threads, and by the config.
    bench
        .run(&["materialize", "--metadata", "--workers", "1"])
        .expect_status(0);
    assert!(first == fs::read(table(&bench)).unwrap());
    fs::remove_file(table(&bench)).unwrap();
    let config = fs::read_to_string(bench.path("config.yml")).unwrap();
    fs::write(bench.path("config.yml"), config + "METADATA: true\n").unwrap();
    bench.run(&["materialize"]).expect_status(0);
    assert!(first == fs::read(table(&bench)).unwrap());

    // A list that changes renders nothing, but the table is written again.
    fs::write(
        bench.path("raw/Data_Entry_2017.csv"),
        LIST.replace(",41,", ",42,"),
    )
    .unwrap();
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of("chex-ray14"), [6, 0, 6, 0]);
    assert!(first != fs::read(table(&bench)).unwrap());
}

#[test]
fn shares_leave_it_to_the_command_that_writes_the_indexes() {
    let bench = bench("");
    bench.run(&["materialize", "--metadata"]).expect_status(0);
    let whole = fs::read(table(&bench)).unwrap();
    fs::remove_dir_all(bench.out()).unwrap();
    fs::remove_dir_all(bench.path("out.state")).unwrap();
    for part in ["1/2", "2/2"] {
        bench
            .run(&["materialize", "--metadata", "--part", part])
            .expect_status(0);
    }
    assert!(others(&bench).is_empty());
    bench.run(&["materialize", "--finish"]).expect_status(0);
    assert_eq!(others(&bench), ["chex-ray14/index.json"]);
    bench
        .run(&["materialize", "--metadata", "--finish"])
        .expect_status(0);
    assert!(whole == fs::read(table(&bench)).unwrap());
}

#[test]
fn a_run_without_it_leaves_no_table_of_other_images() {
    let bench = bench("");
    bench.run(&["materialize", "--metadata"]).expect_status(0);
    // Nothing is new: it stays.
    bench.run(&["materialize"]).expect_status(0);
    assert!(table(&bench).is_file());
    common::write_png(&bench.small_source(3), 40, 50, 9);
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert!(
        ran.stdout().contains("--metadata writes it again"),
        "{}",
        ran.stdout()
    );
    assert_eq!(others(&bench), ["chex-ray14/index.json"]);
}

/// A source that can be rendered now has no image that would be replaced.
#[test]
fn shares_and_runs_that_end_early_leave_no_table_of_other_images() {
    let bench = bench("");
    let source = fs::read(bench.small_source(2)).unwrap();
    let prepare = || {
        for folder in ["out", "out.state"] {
            let _ = fs::remove_dir_all(bench.path(folder));
        }
        fs::write(bench.small_source(2), "not an image").unwrap();
        bench.run(&["materialize", "--metadata"]).expect_status(3);
        assert!(table(&bench).is_file());
        // Nothing is new: it stays.
        for arguments in [&["--part", "1/2"][..], &["--part", "2/2"], &["--finish"]] {
            bench.run(&[&["materialize"], arguments].concat());
            assert!(table(&bench).is_file(), "{arguments:?}");
        }
        fs::write(bench.small_source(2), &source).unwrap();
    };
    let run_shares = || {
        let told = ["1/2", "2/2"].map(|part| {
            let ran = bench.run(&["materialize", "--part", part]);
            ran.expect_status(0).stdout()
        });
        // The share that has rendered the image says so.
        let told = unwrapped(&told.concat());
        let words = "was removed, since images have changed; --finish --metadata writes it again";
        assert_eq!(told.matches("was removed").count(), 1, "{told}");
        assert!(told.contains(words), "{told}");
        assert!(!table(&bench).exists());
    };

    prepare();
    run_shares();
    bench.run(&["materialize", "--finish"]).expect_status(0);
    assert_eq!(others(&bench), ["chex-ray14/index.json"]);

    // A whole run that finds nothing new is like one that goes on after an early end.
    prepare();
    run_shares();
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of("chex-ray14"), [6, 0, 6, 0]);
    assert_eq!(others(&bench), ["chex-ray14/index.json"]);

    prepare();
    run_shares();
    bench
        .run(&["materialize", "--finish", "--metadata"])
        .expect_status(0);
    assert_eq!(others(&bench), ["chex-ray14/index.json", FILE]);
}

/// The text of a command's output without its line ends.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_file_of_another_program_is_not_removed() {
    let bench = bench("");
    bench.run(&["materialize"]).expect_status(0);
    fs::write(table(&bench), "of another program").unwrap();
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert!(!ran.stdout().contains("metadata.parquet"));

    common::write_png(&bench.small_source(3), 40, 50, 9);
    let ran = bench.run(&["materialize"]).expect_status(0);
    assert_eq!(ran.summary_of("chex-ray14"), [6, 1, 5, 0]);
    let told = unwrapped(&ran.stdout());
    let words = "chex-ray14/metadata.parquet is left as it is, since machex did not write it";
    assert!(told.contains(words), "{told}");
    assert_eq!(fs::read(table(&bench)).unwrap(), b"of another program");
}

#[test]
fn a_file_of_another_program_is_not_overwritten() {
    let bench = bench("");
    fs::create_dir_all(bench.out().join("chex-ray14")).unwrap();
    fs::write(table(&bench), "of another program").unwrap();
    let words = "chex-ray14/metadata.parquet is not overwritten, since machex did not write it: \
                 move it away";
    let run = |arguments: &[&str]| {
        let arguments = [&["materialize", "--metadata"], arguments].concat();
        bench.run(&arguments).expect_status(3)
    };
    let planned = run(&["--dry-run"]);
    assert!(unwrapped(&planned.stdout()).contains(words));

    // It is said before and after the images are rendered.
    let ran = run(&[]);
    assert_eq!(ran.summary_of("chex-ray14"), [6, 6, 0, 0]);
    for told in [ran.stdout(), ran.stderr()] {
        assert!(unwrapped(&told).contains(words), "{told}");
    }
    assert_eq!(others(&bench), ["chex-ray14/index.json", FILE]);
    for arguments in [&["--json"][..], &["--json", "--finish"]] {
        let document: Value = serde_json::from_slice(run(arguments).bytes()).unwrap();
        assert_eq!(document["ok"], false);
        let error = &document["datasets"][0]["metadata_error"];
        assert!(error.as_str().unwrap().contains(words), "{document}");
    }
    assert_eq!(fs::read(table(&bench)).unwrap(), b"of another program");

    fs::rename(table(&bench), bench.path("away")).unwrap();
    bench.run(&["materialize", "--metadata"]).expect_status(0);
    assert_eq!(&fs::read(table(&bench)).unwrap()[..4], b"PAR1");
}

#[test]
fn images_that_fail_have_a_row_and_what_a_killed_run_left_goes() {
    let bench = bench("");
    fs::write(bench.small_source(2), "not an image").unwrap();
    fs::create_dir_all(bench.out().join("chex-ray14")).unwrap();
    bench.run(&["materialize", "--metadata"]).expect_status(3);
    let file = fs::File::open(table(&bench)).unwrap();
    let reader = parquet::file::reader::SerializedFileReader::new(file).unwrap();
    use parquet::file::reader::FileReader as _;
    assert_eq!(reader.metadata().file_metadata().num_rows(), 6);
    assert_eq!(others(&bench), ["chex-ray14/index.json", FILE]);
}

#[test]
fn a_dry_run_tells_of_it() {
    let bench = bench("");
    let told = |arguments: &[&str]| {
        let text = bench.run(arguments).expect_status(0).stdout();
        text.contains("metadata.parquet")
    };
    assert!(!told(&["materialize", "--dry-run"]));
    assert!(told(&["materialize", "--dry-run", "--metadata"]));
    let ran = bench.run(&["materialize", "--dry-run", "--metadata", "--json"]);
    let document: Value = serde_json::from_slice(ran.bytes()).unwrap();
    assert_eq!(document["metadata"], true);
    assert!(!table(&bench).exists());
}

#[test]
fn the_command_takes_it_from_a_tree() {
    let bench = bench("");
    bench.run(&["materialize"]).expect_status(0);
    let ran = bench.run(&["metadata", "out", "-o", "all.csv"]);
    let error = ran.expect_status(1).stderr();
    assert!(error.contains("materialize --metadata"), "{error}");
    bench.run(&["materialize", "--metadata"]).expect_status(0);
    bench
        .run(&["metadata", "out", "-o", "tree.csv"])
        .expect_status(0);
    bench
        .run(&["metadata", "-c", "config.yml", "-o", "config.csv"])
        .expect_status(0);
    let read = |name: &str| fs::read_to_string(bench.path(name)).unwrap();
    assert_eq!(read("tree.csv"), read("config.csv"));
}
