//! Odd DICOM files, one fault each: what the reference makes of them, and what machex does.
//!
//! `cases/dicom.tsv` has a line for each file of `cases/dicom`: its name, the SHA-256 of the
//! reference's JPEG or `error`, and what machex makes of it:
//!
//! * `=`: the same JPEG, of which nothing is to be said;
//! * `overlay`: the same JPEG, with a note that there are bits above HighBit;
//! * `damage: …`: the same JPEG, with a note that begins so;
//! * `differs`: another JPEG, or one where the reference has none; `differs, damage: …` likewise;
//! * `error: …`: no JPEG, for a reason that begins so.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Bench;
use machex::render::{RenderError, RenderParams, Rendered, Renderer};
use sha2::{Digest, Sha256};

struct Case {
    name: String,
    reference: String,
    expected: String,
    bytes: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn cases() -> Vec<Case> {
    let list = fs::read_to_string(folder().join("dicom.tsv")).unwrap();
    list.lines()
        .map(|line| {
            let mut cells = line.split('\t').map(str::to_owned);
            let mut cell = || cells.next().unwrap();
            let (name, reference, expected) = (cell(), cell(), cell());
            let bytes = fs::read(folder().join("dicom").join(&name)).unwrap();
            Case {
                name,
                reference,
                expected,
                bytes,
            }
        })
        .collect()
}

/// The third column, less what follows the first words of a note or an error.
fn outcome(case: &Case, rendered: &Result<Rendered, RenderError>) -> String {
    let rendered = match rendered {
        Ok(rendered) => rendered,
        Err(error) => return format!("error: {error}"),
    };
    let sum: String = Sha256::digest(&rendered.jpeg)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let damage = rendered.notes.damage.as_ref();
    match (sum == case.reference, damage) {
        (true, Some(damage)) => format!("damage: {damage}"),
        (true, None) if rendered.notes.has_overlay_bits => "overlay".to_owned(),
        (true, None) => "=".to_owned(),
        (false, Some(damage)) => format!("differs, damage: {damage}"),
        (false, None) => "differs".to_owned(),
    }
}

#[test]
fn each_is_what_the_list_says() {
    let mut wrong = Vec::new();
    let mut renderer = Renderer::new(RenderParams::default());
    for case in cases() {
        let outcome = outcome(&case, &renderer.render(&case.bytes));
        let expected = &case.expected;
        let is_exact = ["=", "overlay", "differs"].contains(&expected.as_str());
        if outcome != *expected && (is_exact || !outcome.starts_with(expected)) {
            wrong.push(format!("{}: {outcome}, not {expected}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_list_is_that_of_the_files() {
    let mut names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
    let mut files: Vec<String> = fs::read_dir(folder().join("dicom"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    files.sort();
    assert_eq!(names, files);
}

#[test]
fn none_reaches_the_next_one() {
    const PARAMS: RenderParams = RenderParams {
        size: 32,
        quality: 95,
    };
    let cases = cases();
    let mut renderer = Renderer::new(PARAMS);
    // Each meets another one before it: a step that shares no factor with the number of cases.
    let step = (7..).find(|step| !cases.len().is_multiple_of(*step) && step % 2 == 1);
    let step = step.unwrap();
    for at in 0..2 * cases.len() {
        let case = &cases[at * step % cases.len()];
        let alone = Renderer::new(PARAMS).render(&case.bytes);
        assert!(renderer.render(&case.bytes) == alone, "{}", case.name);
    }
}

#[test]
fn no_library_writes_to_the_terminal() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("raw/train")).unwrap();
    let mut number = 0;
    for case in cases() {
        let is_of_a_library = ["j2k_", "jls_", "jpg_", "ljpg_", "b3_", "b7_"];
        if is_of_a_library
            .iter()
            .any(|start| case.name.starts_with(start))
        {
            fs::write(bench.path("raw/train").join(&case.name), &case.bytes).unwrap();
            number += 1;
        }
    }
    assert!(number > 50);
    bench.write_config("FRONTAL_ONLY: true\nVINDRCXR_ROOT: raw");
    let ran = bench.run(&["materialize"]).expect_status(3);
    // What a library says stands in a line that names dataset and file.
    let printed = ran.stdout() + &ran.stderr();
    let of_libraries = [
        "Tile part length",
        "Stream too short",
        "Failed to decode",
        "does not end with EOC",
        "Premature end",
        "Corrupt JPEG",
    ];
    for line in printed.lines() {
        if of_libraries.iter().any(|words| line.contains(words)) {
            let names_both = line.contains("vindrcxr") && line.contains(".dicom");
            assert!(names_both, "{printed}");
        }
    }
}
