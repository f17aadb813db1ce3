//! What the metadata table says of each dataset: views, labels, patients, reports, boxes and masks.

mod common;
#[path = "common/table.rs"]
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::{Bench, write_png};
use serde_json::{Map, Value, json};
use table::{Table, configure, expect, table};

#[test]
fn the_rows_say_what_the_lists_of_each_dataset_say() {
    let bench = Bench::sample(12);
    let table = table(&bench, &[]);

    let rows = table.of("chex-ray14");
    expect(
        rows[1],
        &[
            ("Cardiomegaly", json!(1)),
            ("Pneumothorax", json!(0)),
            ("No Finding", json!(0)),
            ("Lung Opacity", Value::Null),
            ("findings_source", json!(["Cardiomegaly"])),
            ("negatives", json!("unmentioned")),
            ("label_source", json!("text mining")),
            ("split", json!("train")),
            ("study_date", Value::Null),
            ("date_kind", json!("none")),
            ("age_raw", json!("51")),
            ("age_years", json!(51.0)),
            ("sex", json!("F")),
            ("view", json!("PA")),
            ("frontal", json!(true)),
            ("study_key", json!("chex-ray14:00000001/1")),
        ],
    );
    expect(rows[0], &[("No Finding", json!(1)), ("Mass", json!(0))]);
    // Less than a year old.
    expect(
        rows[7],
        &[("age_years", json!(0.0)), ("age_raw", json!("0"))],
    );
    expect(
        rows[3],
        &[
            ("Nodule", json!(1)),
            ("Nodule/Mass", json!(1)),
            ("Lung Lesion", json!(1)),
        ],
    );

    let rows = table.of("chexpert");
    expect(
        rows[4],
        &[
            ("No Finding", json!(1)),
            ("Support Devices", json!(1)),
            ("Cardiomegaly", json!(0)),
            ("negatives", json!("implied")),
            ("age_years", Value::Null),
            ("age_raw", json!("0")),
        ],
    );
    expect(rows[5], &[("sex", Value::Null)]);
    expect(
        rows[6],
        &[
            ("view", json!("LL")),
            ("frontal", Value::Null),
            ("Cardiomegaly", Value::Null),
            ("negatives", Value::Null),
        ],
    );
    expect(
        rows[3],
        &[("view", json!("LATERAL")), ("frontal", json!(false))],
    );
    expect(
        rows[0],
        &[
            ("Cardiomegaly", json!(0)),
            ("Edema", json!(-1)),
            ("Lung Opacity", Value::Null),
            ("negatives", json!("negated")),
            ("patient_key", json!("chexpert:00001")),
            ("study_key", json!("chexpert:00001/study1")),
        ],
    );
    let uncertain = table.column("chexpert", "Pneumonia");
    assert!(uncertain.contains(&json!(-1)), "{uncertain:?}");

    let rows = table.of("padchest");
    expect(
        rows[0],
        &[
            ("No Finding", json!(1)),
            ("label_source", json!("physician")),
            ("age_years", json!(79.0)),
            ("age_raw", json!("1930.0")),
            ("study_date", json!("2009-01-15")),
            ("date_kind", json!("real")),
            ("report_language", json!("es")),
            ("report", json!("sin hallazg , normal .")),
        ],
    );
    assert_eq!(rows[0]["patient_key"], rows[1]["patient_key"]);
    assert_ne!(rows[1]["patient_key"], rows[2]["patient_key"]);
    expect(
        rows[2],
        &[
            ("Fibrosis", json!(1)),
            ("Cardiomegaly", json!(1)),
            ("No Finding", json!(0)),
            (
                "findings_source",
                json!(["pulmonary fibrosis", "kyphosis", "cardiomegaly"]),
            ),
            ("label_source", json!("model")),
        ],
    );
    expect(
        rows[3],
        &[
            ("Pleural Effusion", json!(1)),
            ("Infiltration", json!(1)),
            ("view", json!("AP_SUPINE")),
            ("age_years", Value::Null),
            ("age_raw", Value::Null),
        ],
    );
    for unlabelled in [5, 6] {
        expect(
            rows[unlabelled],
            &[
                ("No Finding", Value::Null),
                ("Pneumonia", Value::Null),
                ("negatives", Value::Null),
            ],
        );
    }
    // Born in 1885.
    expect(
        rows[6],
        &[("age_years", Value::Null), ("age_raw", json!("1885.0"))],
    );
    // It is not of the lungs or the pleura.
    expect(
        rows[8],
        &[
            ("Pleural Effusion", json!(0)),
            ("Emphysema", json!(0)),
            ("Nodule", json!(0)),
        ],
    );

    let rows = table.of("mimic");
    expect(
        rows[0],
        &[
            ("patient_key", json!("mimic:10000032")),
            ("study_key", json!("mimic:50000000")),
            ("study_date", json!("2110-05-01")),
            ("date_kind", json!("shifted")),
            ("split", json!("train")),
            ("sex", Value::Null),
            ("age_years", Value::Null),
        ],
    );
    let tested: Vec<_> = rows.iter().filter(|row| row["split"] == "test").collect();
    assert!(!tested.is_empty());
    for row in tested {
        expect(
            row,
            &[
                ("label_source", json!("radiologists")),
                ("Cardiomegaly", json!(1)),
                ("Pneumonia", json!(-1)),
                ("Support Devices", Value::Null),
                ("Lung Opacity", Value::Null),
            ],
        );
    }

    let rows = table.of("brax");
    let patient = |number: u32| {
        let key = format!("brax:{number:08x}");
        let mut rows = rows.iter();
        *rows.find(|row| row["patient_key"] == key).unwrap()
    };
    expect(
        patient(3),
        &[
            ("age_years", json!(85.0)),
            ("age_raw", json!("85 or more")),
            ("age_is_group", json!(true)),
            ("sex", json!("O")),
            ("study_date", json!("2107-01-04")),
            ("date_kind", json!("fictitious")),
            ("study_key", json!("brax:7000003")),
        ],
    );
    expect(
        patient(5),
        &[("age_years", Value::Null), ("age_is_group", Value::Null)],
    );
    expect(patient(2), &[("age_years", json!(0.0))]);

    let rows = table.of("objcxr");
    expect(
        rows[0],
        &[("Foreign Object", json!(0)), ("boxes", Value::Null)],
    );
    expect(rows[1], &[("Foreign Object", json!(1))]);
}

#[test]
fn vindr_needs_two_of_three_readers() {
    let table = table(&Bench::sample(5), &["--dataset", "vindrcxr"]);
    let rows = table.of("vindrcxr");
    expect(
        rows[1],
        &[
            ("Cardiomegaly", json!(1)),
            ("Aortic Enlargement", json!(1)),
            ("Nodule/Mass", json!(-1)),
            ("Pneumothorax", json!(0)),
            ("No Finding", json!(0)),
            ("negatives", json!("explicit")),
            (
                "findings_source",
                json!(["Aortic enlargement", "Cardiomegaly", "Nodule/Mass=-1"]),
            ),
            ("view", json!("PA")),
        ],
    );
    expect(rows[0], &[("No Finding", json!(1)), ("Mass", json!(0))]);
    let boxes = rows[1]["boxes"].as_array().unwrap();
    let readers: Vec<&str> = boxes
        .iter()
        .map(|found| found["reader"].as_str().unwrap())
        .collect();
    assert_eq!(readers, ["R8", "R8", "R8", "R9", "R9", "R10"]);
    // As two readers see it, but only one global label.
    expect(
        rows[2],
        &[("Pneumonia", json!(1)), ("Consolidation", json!(-1))],
    );
}

#[test]
fn open_i_has_frontal_images_if_lists_tell_the_views() {
    let bench = Bench::sample(8);
    let all = table(&bench, &["--dataset", "openi"]);
    expect(
        all.of("openi")[0],
        &[
            ("No Finding", json!(1)),
            ("negatives", json!("implied")),
            ("label_source", json!("indexers")),
            ("age_years", json!(80.0)),
            ("study_date", json!("2010-01-15")),
            ("date_kind", json!("shifted")),
            ("patient_key", json!("openi:CXR1")),
            ("impression_text", json!("No acute disease.")),
            (
                "findings_text",
                json!("Synthetic phantom 1. Heart size < normal."),
            ),
            ("comparison_text", json!("None.")),
            ("view", json!("PA")),
        ],
    );
    // By eye it is a lateral, by its header it is not.
    expect(
        all.of("openi")[1],
        &[("view", json!("LATERAL")), ("frontal", json!(false))],
    );
    expect(
        all.of("openi")[4],
        &[
            ("view", json!("AP")),
            ("frontal", json!(true)),
            ("findings_text", Value::Null),
        ],
    );
    for (number, is_labelled) in [(1, true), (3, false), (4, true), (5, false)] {
        let state = &all.of("openi")[number]["Cardiomegaly"];
        assert_eq!(state.is_number(), is_labelled, "{number}");
    }
    let keys = |table: &Table, is_wanted: &dyn Fn(&Map<String, Value>) -> bool| {
        let rows = table.of("openi").into_iter();
        let keys: Vec<Value> = rows
            .filter(|row| is_wanted(row))
            .map(|row| row["key"].clone())
            .collect();
        keys
    };
    configure(
        &bench,
        "FRONTAL_ONLY: false",
        "FRONTAL_ONLY: true\nOPENI_VIEWS: true",
    );
    let frontal = keys(&all, &|row| row["frontal"] == true);
    assert!((2..8).contains(&frontal.len()), "{frontal:?}");
    let of_both = table(&bench, &["--dataset", "openi"]);
    assert_eq!(keys(&of_both, &|_| true), frontal);

    fs::remove_file(bench.path("raw/openi/indiana_projections.csv")).unwrap();
    let of_headers = table(&bench, &["--dataset", "openi"]);
    let views = of_headers.column("openi", "view");
    assert!(!views.is_empty() && views.iter().all(|view| view == "PA" || view == "AP"));
    assert!(
        of_headers
            .of("openi")
            .iter()
            .any(|row| row["key"] == all.of("openi")[1]["key"])
    );

    fs::remove_file(bench.path("raw/openi/nlmcxr_dicom_metadata.csv")).unwrap();
    assert!(table(&bench, &["--dataset", "openi"]).rows.is_empty());
    configure(&bench, "OPENI_VIEWS: true", "OPENI_VIEWS: false");
    assert!(table(&bench, &["--dataset", "openi"]).rows.is_empty());
}

#[test]
fn patients_of_rsna_are_those_of_chestx_ray14() {
    let table = table(&Bench::sample(9), &["--dataset", "rsna,chex-ray14"]);
    let mut mapped = 0;
    for row in table.of("rsna") {
        let Some(same) = row["same_image_as"].as_str() else {
            assert_eq!(row["patient_key"], Value::Null);
            continue;
        };
        mapped += 1;
        let other = table.row("chex-ray14", same);
        assert!(other["patient_key"].is_string());
        assert_eq!(row["patient_key"], other["patient_key"]);
    }
    assert_eq!(mapped, 7);
    let patients: BTreeSet<String> = table
        .column("rsna", "patient_key")
        .iter()
        .filter_map(|patient| Some(patient.as_str()?.to_owned()))
        .collect();
    assert_eq!(patients.len(), 2);
    let rows = table.of("rsna");
    expect(
        rows[0],
        &[
            ("No Finding", json!(1)),
            ("Lung Opacity", json!(0)),
            ("negatives", json!("explicit")),
        ],
    );
    expect(
        rows[2],
        &[("No Finding", json!(0)), ("Lung Opacity", Value::Null)],
    );
    expect(
        rows[1],
        &[("Lung Opacity", json!(1)), ("No Finding", json!(0))],
    );
    assert_eq!(rows[1]["boxes"].as_array().unwrap().len(), 2);
    expect(
        rows[4],
        &[("age_years", Value::Null), ("age_raw", json!("155"))],
    );
}

#[test]
fn reports_of_mimic_have_their_sections() {
    let bench = Bench::sample(4);
    let study = "raw/mimic/files/p10/p10000032/s50000000.txt";
    fs::write(
        bench.path(study),
        "                                 FINAL REPORT\n EXAMINATION:  CHEST (PA AND LAT)\n\n \
         INDICATION:  Cough.\n\n COMPARISON:  None.\n\n FINDINGS: \n \n Clear\n lungs.\n \n \
         IMPRESSION: \n \n No acute process.\n",
    )
    .unwrap();
    let study = "raw/mimic/files/p10/p10000032/s50000001.txt";
    fs::write(bench.path(study), " CHEST\n \n Nothing new.\n").unwrap();
    let table = table(&bench, &["--dataset", "mimic"]);
    let rows = table.of("mimic");
    for row in &rows[..2] {
        expect(
            row,
            &[
                ("findings_text", json!("Clear\n lungs.")),
                ("impression_text", json!("No acute process.")),
                ("indication_text", json!("Cough.")),
                ("comparison_text", json!("None.")),
                ("last_paragraph_text", Value::Null),
                ("report_language", json!("en")),
            ],
        );
    }
    expect(
        rows[2],
        &[
            ("findings_text", Value::Null),
            ("last_paragraph_text", json!("Nothing new.")),
        ],
    );
}

#[test]
fn boxes_and_masks_are_in_pixels_of_the_tree() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("raw/images")).unwrap();
    let mut list = String::new();
    for (name, width, height) in [
        ("00000001_000.png", 2048, 1024),
        ("00000001_001.png", 512, 1024),
        ("00000002_000.png", 1024, 1024),
    ] {
        write_png(&bench.path(&format!("raw/images/{name}")), width, height, 7);
        list += &format!("{name}\n");
    }
    fs::write(bench.path("raw/train_val_list.txt"), list).unwrap();
    fs::write(
        bench.path("raw/BBox_List_2017.csv"),
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n\
         00000001_000.png,Mass,400,100,224,50,,,\n\
         00000001_000.png,Infiltrate,0,0,500,500,,,\n\
         00000001_001.png,Nodule,100.5,600,11,22,,,\n\
         00000002_000.png,Mass,1000,1000,100,24,,,\n",
    )
    .unwrap();
    bench.write_config("FRONTAL_ONLY: true\nCHEXRAY14_ROOT: raw");
    let table = table(&bench, &[]);
    let boxes = table.column("chex-ray14", "boxes");
    let of_tree = |found: &Value| {
        ["tree_x", "tree_y", "tree_width", "tree_height", "inside"].map(|name| found[name].as_f64())
    };
    // 512 columns are cut off on either side.
    let expected = [0.0, 100.0, 112.0, 50.0, 0.5].map(Some);
    assert_eq!(of_tree(&boxes[0][0]), expected);
    assert_eq!(
        (&boxes[0][0]["x"], &boxes[0][0]["width"]),
        (&json!(400.0), &json!(224.0))
    );
    assert_eq!(of_tree(&boxes[0][1]), [None, None, None, None, Some(0.0)]);
    assert_eq!(boxes[0][1]["finding"], "Infiltration");
    assert_eq!(boxes[0][1]["term"], "Infiltrate");
    // Twice as large, and 512 rows are cut off at the top.
    let expected = [201.0, 688.0, 22.0, 44.0, 1.0].map(Some);
    assert_eq!(of_tree(&boxes[1][0]), expected);
    // The list's box is larger than the picture.
    let expected = [1000.0, 1000.0, 24.0, 24.0, 0.24].map(Some);
    assert_eq!(of_tree(&boxes[2][0]), expected);

    let table = self::table(&Bench::sample(7), &["--dataset", "siim,objcxr"]);
    let masks = table.column("siim", "masks");
    let area = |masks: &Value| -> Option<u64> {
        let runs = masks[0]["runs"].as_array()?;
        runs.iter().skip(1).step_by(2).map(Value::as_u64).sum()
    };
    // 12 columns of 30, 32, 34, ... pixels.
    assert_eq!(area(&masks[1]), Some(492));
    // A list of two masks for one image.
    assert_eq!(
        (masks[3].as_array().unwrap().len(), area(&masks[3])),
        (1, Some(984))
    );
    assert_eq!(
        (&masks[1][0]["width"], &masks[1][0]["finding"]),
        (&json!(1024), &json!("Pneumothorax"))
    );
    assert_eq!(masks[1][0]["runs"][0], 180 * 1024 + 301);
    let pneumothorax = table.column("siim", "Pneumothorax");
    let states = [
        json!(0),
        json!(1),
        json!(0),
        json!(1),
        json!(1),
        Value::Null,
        json!(0),
    ];
    assert_eq!(pneumothorax, states);
    let shapes = table.column("objcxr", "boxes")[2].clone();
    assert_eq!(
        (&shapes[0]["shape"], &shapes[1]["shape"]),
        (&json!("ellipse"), &json!("polygon"))
    );
    assert_eq!(shapes[1]["points"].as_array().unwrap().len(), 8);
    assert_eq!(shapes[0]["points"], Value::Null);
}

#[test]
fn a_damaged_list_of_views_leaves_the_other_one() {
    let bench = Bench::sample(8);
    let list = bench.path("raw/openi/indiana_projections.csv");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace("projection", "plane")).unwrap();
    configure(
        &bench,
        "FRONTAL_ONLY: false",
        "FRONTAL_ONLY: true\nOPENI_VIEWS: true",
    );
    let views = table(&bench, &["--dataset", "openi"]).column("openi", "view");
    assert!(!views.is_empty(), "by the list of headers");
    assert!(views.iter().all(|view| view == "PA" || view == "AP"));
}

#[test]
fn an_entry_of_the_mapping_without_a_name_costs_only_itself() {
    let bench = Bench::sample(9);
    let file = bench.path("raw/rsna/pneumonia-challenge-dataset-mappings_2018.json");
    let text = fs::read_to_string(&file).unwrap();
    let mut entries: Vec<Value> = serde_json::from_str(&text).unwrap();
    entries[0]["subset_img_id"] = Value::Null;
    entries.push(json!({}));
    fs::write(&file, Value::from(entries).to_string()).unwrap();
    let same = table(&bench, &["--dataset", "rsna"]).column("rsna", "same_image_as");
    assert_eq!(same.iter().filter(|same| same.is_string()).count(), 6);
}

#[test]
fn a_study_of_siim_is_a_folder_among_the_images() {
    let bench = Bench::sample(2);
    let images = bench.path("raw/siim/dicom-images-train");
    let studies = table(&bench, &["--dataset", "siim"]).column("siim", "study_key");
    assert!(studies[0].as_str().unwrap().starts_with("siim:1.2.276"));
    for row in table(&bench, &["--dataset", "siim"]).rows {
        let key = Path::new(row["key"].as_str().unwrap());
        fs::rename(key, images.join(key.file_name().unwrap())).unwrap();
    }
    let flat = table(&bench, &["--dataset", "siim", "--no-headers"]);
    let studies = flat.column("siim", "study_key");
    assert!(studies.iter().all(Value::is_null), "{studies:?}");
}
