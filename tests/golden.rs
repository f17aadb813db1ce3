//! The whole golden set: every index and every JPEG is, byte for byte, what the reference wrote.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{Bench, files_below, golden};
use serde_json::Value;
use sha2::{Digest, Sha256};

#[test]
fn frontal_tree_is_the_references() {
    compare_with_reference("frontal", true);
}

#[test]
fn tree_of_all_views_is_the_references() {
    compare_with_reference("all", false);
}

fn compare_with_reference(set: &str, frontal_only: bool) {
    let bench = Bench::golden(frontal_only, "");
    bench.run(&["materialize"]).expect_status(0);

    let expected_indexes = golden().join("expected").join(set);
    let mut expected_files = Vec::new();
    for dataset in fs::read_dir(&expected_indexes).unwrap() {
        let dataset = dataset.unwrap().file_name().into_string().unwrap();
        let expected = fs::read_to_string(expected_indexes.join(&dataset).join("index.json"));
        let got = fs::read_to_string(bench.out().join(&dataset).join("index.json")).unwrap();
        let raw = golden().join("raw");
        let got = got
            .replace(
                &format!("\"path\": \"{}/", bench.out().display()),
                "\"path\": \"/MACHEX/",
            )
            .replace(
                &format!("\"key\": \"{}/", raw.display()),
                "\"key\": \"/RAW/",
            );
        assert!(
            got == expected.unwrap(),
            "{set}/{dataset}/index.json differs"
        );
        assert!(
            bench.out().join(&dataset).join("00").is_dir(),
            "{dataset} has no folder 00"
        );
        expected_files.push(format!("{dataset}/index.json"));
    }

    let comments = source_comments(&bench.out());
    let sums = expected_sums(set);
    let mut wrong = Vec::new();
    for (path, sum) in &sums {
        let mut jpeg = fs::read(bench.out().join(path)).unwrap();
        if let Some(comment) = comments.get(path) {
            insert_comment(&mut jpeg, comment);
        }
        let found: String = Sha256::digest(&jpeg)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if found != *sum {
            wrong.push(path);
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} JPEGs differ: {wrong:?}",
        wrong.len(),
        sums.len()
    );

    expected_files.extend(sums.into_keys());
    expected_files.sort();
    assert_eq!(
        files_below(&bench.out()),
        expected_files,
        "files that the reference does not have"
    );
}

/// SHA-256 by path, of the JPEGs of one set.
fn expected_sums(set: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(golden().join("expected/SHA256SUMS")).unwrap();
    let sums: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| line.split_once("  "))
        .filter_map(|(sum, path)| {
            Some((
                path.strip_prefix(&format!("{set}/"))?.to_owned(),
                sum.to_owned(),
            ))
        })
        .collect();
    assert!(sums.len() > 50, "the list of sums is not what it should be");
    sums
}

/// The comments that the reference copies from a source into its output and that we leave out, by
/// path of the output. With it put back, our bytes have to be the reference's.
fn source_comments(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let manifest = fs::read_to_string(golden().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let marked = manifest["files"].as_array().unwrap().iter().filter(|file| {
        file["exercises"]
            .as_array()
            .unwrap()
            .iter()
            .any(|exercise| exercise == "jpeg_comment")
    });
    let mut comments = BTreeMap::new();
    for file in marked {
        let (dataset, key) = (
            file["dataset"].as_str().unwrap(),
            file["path"].as_str().unwrap(),
        );
        let index = fs::read_to_string(out.join(dataset).join("index.json")).unwrap();
        let index: BTreeMap<String, Value> = serde_json::from_str(&index).unwrap();
        let Some((id, _)) = index.iter().find(|(_, entry)| entry["key"] == key) else {
            continue;
        };
        let root = manifest["roots"][dataset].as_str().unwrap();
        let source = fs::read(golden().join(root).join(key)).unwrap();
        comments.insert(
            format!("{dataset}/{}/{id}.jpg", &id[..2]),
            comment_of(&source),
        );
    }
    assert!(!comments.is_empty(), "no source with a comment");
    comments
}

/// The text of a JPEG's COM segment or of a PNG's tEXt chunk "comment".
fn comment_of(source: &[u8]) -> Vec<u8> {
    let find = |pattern: &[u8]| {
        source
            .windows(pattern.len())
            .position(|bytes| bytes == pattern)
    };
    if source.starts_with(b"\x89PNG") {
        let start = find(b"tEXtcomment\0").unwrap();
        let length = u32::from_be_bytes(source[start - 4..start].try_into().unwrap()) as usize;
        source[start + 12..start + 4 + length].to_vec()
    } else {
        let start = find(b"\xff\xfe").unwrap();
        let length = u16::from_be_bytes(source[start + 2..start + 4].try_into().unwrap()) as usize;
        source[start + 4..start + 2 + length].to_vec()
    }
}

/// Where Pillow puts it: behind SOI and the JFIF segment.
fn insert_comment(jpeg: &mut Vec<u8>, comment: &[u8]) {
    let mut segment = vec![0xff, 0xfe];
    segment.extend((comment.len() as u16 + 2).to_be_bytes());
    segment.extend(comment);
    jpeg.splice(20..20, segment);
}
