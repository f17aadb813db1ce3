//! The file that says which image of ChestX-ray14 an image of RSNA or SIIM-ACR is.

mod common;
#[path = "common/table.rs"]
mod table;

use std::fs;
use std::path::PathBuf;

use common::Bench;
use serde_json::{Value, json};
use table::{Table, table};

const NAME: &str = "pneumonia-challenge-dataset-mappings_2018.json";

/// A sample, and its mapping, which names seven of nine images of RSNA.
fn with_mapping() -> (Bench, PathBuf) {
    let bench = Bench::sample(9);
    let file = bench.path("raw/rsna").join(NAME);
    (bench, file)
}

/// Adds a line to the config.
fn set(bench: &Bench, line: &str) {
    let path = bench.path("config.yml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n{line}\n")).unwrap();
}

#[test]
fn a_mapping_elsewhere_is_found_if_the_config_names_it() {
    let (bench, file) = with_mapping();
    let of_root = table(&bench, &["--dataset", "rsna"]);
    fs::rename(file, bench.path("mapping.json")).unwrap();
    let without = table(&bench, &["--dataset", "rsna"]);
    assert!(
        without
            .column("rsna", "patient_key")
            .iter()
            .all(Value::is_null)
    );
    let check = || bench.run(&["check"]).expect_status(0).stdout();
    let is_missed = |said: &str| said.matches(&format!("not there: {NAME}")).count();
    // RSNA and SIIM-ACR.
    assert_eq!(is_missed(&check()), 2);

    set(&bench, "RSNA_MAPPING: mapping.json");
    let given = table(&bench, &["--dataset", "rsna"]);
    assert_eq!(given.rows, of_root.rows);
    let files: Value = serde_json::from_str(&given.facts["machex.files"]).unwrap();
    let files = files["rsna"].as_array().unwrap();
    assert!(
        files.contains(&json!("RSNA_MAPPING/mapping.json")),
        "{files:?}"
    );
    let said = check();
    assert_eq!(is_missed(&said), 0);
    assert_eq!(
        said.matches("RSNA_MAPPING/mapping.json").count(),
        2,
        "{said}"
    );
}

#[test]
fn images_that_the_mapping_does_not_name_are_counted() {
    let (bench, file) = with_mapping();
    let text = fs::read_to_string(&file).unwrap();
    let mut entries: Vec<Value> = serde_json::from_str(&text).unwrap();
    entries[0]["subset_img_id"] = json!("another");
    entries[1]["img_id"] = Value::Null;
    entries.push(json!({}));
    fs::write(&file, Value::from(entries).to_string()).unwrap();
    let ran = bench.run(&["metadata", "--dataset", "rsna", "-o", "table.parquet"]);
    let said = ran.expect_status(0).stderr();
    for words in [
        format!("{NAME}: 2 entries do not name an image of both datasets"),
        format!("{NAME}: rows about no image of the tree: 1 (another)"),
        format!("{NAME}: images without a row: 4 ("),
    ] {
        assert!(said.contains(&words), "no {words:?} in:\n{said}");
    }
}

#[test]
fn images_of_siim_are_known_by_their_instance() {
    let (bench, _) = with_mapping();
    let images = table(&bench, &["--dataset", "siim"]);
    let instance = |row: usize| -> String {
        let key = images.of("siim")[row]["key"].as_str().unwrap().to_owned();
        let name = key.rsplit('/').next().unwrap();
        name.strip_suffix(".dcm").unwrap().to_owned()
    };
    let mapping = json!([
        {"img_id": "00000001_003.png", "SOPInstanceUID": instance(2)},
        {"img_id": "00000002_000.png", "SOPInstanceUID": instance(5)},
    ]);
    fs::write(bench.path("raw/siim").join(NAME), mapping.to_string()).unwrap();
    let expect = |found: &Table| {
        for (row, patient, same) in [
            (0, Value::Null, Value::Null),
            (2, json!("nih:00000001"), json!("00000001_003.png")),
            (5, json!("nih:00000002"), json!("00000002_000.png")),
        ] {
            let row = found.of("siim")[row];
            assert_eq!(
                (&row["patient_key"], &row["same_image_as"]),
                (&patient, &same)
            );
        }
    };
    expect(&table(&bench, &["--dataset", "siim"]));
    // One file serves both datasets.
    fs::rename(bench.path("raw/siim").join(NAME), bench.path("both.json")).unwrap();
    set(&bench, "RSNA_MAPPING: both.json");
    expect(&table(&bench, &["--dataset", "siim"]));
}
