//! What machex itself stores, and may find damaged: catalogs, records, failure logs, indexes.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use machex::catalog::{Catalog, parse_stored};
use machex::files::{Durability, Trust};
use machex::render::Notes;
use machex::storage::Folder;
use machex::store::{
    FinishedTree, ImageLog, Journal, LogKind, LoggedImage, StateFolder, read_log_file,
};
use machex::survey::read_index;
use xxhash_rust::xxh3::xxh3_64;

use super::room;

const MAGIC: &[u8] = b"MXCATLG";

/// A stored catalog as it is, or what follows its check sum.
pub fn catalog(data: &[u8]) {
    let parsed = if data.starts_with(MAGIC) {
        parse_stored(data, &Folder)
    } else {
        let sum = xxh3_64(data).to_le_bytes();
        // Of whatever version this is.
        (b'1'..=b'9')
            .find_map(|version| parse_stored(&[MAGIC, &[version], &sum, data].concat(), &Folder))
    };
    if let Some(catalog) = parsed {
        walk(&catalog);
    }
}

/// Looks at everything that a catalog says.
pub fn walk(catalog: &Catalog) {
    for number in 0..catalog.len() {
        let entry = catalog.get(number).expect("an entry that is there");
        assert_eq!(entry.number(), number);
        assert_eq!(entry.source().is_err(), catalog.is_faulty(number));
        let _ = (entry.key(), entry.class_label());
    }
    let _ = (catalog.digest(), catalog.views(), catalog.layout());
    let _ = (catalog.left_out().values(), catalog.list());
    let _ = (catalog.warnings().len(), catalog.faults().count());
}

/// A byte that chooses what the rest is: records of images, failures, or an extent.
pub fn records(data: &[u8]) {
    let Some((which, text)) = data.split_first() else {
        return;
    };
    thread_local! {
        static FOLDER: tempfile::TempDir = room::folder();
    }
    FOLDER.with(|folder| {
        let tree = folder.path().join("out");
        let state = StateFolder::of(&tree);
        let of_dataset = state.dataset("openi");
        fs::create_dir_all(&of_dataset).expect("room for folders");
        let (journal, extent) = (
            of_dataset.join("finished.jsonl"),
            of_dataset.join("extent.json"),
        );
        let failures = state.path().join("failures.jsonl");
        for path in [&journal, &extent, &failures] {
            let _ = fs::remove_file(path);
        }
        match which % 3 {
            0 => {
                fs::write(&journal, text).expect("room for records");
                records_of(&tree.join("openi"), &of_dataset);
            }
            1 => {
                fs::write(&extent, text).expect("room for an extent");
                let opened = FinishedTree::open(&tree.join("openi"), &of_dataset);
                let _ = opened.expect("records that are there").extent();
            }
            _ => {
                fs::write(&failures, text).expect("room for failures");
                failures_of(&state, &failures);
            }
        }
    });
}

/// Reads a journal, appends to it, and reads it again.
fn records_of(tree: &std::path::Path, state: &std::path::Path) {
    let opened = FinishedTree::open(tree, state).expect("records that are there");
    let (records, known) = (opened.records(), opened.records().get(7));
    for image in records.images() {
        let record = records.get(image).expect("a record that is there");
        let _ = (opened.holds(record), opened.size_of(image, record.key));
        assert!(opened.has_record(image, record.key));
    }
    let _ = (records.mean_size(), records.from(3).count());
    let folder = machex::files::PrivateFolder::open(state, Trust::Group).expect("a folder");
    let journal = Journal::open(&folder, "", Durability::Accepted).expect("a journal");
    let key = "f".parse().expect("a key");
    let appended = journal.append(7, (key, 9), &Notes::default(), known);
    appended.expect("room for a record");
    let again = FinishedTree::open(tree, state).expect("records that are there");
    let is_newest = known.is_some_and(|known| known.time == u64::MAX) || again.has_record(7, key);
    assert!(is_newest, "the last record does not count");
}

/// Reads failures, drops some, appends one, and reads them again.
fn failures_of(state: &StateFolder, path: &std::path::Path) {
    let found = read_log_file(path).expect("a log that is there");
    let folder = state
        .open()
        .expect("a folder")
        .expect("a folder that is there");
    let log = ImageLog::open(
        &folder,
        LogKind::Failures,
        "",
        &BTreeSet::from(["openi"]),
        Durability::Accepted,
    );
    let failure = LoggedImage {
        dataset: "openi".to_owned(),
        image: 7,
        key: "7.png".to_owned(),
        source: Some(PathBuf::from("/raw/7.png")),
        cause: "the file is empty".to_owned(),
        content: None,
    };
    let log = log.expect("a log");
    log.append(&failure).expect("room for a failure");
    let kept = read_log_file(path).expect("a log that is there");
    assert!(kept.contains(&failure) && kept.len() <= found.len() + 1);
}

/// An `index.json` that anybody may have written.
pub fn index(data: &[u8]) {
    let mut entries = 0;
    let read = read_index(data, &mut |number, entry| {
        assert_eq!(number, entries);
        entries += 1;
        let _ = (entry.id, entry.path, entry.key, entry.label);
    });
    if let Err(error) = read {
        assert!(!error.to_string().is_empty());
    }
}
