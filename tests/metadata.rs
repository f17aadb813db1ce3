//! `machex metadata`: what the table of a sample and of small trees has in it.

mod common;
#[path = "common/table.rs"]
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use common::Bench;
use machex::datasets::ALL;
use machex::metadata::Vocabulary;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value, json};
use table::{Table, configure, expect, table};

/// The columns before and after those of findings.
const BEFORE: [&str; 18] = [
    "dataset",
    "id",
    "path",
    "key",
    "patient_key",
    "study_key",
    "same_image_as",
    "view",
    "frontal",
    "view_raw",
    "sex",
    "age_years",
    "age_raw",
    "age_is_group",
    "study_date",
    "date_kind",
    "split",
    "known_bad",
];
const AFTER: [&str; 20] = [
    "negatives",
    "label_source",
    "findings_source",
    "boxes",
    "masks",
    "source_width",
    "source_height",
    "source_bits",
    "scale_x",
    "scale_y",
    "offset_x",
    "offset_y",
    "report",
    "report_language",
    "findings_text",
    "impression_text",
    "last_paragraph_text",
    "indication_text",
    "comparison_text",
    "labelled_text",
];

#[track_caller]
#[test]
fn every_image_has_a_row_with_all_columns_in_their_order() {
    let bench = Bench::sample(5);
    let table = table(&bench, &[]);
    let fields = table.schema.fields();
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let findings = Vocabulary::get().findings();
    assert_eq!(names, [&BEFORE[..], findings, &AFTER].concat());
    for field in fields {
        let comment = field.metadata().get("comment");
        let comment = comment.unwrap_or_else(|| panic!("{field:?}"));
        assert!((1..=72).contains(&comment.len()), "{comment}");
    }

    bench.run(&["materialize"]).expect_status(0);
    let mut expected = Vec::new();
    for dataset in ALL {
        let name = dataset.folder();
        let index = fs::read(bench.path(&format!("machex/{name}/index.json"))).unwrap();
        let index: Map<String, Value> = serde_json::from_slice(&index).unwrap();
        assert!(index.len() > 3, "{name}");
        for (id, entry) in index {
            let report = entry.get("report").and_then(Value::as_str);
            expected.push((
                name.to_owned(),
                id,
                entry["key"].clone(),
                report.map(str::to_owned),
            ));
        }
    }
    assert_eq!(table.rows.len(), expected.len());
    for (row, (dataset, id, key, report)) in table.rows.iter().zip(expected) {
        expect(
            row,
            &[("dataset", json!(dataset)), ("id", json!(id)), ("key", key)],
        );
        let path = bench.path("machex").join(row["path"].as_str().unwrap());
        assert!(path.is_file(), "{path:?}");
        if let Some(report) = report.filter(|report| !report.is_empty()) {
            assert_eq!(row["report"], report);
        }
        assert!(row["source_width"].as_u64().unwrap() >= 620);
    }
    let facts = &table.facts;
    assert_eq!(facts["machex.version"], env!("CARGO_PKG_VERSION"));
    let files: Value = serde_json::from_str(&facts["machex.files"]).unwrap();
    assert_eq!(files["chexpert"], json!(["train.csv"]));
    assert_eq!(files["mimic"].as_array().unwrap().len(), 4);
}

#[test]
fn the_three_formats_agree() {
    let bench = Bench::sample(4);
    let parquet = table(&bench, &[]);
    for name in ["table.arrow", "table.feather"] {
        bench.run(&["metadata", "-o", name]).expect_status(0);
        let arrow = Table::of_arrow(&bench.path(name));
        assert_eq!(arrow.schema.fields(), parquet.schema.fields());
        assert_eq!(arrow.rows, parquet.rows);
        assert_eq!(arrow.facts["machex.files"], parquet.facts["machex.files"]);
    }
    bench.run(&["metadata", "-o", "table.CSV"]).expect_status(0);
    let mut reader = csv::Reader::from_path(bench.path("table.CSV")).unwrap();
    let names = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), parquet.rows.len());
    for (found, row) in rows.iter().zip(&parquet.rows) {
        for (name, cell) in names.iter().zip(found) {
            let same = match &row[name] {
                Value::Null => cell.is_empty(),
                Value::String(text) => cell == text,
                other => cell == other.to_string().as_str(),
            };
            assert!(same, "{name}: {cell:?}, {}", row[name]);
        }
    }

    let standard = bench.run(&["metadata", "-o", "-"]).expect_status(0);
    fs::write(bench.path("standard.parquet"), standard.bytes()).unwrap();
    let standard = Table::of_parquet(&bench.path("standard.parquet"));
    assert_eq!(standard.rows, parquet.rows);
}

#[test]
fn options_leave_out_what_they_say() {
    let bench = Bench::sample(4);
    let all = table(&bench, &[]);
    let two = table(&bench, &["--dataset", "siim,openi"]);
    let names: BTreeSet<&str> = two
        .rows
        .iter()
        .filter_map(|row| row["dataset"].as_str())
        .collect();
    assert_eq!(names, BTreeSet::from(["openi", "siim"]));
    for name in names {
        assert_eq!(two.of(name), all.of(name));
    }

    let without = table(&bench, &["--no-headers"]);
    assert_eq!(without.rows.len(), all.rows.len());
    let mut boxes = 0;
    for (row, whole) in without.rows.iter().zip(&all.rows) {
        for name in ["source_width", "source_bits", "scale_x", "offset_y"] {
            assert_eq!(row[name], Value::Null, "{name}");
            assert_ne!(whole[name], Value::Null, "{name}");
        }
        for name in BEFORE
            .iter()
            .chain(&["Cardiomegaly", "findings_source", "masks"])
        {
            assert_eq!(row[*name], whole[*name], "{name}");
        }
        for found in row["boxes"].as_array().into_iter().flatten() {
            boxes += 1;
            assert_eq!(
                (&found["tree_x"], &found["inside"]),
                (&Value::Null, &Value::Null)
            );
            assert!(found["x"].is_number());
        }
    }
    assert!(boxes > 5);

    let loose = table(&bench, &["--loose"]);
    let pneumonia = |table: &Table| table.column("rsna", "Pneumonia");
    assert_eq!(
        pneumonia(&all),
        [Value::Null, Value::Null, Value::Null, Value::Null]
    );
    assert_eq!(pneumonia(&loose)[1], json!(1));
}

#[test]
fn what_no_list_says_is_null() {
    let bench = Bench::sample(3);
    for list in [
        "chex-ray14/Data_Entry_2017_v2020.csv",
        "mimic/mimic-cxr-2.0.0-split.csv",
        "rsna/stage_2_train_labels.csv",
        "rsna/pneumonia-challenge-dataset-mappings_2018.json",
        "siim/train-rle.csv",
        "objcxr/train.csv",
    ] {
        fs::remove_file(bench.path("raw").join(list)).unwrap();
    }
    fs::remove_dir_all(bench.path("raw/vindrcxr/annotations")).unwrap();
    fs::remove_dir_all(bench.path("raw/openi/ecgen-radiology")).unwrap();
    let table = table(&bench, &[]);
    for (dataset, names) in [
        (
            "chex-ray14",
            &["sex", "age_raw", "study_key", "No Finding", "negatives"][..],
        ),
        ("mimic", &["split"]),
        ("rsna", &["patient_key", "same_image_as", "boxes"]),
        ("siim", &["Pneumothorax", "masks", "patient_key"]),
        ("objcxr", &["Foreign Object", "boxes", "label_source"]),
        ("vindrcxr", &["Cardiomegaly", "boxes", "findings_source"]),
        ("openi", &["No Finding", "report", "findings_text"]),
    ] {
        for name in names {
            let values = table.column(dataset, name);
            assert!(!values.is_empty());
            assert!(
                values.iter().all(Value::is_null),
                "{dataset} {name}: {values:?}"
            );
        }
    }
    // What the other lists and the names of files tell is still there.
    let row = table.of("chex-ray14")[1];
    assert_eq!(row["boxes"][0]["term"], "Cardiomegaly");
    assert!(row["patient_key"].is_string());
    assert_eq!(table.of("rsna")[0]["No Finding"], 1);
    assert_eq!(table.of("mimic")[0]["view"], "PA");
    assert_eq!(table.of("openi")[1]["view"], "LATERAL");
}

#[test]
fn settings_decide_which_images_have_rows() {
    let bench = Bench::sample(8);
    let all = table(&bench, &[]);
    fs::remove_file(bench.path("raw/chex-ray14/images/00000001_002.png")).unwrap();
    configure(
        &bench,
        "FRONTAL_ONLY: false",
        "FRONTAL_ONLY: true\nONLY_PRESENT: true",
    );
    let some = table(&bench, &[]);
    let ids = |table: &Table| table.column("chex-ray14", "id");
    let mut expected = ids(&all);
    expected.remove(2);
    assert_eq!(ids(&some), expected);
    for dataset in ["padchest", "mimic", "brax"] {
        let frontal: Vec<Value> = all
            .of(dataset)
            .iter()
            .filter(|row| row["frontal"] == true)
            .map(|row| row["key"].clone())
            .collect();
        assert!(frontal.len() < all.of(dataset).len());
        assert_eq!(some.column(dataset, "key"), frontal, "{dataset}");
        let labels = |table: &Table, key: &Value| {
            table.row(dataset, key.as_str().unwrap())["findings_source"].clone()
        };
        for key in &frontal {
            assert_eq!(labels(&some, key), labels(&all, key), "{dataset} {key}");
        }
    }
    assert!(some.of("openi").is_empty(), "as in the original script");
}

#[test]
fn an_output_that_cannot_be_is_refused_before_the_work() {
    let bench = Bench::sample(1);
    fs::create_dir(bench.path("machex")).unwrap();
    for (output, words) in [
        (
            "table.txt",
            "give a name that ends in .parquet, .arrow or .csv",
        ),
        ("table", "give a name that ends in .parquet, .arrow or .csv"),
        ("machex/table.parquet", "is the tree"),
        ("raw/openi/table.parquet", "is a raw dataset"),
        ("missing/table.parquet", "there is no folder"),
    ] {
        let ran = bench.run(&["metadata", "-o", output]).expect_status(1);
        assert!(ran.stderr().contains(words), "{output}: {}", ran.stderr());
        assert!(!bench.path(output).exists(), "{output}");
    }
    let ran = bench.run(&["metadata"]).expect_status(2);
    assert!(ran.stderr().contains("--output"), "{}", ran.stderr());
}

#[test]
fn nothing_is_written_if_it_is_interrupted() {
    let bench = Bench::small(0, "");
    let names: String = (0..600_000)
        .map(|number| format!("{number:06}.png\n"))
        .collect();
    fs::write(bench.path("raw/train_val_list.txt"), names).unwrap();
    let mut command = bench.command(&["metadata", "-o", "table.parquet"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let deadline = Instant::now() + Duration::from_secs(60);
    let catches_it = || {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (libc::SIGINT - 1) & 1 == 1)
    };
    while !catches_it() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(1));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("nothing is written"), "{said}");
    let left = fs::read_dir(bench.path("")).unwrap();
    let left = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("table.parquet")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn the_page_of_layouts_names_every_list() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/layouts.md");
    let page = fs::read_to_string(page).unwrap();
    let mut rows = 0;
    for dataset in ALL {
        for list in dataset.metadata_rules().lists {
            let files: Vec<String> = list.files.iter().map(|file| format!("`{file}`")).collect();
            let (key, files) = (dataset.root_key(), files.join(", "));
            let row = format!("\n| `{key}` | {files} | {} |\n", list.adds);
            assert!(page.contains(&row), "add to docs/layouts.md:{row}");
            rows += 1;
        }
    }
    let (_, section) = page.split_once("## Lists for the metadata table").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    assert_eq!(section.matches("_ROOT` |").count(), rows, "no other rows");
}

#[test]
fn a_finished_tree_gives_the_table_of_its_config() {
    let bench = Bench::sample(2);
    let of_config = table(&bench, &[]);
    bench.run(&["materialize", "--metadata"]).expect_status(0);
    let of_tree = table(&bench, &["machex"]);
    assert_eq!(of_tree.rows, of_config.rows);
    assert_eq!(of_tree.facts, of_config.facts);
    for option in ["--no-headers", "--loose"] {
        let ran = bench.run(&["metadata", "machex", "-o", "other.parquet", option]);
        let said = ran.expect_status(1).stderr();
        assert!(said.contains("need the config file"), "{said}");
        assert!(!bench.path("other.parquet").exists());
    }
}
