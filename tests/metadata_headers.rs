//! What only the headers of DICOM files say about patients and views.

mod common;
#[path = "common/table.rs"]
mod table;

use std::fs;
use std::path::Path;

use common::Bench;
use serde_json::{Value, json};
use table::{Table, expect};

/// An element of a DICOM file in explicit little endian, its value with an even length.
fn element((group, number): (u16, u16), vr: &str, value: &str) -> Vec<u8> {
    assert_eq!(value.len() % 2, 0);
    let length = u16::try_from(value.len()).unwrap();
    let mut bytes = [group.to_le_bytes(), number.to_le_bytes()].concat();
    bytes.extend(vr.as_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(value.as_bytes());
    bytes
}

/// Puts a sex, an age and a view into the header of a file: before its description of the picture,
/// where their order is right.
fn describe(path: &Path, sex: &str, age: &str, view: &str) {
    let file = fs::read(path).unwrap();
    let samples_per_pixel = [0x28, 0, 2, 0, b'U', b'S'];
    let start = file
        .windows(6)
        .position(|bytes| bytes == samples_per_pixel)
        .unwrap();
    let elements = [
        element((0x10, 0x40), "CS", sex),
        element((0x10, 0x1010), "AS", age),
        element((0x18, 0x5101), "CS", view),
    ];
    fs::write(
        path,
        [&file[..start], &elements.concat(), &file[start..]].concat(),
    )
    .unwrap();
}

#[test]
fn sex_age_and_view_come_from_headers_and_odd_ones_are_named() {
    let bench = Bench::sample(6);
    let write = |more: &[&str]| -> (Table, String) {
        let arguments = [
            "metadata",
            "--dataset",
            "siim,vindrcxr",
            "-o",
            "table.parquet",
        ];
        let ran = bench.run(&[&arguments, more].concat()).expect_status(0);
        let found = Table::of_parquet(&bench.path("table.parquet"));
        (found, ran.stderr())
    };
    let (before, said) = write(&[]);
    assert!(!said.contains("header"), "{said}");
    for (row, (sex, age, view)) in [
        ("F ", "058Y", "PA"),
        ("M ", "018M", "AP"),
        ("O ", "0411", "PA"),
        ("X ", "000Y", "LL"),
        ("  ", "    ", "SWIM"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = before.of("siim")[row]["key"].as_str().unwrap();
        describe(Path::new(path), sex, age, view);
    }
    let (found, said) = write(&[]);
    let rows = found.of("siim");
    for (row, sex, age, raw, view) in [
        (0, json!("F"), json!(58.0), json!("058Y"), json!("PA")),
        (1, json!("M"), json!(1.5), json!("018M"), json!("AP")),
        (2, json!("O"), Value::Null, json!("0411"), json!("PA")),
        (3, Value::Null, Value::Null, json!("000Y"), json!("LL")),
        (4, Value::Null, Value::Null, Value::Null, json!("OTHER")),
        (5, Value::Null, Value::Null, Value::Null, Value::Null),
    ] {
        let expected = [
            ("sex", sex),
            ("age_years", age),
            ("age_raw", raw),
            ("view", view),
        ];
        expect(rows[row], &expected);
    }
    // 0411, X and SWIM; an age of 0 stands for none.
    let words = "siim: images whose header has an age, a sex or a view that cannot be used: 3 (";
    assert!(said.contains(words), "{said}");
    let (without, said) = write(&["--no-headers"]);
    assert!(without.column("siim", "sex").iter().all(Value::is_null));
    assert!(!said.contains("header"), "{said}");
}
