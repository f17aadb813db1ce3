//! What the metadata table says of editions of a dataset that have other lists than the release.

mod common;
#[path = "common/table.rs"]
mod table;

use std::fs;

use common::Bench;
use serde_json::{Map, Value, json};
use table::{expect, table};

/// A row without a column.
fn without(row: &Map<String, Value>, column: &str) -> Map<String, Value> {
    let mut row = row.clone();
    row.remove(column);
    row
}

#[test]
fn boxes_of_vindr_are_there_once_whatever_lists_there_are() {
    let bench = Bench::sample(5);
    let of_release = table(&bench, &["--dataset", "vindrcxr"]);
    let boxes = of_release.column("vindrcxr", "boxes");
    assert!(boxes[1].as_array().unwrap().len() > 3);
    let raw = |name: &str| bench.path("raw/vindrcxr").join(name);
    fs::copy(raw("annotations/annotations_train.csv"), raw("train.csv")).unwrap();
    fs::remove_file(raw("annotations/image_labels_train.csv")).unwrap();
    for removed in [None, Some("annotations/annotations_train.csv")] {
        if let Some(name) = removed {
            fs::remove_file(raw(name)).unwrap();
        }
        let found = table(&bench, &["--dataset", "vindrcxr"]);
        assert_eq!(found.column("vindrcxr", "boxes"), boxes);
        // Kaggle's labels are 14 of the 28.
        expect(
            found.of("vindrcxr")[1],
            &[
                ("Cardiomegaly", json!(1)),
                ("Nodule/Mass", json!(-1)),
                ("Pneumothorax", json!(0)),
                ("Fracture", Value::Null),
            ],
        );
    }
}

#[test]
fn open_i_of_kaggle_says_what_the_release_says() {
    let bench = Bench::sample(6);
    let of_release = table(&bench, &["--dataset", "openi"]);
    fs::remove_dir_all(bench.path("raw/openi/ecgen-radiology")).unwrap();
    let mut list = "uid,MeSH,Problems,image,indication,comparison,findings,impression\n".to_owned();
    for (row, uid) in of_release.of("openi").iter().zip(1..) {
        let terms = row["findings_source"].as_array().unwrap();
        let terms: Vec<&str> = terms.iter().map(|term| term.as_str().unwrap()).collect();
        let text = |column: &str| row[column].as_str().unwrap_or_default().to_owned();
        list += &format!(
            "{uid},\"{}\",,XXXX,{},{},{},{}\n",
            terms.join(";"),
            text("indication_text"),
            text("comparison_text"),
            text("findings_text"),
            text("impression_text")
        );
    }
    fs::write(bench.path("raw/openi/indiana_reports.csv"), list).unwrap();
    let of_kaggle = table(&bench, &["--dataset", "openi"]);
    assert_eq!(of_kaggle.of("openi")[0]["negatives"], "implied");
    for (kaggle, release) in of_kaggle
        .of("openi")
        .into_iter()
        .zip(of_release.of("openi"))
    {
        // The list has no report as a whole.
        assert_eq!(without(kaggle, "report"), without(release, "report"));
    }
}

#[test]
fn studies_of_padchest_that_share_a_name_are_two() {
    let bench = Bench::sample(4);
    let path = bench.path("raw/padchest/PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv");
    let list = fs::read_to_string(&path).unwrap();
    let found = table(&bench, &["--dataset", "padchest"]);
    let key = |row: usize| {
        found.of("padchest")[row]["study_key"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let name = |row: usize| key(row).rsplit('/').next().unwrap().to_owned();
    // The first and the last image are of different patients.
    let (first, last) = (name(0), name(3));
    assert_ne!(first, last);
    fs::write(&path, list.replace(&last, &first)).unwrap();
    let shared = table(&bench, &["--dataset", "padchest"]).column("padchest", "study_key");
    assert_ne!(shared[0], shared[3]);
}
