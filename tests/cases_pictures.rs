//! Small pictures that once showed a fault, or are near to one: what each becomes alone is noted in
//! `cases/pictures.tsv` as Pillow 9.5 makes it, and that is what it becomes after any other.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use machex::render::{RenderParams, Rendered, Renderer};
use sha2::{Digest, Sha256};

/// What stands for a picture that Pillow refuses, and so do we.
const REFUSED: &str = "error";

/// Rendered, but not to the same bytes; `docs/differences.md` says why.
const DIFFERENT: [&str; 1] = ["j_progc_3scans.jpg"];

struct Case {
    name: String,
    source: Vec<u8>,
    expected: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn cases() -> Vec<Case> {
    let list = fs::read_to_string(folder().join("pictures.tsv")).unwrap();
    let case = |line: &str| {
        let (name, expected) = line.split_once('\t').unwrap();
        Case {
            name: name.to_owned(),
            source: source(name),
            expected: expected.to_owned(),
        }
    };
    list.lines().map(case).collect()
}

fn source(name: &str) -> Vec<u8> {
    fs::read(folder().join("pictures").join(name)).unwrap()
}

fn sum(jpeg: &[u8]) -> String {
    Sha256::digest(jpeg)
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
}

fn render(name: &str) -> Rendered {
    let mut renderer = Renderer::new(RenderParams::default());
    renderer
        .render(&source(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_picture_is_as_pillow_makes_it_in_any_order() {
    let cases = cases();
    assert!(cases.len() > 500, "{} cases", cases.len());
    let mut renderer = Renderer::new(RenderParams::default());
    let mut first = BTreeMap::new();
    // 8 and the number of cases have no common divisor, nor has the step back.
    let count = cases.len();
    let orders = [
        (0..count).collect::<Vec<_>>(),
        (0..count)
            .map(|at| (count - 1 - at) * 211 % count)
            .collect(),
    ];
    let mut wrong = Vec::new();
    for order in orders {
        for at in order {
            let case = &cases[at];
            let found = match renderer.render(&case.source) {
                Ok(rendered) => sum(&rendered.jpeg),
                Err(_) => REFUSED.to_owned(),
            };
            let is_different = DIFFERENT.contains(&case.name.as_str());
            if is_different == (found == case.expected) {
                wrong.push(case.name.clone());
            }
            let before = first.entry(at).or_insert_with(|| found.clone());
            if *before != found {
                wrong.push(format!("{} in another order", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn damage_is_noted_where_there_is_some_and_only_there() {
    for (name, words) in [
        ("j2k_tiles_cut.jpg", "JPEG 2000 data"),
        ("g_cut50.jpg", "premature end of data segment"),
        ("g_prog_cut_scan2.jpg", "Premature end of JPEG file"),
        ("g_arith_cut60.jpg", "Premature end of JPEG file"),
        ("g_sos_id.jpg", "Invalid component ID"),
        ("j_two_soi.jpg", "two SOI markers"),
        ("g_no_dqt.jpg", "was not defined"),
        ("g_rst_plus1.jpg", "instead of RST"),
        ("k8_0_0_cut75.png", "of 17 rows"),
        ("k16_6_1_cut75.png", "interlaced image data"),
        ("m8_0_filter5.png", "after 9 of 22 rows"),
    ] {
        let damage = render(name).notes.damage;
        let damage = damage.unwrap_or_else(|| panic!("{name}")).to_string();
        assert!(damage.contains(words), "{name}: {damage}");
    }
    for name in [
        "g_whole.jpg",
        "c_whole.jpg",
        "g_prog.jpg",
        "g_arith.jpg",
        "g_rst.jpg",
        "g_noeoi.jpg",
        "g_trailing.jpg",
        "g_junk_between.jpg",
        "g_adobe7.jpg",
        "g_jfif3.jpg",
        "01_j_dht_missing.jpg",
        "j_seglen0.jpg",
        "k8_0_0.png",
        "k16_6_1.png",
        "m8_0_crc_idat.png",
        "m8_0_trailing.png",
        "m8_0_noiend.png",
        "m8_0_empty_idat.png",
        "n_apng_bbox_small.png",
        "c4_DDAT_continues.png",
        "c6_GIF_in.png",
        "c6_TIFF16_in.png",
    ] {
        assert_eq!(render(name).notes.damage, None, "{name}");
    }
}

#[test]
fn what_is_no_picture_is_named() {
    let mut renderer = Renderer::new(RenderParams::default());
    let error = renderer.render(&source("c6_html.jpg")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "neither a PNG, a JPEG nor a DICOM file but an HTML page: the download was answered by a \
         page (of a login, say): download the file again"
    );
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    let error = renderer.render(pointer).unwrap_err().to_string();
    assert!(error.contains("a Git LFS pointer") && error.contains("git lfs pull"));
}
