//! The masks of CheXmask in the metadata table: a list for each of five datasets, and what is done
//! with rows that cannot be used.

mod common;
#[path = "common/table.rs"]
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::UInt32Type;
use common::mounted::Mounted;
use common::small_disk::SmallDisk;
use common::{Bench, Ran, write_png};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};
use table::{Table, configure, table};

/// The list of each dataset, and the column of its images.
const LISTS: [(&str, &str, &str); 5] = [
    ("chex-ray14", "ChestX-Ray8.csv", "Image Index"),
    ("chexpert", "CheXpert.csv", "Path"),
    ("padchest", "Padchest.csv", "ImageID"),
    ("mimic", "MIMIC-CXR-JPG.csv", "dicom_id"),
    ("vindrcxr", "VinDr-CXR.csv", "image_id"),
];

const ORGANS: [&str; 3] = ["Left Lung", "Right Lung", "Heart"];

/// The columns after the name of the image, in the order of the release.
const COLUMNS: &str =
    "Dice RCA (Mean),Dice RCA (Max),Landmarks,Left Lung,Right Lung,Heart,Height,Width";

/// As the release writes it: a NumPy array, with line ends.
const LANDMARKS: &str = "\"[[381 223]\n [345 227]]\"";

/// The pixels of a rectangle, as CheXmask's `get_RLE_from_mask` writes them.
fn encoded(width: u64, (left, top, columns, rows): (u64, u64, u64, u64)) -> String {
    let runs = (top..top + rows).map(|y| format!("{} {columns}", y * width + left + 1));
    runs.collect::<Vec<_>>().join(" ")
}

/// Where the organ is in a picture of this size.
fn area(organ: usize, width: u64, height: u64) -> (u64, u64, u64, u64) {
    let left = width / 8 * (2 * organ as u64 + 1);
    (left, height / 4, width / 8, height / 2)
}

/// The cells of a row after the name of the image.
fn cells(quality: &str, width: u64, height: u64) -> String {
    let masks = [0, 1, 2].map(|organ| encoded(width, area(organ, width, height)));
    let [left, right, heart] = &masks;
    format!("{quality},0.9,{LANDMARKS},{left},{right},{heart},{height},{width}")
}

/// The name of an image in a list of CheXmask.
fn name_in_list(dataset: &str, key: &str) -> String {
    let file = key.rsplit('/').next().unwrap();
    match dataset {
        "mimic" | "vindrcxr" => file.split('.').next().unwrap().to_owned(),
        _ => key.to_owned(),
    }
}

/// The size of the source of a row.
fn size(row: &Map<String, Value>) -> (u64, u64) {
    let side = |name: &str| row[name].as_u64().unwrap();
    (side("source_width"), side("source_height"))
}

/// A list with a row for each image of a dataset of `table`.
fn list(table: &Table, dataset: &str, column: &str) -> String {
    let mut list = format!("{column},{COLUMNS}\n");
    for row in table.of(dataset) {
        let name = name_in_list(dataset, row["key"].as_str().unwrap());
        let (width, height) = size(row);
        writeln!(list, "{name},{}", cells("0.84", width, height)).unwrap();
    }
    list
}

/// The pixels of runs: start and length, counted from 0.
fn pixels(runs: &Value) -> BTreeSet<u64> {
    let numbers: Vec<u64> = runs
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap())
        .collect();
    let runs = numbers.chunks(2);
    runs.flat_map(|run| run[0]..run[0] + run[1]).collect()
}

/// Compares the masks of a row with those that [`cells`] writes.
#[track_caller]
fn expect_masks(row: &Map<String, Value>) {
    let (width, height) = size(row);
    let masks = row["masks"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", row["key"]));
    assert_eq!(masks.len(), 3);
    for (organ, mask) in masks.iter().enumerate() {
        assert_eq!(mask["term"], ORGANS[organ]);
        assert_eq!(mask["finding"], Value::Null);
        assert_eq!(
            (&mask["width"], &mask["height"]),
            (&json!(width), &json!(height))
        );
        let (left, top, columns, rows) = area(organ, width, height);
        let drawn = (top..top + rows).flat_map(|y| {
            let start = y * width + left;
            start..start + columns
        });
        assert_eq!(pixels(&mask["runs"]), drawn.collect());
    }
}

/// A sample, and the lists of CheXmask for it in the folder `chexmask`.
fn with_lists() -> (Bench, Table) {
    let bench = Bench::sample(5);
    let table = table(&bench, &[]);
    let folder = bench.path("chexmask/OriginalResolution");
    fs::create_dir_all(&folder).unwrap();
    for (dataset, file, column) in LISTS {
        fs::write(folder.join(file), list(&table, dataset, column)).unwrap();
    }
    (bench, table)
}

fn set_root(bench: &Bench, folder: &str) {
    let path = bench.path("config.yml");
    let mut text = fs::read_to_string(&path).unwrap();
    text += &format!("\nCHEXMASK_ROOT: {folder}\n");
    fs::write(path, text).unwrap();
}

#[test]
fn masks_of_five_datasets_come_from_one_folder_or_from_their_roots() {
    let (bench, before) = with_lists();
    // The masks of SIIM-ACR are its own.
    let has_masks = |table: &Table| -> BTreeMap<String, usize> {
        let rows = table.rows.iter().filter(|row| row["masks"].is_array());
        rows.fold(BTreeMap::new(), |mut counts, row| {
            *counts
                .entry(row["dataset"].as_str().unwrap().to_owned())
                .or_default() += 1;
            counts
        })
    };
    assert_eq!(has_masks(&before).keys().collect::<Vec<_>>(), ["siim"]);
    let check = |table: &Table| {
        for (dataset, ..) in LISTS {
            for row in table.of(dataset) {
                expect_masks(row);
            }
        }
        for (of_all, row) in before.rows.iter().zip(&table.rows) {
            let mut row = row.clone();
            if of_all["dataset"] != "siim" {
                row["masks"] = Value::Null;
            }
            assert_eq!(&row, of_all, "all else is as it was");
        }
    };
    let original = fs::read_to_string(bench.path("config.yml")).unwrap();
    for folder in ["chexmask", "chexmask/OriginalResolution"] {
        fs::write(bench.path("config.yml"), &original).unwrap();
        set_root(&bench, folder);
        let found = table(&bench, &[]);
        check(&found);
        // Wherever the folder is.
        let files: Value = serde_json::from_str(&found.facts["machex.files"]).unwrap();
        let below = folder.strip_prefix("chexmask").unwrap();
        let name = match below {
            "" => "CHEXMASK_ROOT/OriginalResolution/CheXpert.csv",
            _ => "CHEXMASK_ROOT/CheXpert.csv",
        };
        assert_eq!(files["chexpert"], json!(["train.csv", name]));
    }
    // Those of a root, compressed as they are published.
    fs::write(bench.path("config.yml"), &original).unwrap();
    for (dataset, file, _) in LISTS {
        let plain = fs::read(bench.path("chexmask/OriginalResolution").join(file)).unwrap();
        let path = bench.path("raw").join(dataset).join(format!("{file}.gz"));
        let packed = fs::File::create(path).unwrap();
        let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        packed.write_all(&plain).unwrap();
        packed.finish().unwrap();
    }
    check(&table(&bench, &[]));
    let said = bench.run(&["check"]).expect_status(0).stdout();
    for (_, file, _) in LISTS {
        let missing = format!("not there: OriginalResolution/{file}");
        assert!(!said.contains(&missing), "{said}");
    }
}

#[test]
fn a_mount_and_a_finished_tree_have_the_same_masks() {
    if common::mounted::skips_fuse("masks in the metadata of a mount") {
        return;
    }
    let (bench, _) = with_lists();
    set_root(&bench, "chexmask");
    let file = "vindrcxr/metadata.parquet";
    bench
        .run(&["materialize", "--metadata", "--dataset", "vindrcxr"])
        .expect_status(0);
    let written = fs::read(bench.path("machex").join(file)).unwrap();
    let served = |bench: &Bench| {
        let mounted = Mounted::new(bench, &[]);
        fs::read(mounted.path(file)).unwrap()
    };
    assert_eq!(served(&bench), written);
    for row in Table::of_parquet(&bench.path("machex").join(file)).of("vindrcxr") {
        expect_masks(row);
    }
    // A list that changes renews the table of a mount.
    let path = bench.path("chexmask/OriginalResolution/VinDr-CXR.csv");
    let other = fs::read_to_string(&path).unwrap().replace("0.84", "0.64");
    fs::write(&path, other).unwrap();
    assert_ne!(served(&bench), written);
}

/// Four images of ChestX-ray14 of 80 x 64 pixels, and these rows of CheXmask.
fn small(rows: &str) -> Bench {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("raw/images")).unwrap();
    let mut names = String::new();
    for number in 0..4 {
        let name = format!("0000000{number}_000.png");
        write_png(&bench.path(&format!("raw/images/{name}")), 80, 64, 9);
        names += &format!("{name}\n");
    }
    fs::write(bench.path("raw/train_val_list.txt"), names).unwrap();
    fs::write(
        bench.path("raw/ChestX-Ray8.csv"),
        format!("Image Index,{COLUMNS}\n{rows}"),
    )
    .unwrap();
    bench.write_config("FRONTAL_ONLY: true\nCHEXRAY14_ROOT: raw");
    bench
}

/// The table of such rows with what was said, after the status has been compared.
#[track_caller]
fn small_table(rows: &str, more: &[&str], status: i32) -> (Table, String) {
    let bench = small(rows);
    let arguments = [&["metadata", "-o", "table.parquet"], more].concat();
    let ran: Ran = bench.run(&arguments).expect_status(status);
    (
        Table::of_parquet(&bench.path("table.parquet")),
        ran.stderr(),
    )
}

fn row(number: u32, cells: &str) -> String {
    format!("0000000{number}_000.png,{cells}\n")
}

#[test]
fn rows_of_low_quality_and_of_another_size_are_left_out_and_told() {
    let rows = [
        row(0, &cells("0.7", 80, 64)),
        row(1, &cells("0.6999", 80, 64)),
        // The sides are the wrong way round.
        row(2, &cells("0.9", 64, 80)),
        row(3, &cells("", 80, 64)),
        row(9, &cells("0.9", 80, 64)),
    ]
    .concat();
    let (table, said) = small_table(&rows, &[], 0);
    expect_masks(table.row("chex-ray14", "00000000_000.png"));
    let masks = table.column("chex-ray14", "masks");
    assert_eq!(masks[1..], [Value::Null, Value::Null, Value::Null]);
    for words in [
        "CheXmask: the masks of 2 rows are left out, where Dice RCA (Mean) is below 0.7",
        "images whose masks are left out, since they are of a picture of another size: 1 \
         (00000002_000.png); width and height are exchanged for 1 of them",
        "ChestX-Ray8.csv: rows about no image of the tree: 1 (00000009_000.png)",
    ] {
        assert!(said.contains(words), "no {words:?} in:\n{said}");
    }
    // Without headers, the size of the list is all that is known.
    let (table, _) = small_table(&rows, &["--no-headers"], 0);
    let masks = table.column("chex-ray14", "masks");
    assert_eq!(
        (&masks[2][0]["width"], &masks[2][0]["height"]),
        (&json!(64), &json!(80))
    );
}

#[test]
fn a_mask_that_cannot_be_read_costs_no_other() {
    let good = cells("0.9", 80, 64);
    let left = encoded(80, area(0, 80, 64));
    let with = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replacen(from, to, 1)
    };
    let rows = [
        row(0, &with(&left, "0 5 7 8")),
        row(1, &with(&left, "")),
        row(2, &with(",64,80", ",64.5,80")),
        row(3, &with(",64,80", ",many,80")),
    ]
    .concat();
    let (table, said) = small_table(&rows, &[], 0);
    let terms = |number: usize| -> Option<Vec<Value>> {
        let masks = table.column("chex-ray14", "masks");
        let masks = masks[number].as_array()?.iter();
        Some(masks.map(|mask| mask["term"].clone()).collect())
    };
    for number in [0, 1] {
        assert_eq!(
            terms(number),
            Some(vec![json!("Right Lung"), json!("Heart")])
        );
    }
    assert_eq!((terms(2), terms(3)), (None, None));
    for words in [
        "ChestX-Ray8.csv, line 2, column \"Left Lung\"",
        "run 1 of the mask starts at pixel 0",
        "column \"Width\": \"80 x 64.5\" is not a size in pixels",
        "column \"Height\": \"many\" is not a number",
    ] {
        assert!(said.contains(words), "no {words:?} in:\n{said}");
    }
}

#[test]
fn the_last_row_of_an_image_counts() {
    let other = cells("0.9", 80, 64).replace(&encoded(80, area(2, 80, 64)), "1 80");
    let rows = [row(0, &other), row(0, &cells("0.9", 80, 64))].concat();
    let (table, _) = small_table(&rows, &[], 0);
    expect_masks(table.row("chex-ray14", "00000000_000.png"));
    let rows = [row(0, &other), row(0, &cells("0.1", 80, 64))].concat();
    let (table, _) = small_table(&rows, &[], 0);
    assert_eq!(table.column("chex-ray14", "masks")[0], Value::Null);
}

#[test]
fn a_list_of_another_kind_is_named() {
    let bench = small("");
    fs::write(bench.path("raw/ChestX-Ray8.csv"), "a,b\n1,2\n").unwrap();
    let said = bench
        .run(&["metadata", "-o", "table.parquet"])
        .expect_status(3)
        .stderr();
    assert!(said.contains("CHEXRAY14_ROOT"), "{said}");
    assert!(said.contains("no column \"Image Index\""), "{said}");
    fs::create_dir(bench.path("empty")).unwrap();
    fs::remove_file(bench.path("raw/ChestX-Ray8.csv")).unwrap();
    set_root(&bench, "empty");
    let said = bench
        .run(&["metadata", "-o", "table.parquet"])
        .expect_status(0)
        .stderr();
    assert!(said.contains("CHEXMASK_ROOT"), "{said}");
    assert!(
        said.contains("OriginalResolution/ChestX-Ray8.csv or ChestX-Ray8.csv"),
        "{said}"
    );
    fs::write(bench.path("empty/ChestX-Ray8.csv"), "a,b\n1,2\n").unwrap();
    let said = bench
        .run(&["metadata", "-o", "table.parquet"])
        .expect_status(3)
        .stderr();
    assert!(said.contains("CHEXMASK_ROOT"), "{said}");
    assert!(!said.contains("CHEXRAY14_ROOT"), "{said}");
    // A fault of the option is told once, although five datasets have it.
    configure(&bench, "CHEXMASK_ROOT: empty", "CHEXMASK_ROOT: elsewhere");
    let said = bench
        .run(&["metadata", "-o", "table.parquet"])
        .expect_status(1)
        .stderr();
    assert_eq!(said.matches("CHEXMASK_ROOT").count(), 1, "{said}");
}

/// How many images have masks that do not fit into memory together.
const MANY: u64 = 80;

/// Runs of a mask of single pixels, as many as fit into a row.
const RUNS: usize = 80_000;

/// The first number of the mask of each image, and how many numbers it has.
fn starts_and_lengths(path: &Path) -> Vec<Option<(u32, usize)>> {
    let file = fs::File::open(path).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let mut found = Vec::new();
    for batch in batches {
        let batch = batch.unwrap();
        let masks = batch.column_by_name("masks").unwrap().as_list::<i32>();
        found.extend(masks.iter().map(|masks| {
            let masks = masks?;
            let runs = masks
                .as_struct()
                .column_by_name("runs")
                .unwrap()
                .as_list::<i32>()
                .value(0);
            Some((runs.as_primitive::<UInt32Type>().value(0), runs.len()))
        }));
    }
    found
}

/// Many images of ChestX-ray14 with such masks, each with another first run.
fn many() -> Bench {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("raw/images")).unwrap();
    let pixels: Vec<String> = (1..RUNS)
        .map(|run| format!("{} 1", 1000 + 7 * run))
        .collect();
    let pixels = pixels.join(" ");
    let (mut names, mut list) = (String::new(), format!("Image Index,{COLUMNS}\n"));
    for number in 0..MANY {
        let name = format!("{number:08}_000.png");
        writeln!(names, "{name}").unwrap();
        writeln!(
            list,
            "{name},0.9,0.9,,{} 1 {pixels},,,1024,1024",
            number + 1
        )
        .unwrap();
    }
    fs::write(bench.path("raw/train_val_list.txt"), names).unwrap();
    fs::write(bench.path("raw/ChestX-Ray8.csv"), list).unwrap();
    let labels = "Image Index,Finding Labels,Patient Gender\n00000001_000.png,Mass,F\n";
    fs::write(bench.path("raw/Data_Entry_2017.csv"), labels).unwrap();
    bench
}

#[test]
fn many_masks_are_kept_on_the_disk_of_the_cache_and_a_full_one_costs_nothing_else() {
    let bench = many();
    let write = |cache: &str, status: i32| {
        bench.write_config("FRONTAL_ONLY: true\nCHEXRAY14_ROOT: raw");
        configure(&bench, "CACHE_PATH: cache", &format!("CACHE_PATH: {cache}"));
        let arguments = ["metadata", "--no-headers", "-o", "table.parquet"];
        bench.run(&arguments).expect_status(status).stderr()
    };
    let path = bench.path("table.parquet");
    write("cache", 0);
    let expected = (0..MANY as u32).map(|number| Some((number, 2 * RUNS)));
    assert_eq!(starts_and_lengths(&path), expected.collect::<Vec<_>>());
    let names = fs::read_dir(bench.path("cache")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name == "catalogs"), "{names:?}");

    let _small = SmallDisk::new(bench.path("full"), "size=1m");
    let said = write("full", 3);
    let words = "chex-ray14: masks cannot be kept in ";
    assert!(said.contains(words), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert!(starts_and_lengths(&path).iter().all(Option::is_none));
    assert_eq!(Table::of_parquet(&path).column("chex-ray14", "sex")[1], "F");
}

#[test]
fn no_table_without_its_masks_is_left_in_a_tree_and_the_rest_goes_on() {
    let bench = many();
    for number in 0..MANY {
        let path = bench.path(&format!("raw/images/{number:08}_000.png"));
        write_png(&path, 1024, 1024, 9);
    }
    let other = bench.path("other/train");
    fs::create_dir_all(&other).unwrap();
    write_png(&other.join("1.png"), 64, 64, 9);
    let _full = SmallDisk::new(bench.path("full"), "size=1m");
    bench.write_config(
        "FRONTAL_ONLY: true\nIMAGE_SIZE: 64\nCHEXRAY14_ROOT: raw\nOBJECTCXR_ROOT: other",
    );
    configure(&bench, "CACHE_PATH: cache", "CACHE_PATH: full");
    let ran = bench.run(&["materialize", "--metadata"]).expect_status(3);
    let said = ran.stdout() + &ran.stderr();
    for words in [
        "is not written: its masks cannot be kept in",
        "(CACHE_PATH)",
    ] {
        assert!(said.contains(words), "no {words:?} in:\n{said}");
    }
    let tree = |name: &str| bench.out().join(name).exists();
    assert!(tree("chex-ray14/index.json") && !tree("chex-ray14/metadata.parquet"));
    assert!(tree("objcxr/index.json") && tree("objcxr/metadata.parquet"));

    configure(&bench, "CACHE_PATH: full", "CACHE_PATH: cache");
    bench.run(&["materialize", "--metadata"]).expect_status(0);
    let path = bench.out().join("chex-ray14/metadata.parquet");
    assert!(starts_and_lengths(&path).iter().all(Option::is_some));
}
