//! `machex metadata` of lists that are damaged, odd, or those of another release: what cannot be
//! known is null, a message says where and why, and all else is still there.

mod common;
#[path = "common/table.rs"]
mod table;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use common::{Bench, Ran};
use serde_json::{Value, json};
use table::Table;

const LIST: &str = "Data_Entry_2017_v2020.csv";

const HEADER: &str =
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position\n";

const ROWS: [&str; 3] = [
    "0000.png,Mass,0,1,50,M,PA\n",
    "0001.png,No Finding,1,1,51,F,AP\n",
    "0002.png,Hernia,0,2,52,M,PA\n",
];

/// Three images of ChestX-ray14, with these bytes as their list of labels, and a list of boxes.
fn small(list: &[u8]) -> Bench {
    let bench = Bench::small(3, "");
    fs::write(bench.path("raw").join(LIST), list).unwrap();
    fs::write(
        bench.path("raw/BBox_List_2017.csv"),
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n0000.png,Mass,1,2,30,40,,,\n",
    )
    .unwrap();
    bench
}

/// Writes the table; returns it with what was said, after the status has been compared.
#[track_caller]
fn table(bench: &Bench, status: i32) -> (Table, String) {
    let ran: Ran = bench
        .run(&["metadata", "-o", "table.parquet"])
        .expect_status(status);
    (
        Table::of_parquet(&bench.path("table.parquet")),
        ran.stderr(),
    )
}

/// The table of a list, which `words` are said about, and in which what these columns of the second
/// row say is known.
#[track_caller]
fn expect(list: &[u8], status: i32, words: &[&str], known: &[(&str, Value)]) -> Table {
    let (table, said) = table(&small(list), status);
    for words in words {
        assert!(said.contains(words), "no {words:?} in:\n{said}");
    }
    assert_eq!(table.rows.len(), 3);
    for (name, value) in known {
        assert_eq!(&table.rows[1][*name], value, "{name}: {said}");
    }
    assert_eq!(table.rows[0]["boxes"][0]["term"], "Mass", "the other list");
    table
}

/// The good list with another second row.
fn with_row(row: &str) -> String {
    [HEADER, ROWS[0], row, ROWS[2]].concat()
}

fn good() -> String {
    with_row(ROWS[1])
}

#[test]
fn of_a_good_list_nothing_is_said() {
    let (table, said) = table(&small(good().as_bytes()), 0);
    assert!(!said.contains("machex:"), "{said}");
    assert_eq!(table.column("chex-ray14", "sex"), ["M", "F", "M"]);
    let more = good().replace('\n', ",more\n");
    expect(more.as_bytes(), 0, &[], &[("sex", json!("F"))]);
    let otherwise = good().replace("Image Index", " image index ");
    expect(otherwise.as_bytes(), 0, &[], &[("sex", json!("F"))]);
}

#[test]
fn a_missing_column_is_null_and_named() {
    let without: String = good()
        .lines()
        .map(|line| line.split(',').take(4).collect::<Vec<_>>().join(",") + "\n")
        .collect();
    expect(
        without.as_bytes(),
        0,
        &[
            "Data_Entry_2017_v2020.csv: there is no column \"Patient Age\"",
            "there is no column \"View Position\"",
        ],
        &[
            ("sex", Value::Null),
            ("age_raw", Value::Null),
            ("No Finding", json!(1)),
        ],
    );
    let no_labels = good().replace("Finding Labels", "Labels");
    expect(
        no_labels.as_bytes(),
        0,
        &["there is no column \"Finding Labels\""],
        &[("sex", json!("F")), ("No Finding", Value::Null)],
    );
    let no_name = good().replace("Image Index", "File");
    expect(
        no_name.as_bytes(),
        3,
        &[
            "Data_Entry_2017_v2020.csv",
            "no column \"Image Index\"",
            "File",
        ],
        &[("sex", Value::Null), ("No Finding", Value::Null)],
    );
}

#[test]
fn a_cell_that_says_nothing_possible_is_null() {
    for (cells, words, name) in [
        (
            "No Finding,1,1,414,F,AP",
            "column \"Patient Age\": \"414\" is not a possible age",
            "age_years",
        ),
        (
            "No Finding,1,1,-3,F,AP",
            "column \"Patient Age\": \"-3\" is not a possible age",
            "age_years",
        ),
        (
            "No Finding,1,1,old,F,AP",
            "column \"Patient Age\": \"old\"",
            "age_years",
        ),
        (
            "No Finding,1,1,51,X,AP",
            "column \"Patient Gender\": \"X\" is not a sex",
            "sex",
        ),
    ] {
        let list = with_row(&format!("0001.png,{cells}\n"));
        let line = format!("{LIST}, line 3, {words}");
        let table = expect(
            list.as_bytes(),
            0,
            &[&line],
            &[(name, Value::Null), ("No Finding", json!(1))],
        );
        assert_eq!(table.rows[0]["age_years"], 50.0);
    }
    let list = with_row("0001.png,No Finding,1,1,51,F,SKYLINE\n");
    expect(
        list.as_bytes(),
        0,
        &["line 3, column \"View Position\": \"SKYLINE\" is not a view"],
        &[
            ("view", json!("OTHER")),
            ("frontal", Value::Null),
            ("view_raw", json!("SKYLINE")),
        ],
    );
    let many: String = (0..3)
        .map(|number| format!("000{number}.png,Mass,0,1,{},M,PA\n", 200 + number))
        .collect();
    let said = table(&small(format!("{HEADER}{many}").as_bytes()), 0).1;
    assert!(
        said.contains("line 2, column \"Patient Age\": \"200\""),
        "{said}"
    );
    assert!(said.contains("(and 2 other cells of the column)"), "{said}");
    assert_eq!(said.matches("Patient Age").count(), 1, "{said}");
}

#[test]
fn a_row_that_is_too_long_is_left_out() {
    let list = with_row("0001.png,No Finding,1,1,51,F,AP,and,more\n");
    let table = expect(
        list.as_bytes(),
        3,
        &[LIST, "line 3", "this row is left out"],
        &[("sex", Value::Null), ("No Finding", Value::Null)],
    );
    assert_eq!(table.rows[2]["age_years"], 52.0);
    let long: String = (0..40).map(|_| "0001.png,a,b,c,d,e,f,g,h\n").collect();
    let said = self::table(&small(format!("{}{long}", good()).as_bytes()), 3).1;
    assert!(said.contains("35 more such rows are left out"), "{said}");
    assert!(said.lines().count() < 12, "{said}");
}

#[test]
fn the_rows_before_a_damage_are_kept() {
    let list = with_row("0001.png,\"No Finding,1,1,51,F,AP\n");
    let table = expect(
        list.as_bytes(),
        3,
        &[LIST, "line 3"],
        &[("sex", Value::Null)],
    );
    assert_eq!(table.rows[0]["sex"], "M");
}

#[test]
fn odd_bytes_leave_the_list_readable() {
    let list = good().replace("51,F", "51,F\0");
    expect(list.as_bytes(), 0, &[LIST], &[("sex", json!("F"))]);
    let mut list = good().into_bytes();
    let at = list.windows(4).position(|bytes| bytes == b"Mass").unwrap();
    list[at + 1] = 0xe9;
    let table = expect(&list, 0, &[LIST, "UTF-8"], &[("No Finding", json!(1))]);
    // The word is no label of the release.
    assert_eq!(table.rows[0]["Mass"], Value::Null);
}

#[test]
fn what_is_no_list_or_another_list_is_named() {
    for (list, words) in [
        (&b"<!DOCTYPE html>\n<html><body>Sign in"[..], "an HTML page"),
        (b"PK\x03\x04\x14\0\0\0\x08\0train.csv", "a zip archive"),
        (b"", "empty"),
        (b"\0\0\0\0\0\0\0\0", "zero bytes"),
        (b"{\"detail\": \"Not found.\"}", "a JSON document"),
    ] {
        expect(list, 3, &[LIST, words], &[("sex", Value::Null)]);
    }
    let other = good().replace(".png", ".jpg");
    expect(
        other.as_bytes(),
        3,
        &["none of its rows is about an image of the tree: 3 (0000.jpg, 0001.jpg, 0002.jpg)"],
        &[("sex", Value::Null)],
    );
}

#[test]
fn a_list_that_is_a_folder_or_may_not_be_read_is_named() {
    let bench = small(b"");
    let path = bench.path("raw").join(LIST);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let (table, said) = table(&bench, 3);
    assert!(said.contains("it is a folder, not a file"), "{said}");
    assert_eq!(table.rows[0]["boxes"][0]["term"], "Mass");
    if rustix::process::getuid().is_root() {
        println!("NOT TESTED: a list without permission, since root may read all");
        return;
    }
    let bench = small(good().as_bytes());
    let path = bench.path("raw").join(LIST);
    fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap();
    let (table, said) = self::table(&bench, 3);
    assert!(said.contains("ermission denied"), "{said}");
    assert_eq!(table.rows[0]["boxes"][0]["term"], "Mass");
}

#[test]
fn of_rows_about_the_same_image_the_last_counts() {
    let list = format!("{}0001.png,Hernia,1,1,60,M,PA\n", good());
    expect(
        list.as_bytes(),
        0,
        &[],
        &[
            ("Hernia", json!(1)),
            ("No Finding", json!(0)),
            ("age_years", json!(60.0)),
            ("sex", json!("M")),
        ],
    );
    // A reading is one, however often its row is there.
    let bench = Bench::sample(5);
    let path = bench.path("raw/vindrcxr/annotations/image_labels_train.csv");
    let text = fs::read_to_string(&path).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let before = table(&bench, 0).0.column("vindrcxr", "Nodule/Mass");
    fs::write(&path, format!("{header}\n{rows}{rows}")).unwrap();
    let after = table(&bench, 0).0.column("vindrcxr", "Nodule/Mass");
    assert_eq!(before[1], -1);
    assert_eq!(after, before);
}

/// Changes a list of a sample.
fn change(bench: &Bench, list: &str, from: &str, to: &str) {
    let path = bench.path("raw").join(list);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn odd_cells_of_each_kind_are_told_with_their_places() {
    let bench = Bench::sample(4);
    let expected = [
        (
            "siim/train-rle.csv",
            "1.2.276.0.7230010.3.1.4.8323329.1000,-1",
            "1.2.276.0.7230010.3.1.4.8323329.1000,1 2 3",
            "train-rle.csv, line 2, column \"EncodedPixels\"",
        ),
        (
            "objcxr/train.csv",
            "00002.jpg,0 ",
            "00002.jpg,7 ",
            "train.csv, line 3, column \"annotation\"",
        ),
        (
            "rsna/stage_2_train_labels.csv",
            ",,,,,0",
            ",,,,,5",
            "stage_2_train_labels.csv, line 2, column \"Target\": \"5\" is not 1 or 0",
        ),
        (
            "rsna/stage_2_detailed_class_info.csv",
            ",Normal",
            ",Odd",
            "class_info.csv, line 2, column \"class\": \"Odd\" is not a class",
        ),
        (
            "mimic/mimic-cxr-2.0.0-chexpert.csv",
            "0.0",
            "7.5",
            "mimic-cxr-2.0.0-chexpert.csv, line 2, column \"Cardiomegaly\": \"7.5\" is not 1, 0 or -1",
        ),
        (
            "mimic/mimic-cxr-2.0.0-split.csv",
            ",train",
            ",other",
            "split.csv, line 2, column \"split\": \"other\" is not a part",
        ),
        (
            "padchest/PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
            "['normal']",
            "['normal",
            "01.02.19.csv, line 2, column \"Labels\": \"['normal\" is not a list of labels",
        ),
        (
            "vindrcxr/annotations/annotations_train.csv",
            ",No finding,,,,",
            ",Cardiomegaly,5,,,",
            "annotations_train.csv, line 2, column \"x_min\": \"x_min 5\" is a part of a box",
        ),
        (
            "brax/master_spreadsheet_update.csv",
            ",F,40,",
            ",F,forty,",
            "update.csv, line 2, column \"PatientAge\": \"forty\" is not a possible age",
        ),
    ];
    for (list, from, to, _) in expected {
        change(&bench, list, from, to);
    }
    let (table, said) = table(&bench, 0);
    for (list, _, _, words) in expected {
        assert!(said.contains(words), "{list}: no {words:?} in:\n{said}");
    }
    assert_eq!(table.of("siim")[0]["Pneumothorax"], Value::Null);
    assert_eq!(table.of("siim")[1]["Pneumothorax"], 1);
    assert_eq!(table.of("objcxr")[1]["Foreign Object"], Value::Null);
    assert_eq!(table.of("rsna")[0]["No Finding"], Value::Null);
    assert_eq!(table.of("rsna")[2]["No Finding"], 0);
    assert_eq!(table.of("mimic")[0]["Cardiomegaly"], Value::Null);
    assert_eq!(table.of("padchest")[0]["No Finding"], Value::Null);
    assert_eq!(table.of("padchest")[2]["Fibrosis"], 1);
    assert_eq!(table.of("brax")[0]["sex"], "F");
}

#[test]
fn broken_reports_and_mappings_leave_the_others() {
    let bench = Bench::sample(9);
    let good = table(&bench, 0).0;
    for (number, text) in [
        (
            1,
            "<eCitation><uId id=\"CXR1\"/>\n<MeSH><major>normal</major>",
        ),
        (2, "<html>"),
        (3, ""),
        (
            4,
            "<eCitation>\n<uId id=\"CXR4\"/>&nbsp;<AbstractText Label=\"FINDINGS\">&x;</AbstractText></eCitation>",
        ),
        (5, "not XML"),
        (6, "<eCitation></eCitation>"),
        (7, "<eCitation><uId id=\"CXR7\"></eCitation>"),
    ] {
        let path = format!("raw/openi/ecgen-radiology/{number}.xml");
        fs::write(bench.path(&path), text).unwrap();
    }
    let mapping = "rsna/pneumonia-challenge-dataset-mappings_2018.json";
    change(&bench, mapping, "\"img_id\":", "\"img_id\"");
    let (table, said) = table(&bench, 3);
    for words in [
        "ecgen-radiology/1.xml: line 2: the file is cut off",
        "ecgen-radiology/2.xml: line 1: the root of a report is one <eCitation>",
        "2 more reports cannot be read",
        "pneumonia-challenge-dataset-mappings_2018.json",
        "line 6",
    ] {
        assert!(said.contains(words), "no {words:?} in:\n{said}");
    }
    for number in 0..7 {
        assert_eq!(table.of("openi")[number]["findings_text"], Value::Null);
    }
    for number in 7..9 {
        assert_eq!(table.of("openi")[number], good.of("openi")[number]);
    }
    assert!(
        table
            .column("rsna", "same_image_as")
            .iter()
            .all(Value::is_null)
    );
    let boxes = |table: &Table| table.column("rsna", "boxes");
    assert_eq!(boxes(&table), boxes(&good));
    for dataset in ["chexpert", "mimic", "siim"] {
        assert_eq!(table.of(dataset), good.of(dataset));
    }
}

#[test]
fn a_dataset_whose_images_are_not_known_leaves_the_others() {
    let bench = Bench::sample(2);
    fs::write(bench.path("raw/chexpert/train.csv"), "<html>").unwrap();
    let (table, said) = table(&bench, 3);
    assert!(
        said.contains("chexpert") && said.contains("an HTML page"),
        "{said}"
    );
    assert!(table.of("chexpert").is_empty());
    assert_eq!(table.of("mimic").len(), 2);
}

#[test]
fn a_word_that_is_no_label_is_not_taken_for_the_absence_of_all() {
    let unknown = with_row("0001.png,Pleural Thickening|Effusion,1,1,51,F,AP\n");
    expect(
        unknown.as_bytes(),
        0,
        &["line 3, column \"Finding Labels\": \"Pleural Thickening\" is not a label"],
        &[
            ("Pleural Thickening", Value::Null),
            ("Hernia", Value::Null),
            ("sex", json!("F")),
        ],
    );
}

#[test]
fn an_annotation_that_is_not_there_says_nothing() {
    let bench = Bench::sample(4);
    let list = bench.path("raw/objcxr/train.csv");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace("annotation", "comment")).unwrap();
    let (table, said) = table(&bench, 0);
    assert!(said.contains("there is no column \"annotation\""), "{said}");
    let found = table.column("objcxr", "Foreign Object");
    assert!(found.iter().all(Value::is_null), "{found:?}");
}

#[test]
fn an_odd_class_of_rsna_leaves_what_the_other_list_says() {
    let bench = Bench::sample(4);
    let list = bench.path("raw/rsna/stage_2_detailed_class_info.csv");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace(",Lung Opacity", ",Opacity")).unwrap();
    let (table, said) = table(&bench, 0);
    assert!(said.contains("is not a class of the release"), "{said}");
    let found = table.column("rsna", "Lung Opacity");
    assert!(found.contains(&json!(1)), "{found:?}");
}
