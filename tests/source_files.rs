//! The source itself: no file of it is forgotten by the compiler, and rules that it cannot check.

use std::fs;
use std::path::{Path, PathBuf};

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_file_is_named_by_the_module_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&source);
    assert!(files.len() > 200, "{} files", files.len());
    for file in files {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let folder = file.parent().unwrap();
        let (name, above) = match stem {
            "lib" | "main" => continue,
            "mod" => (
                folder.file_name().unwrap().to_str().unwrap(),
                folder.parent().unwrap(),
            ),
            stem => (stem, folder),
        };
        let above = match above == source {
            true => above.join("lib.rs"),
            false => above.join("mod.rs"),
        };
        let text = fs::read_to_string(&above).unwrap();
        let is_named = text.lines().any(|line| {
            let words: Vec<&str> = line.trim_end_matches(';').split_whitespace().collect();
            line.ends_with(';') && words.ends_with(&["mod", name])
        });
        assert!(is_named, "{} is compiled nowhere", file.display());
    }
}

/// Files that need a name as text for something else than to show it.
const LOSSY: [&str; 9] = [
    "catalog/index.rs",
    "cli/helper.rs",
    "datasets/siim.rs",
    "lists/folder.rs",
    "mount/session.rs",
    "render/jpeg/raw.rs",
    "serve/index.rs",
    "store/lock_holder.rs",
    "survey/tree.rs",
];

/// `Path::display` lets through what a terminal acts on; `Show::shown` does not. Text that
/// `to_string_lossy` makes is no safer.
#[test]
fn no_path_is_shown_but_by_its_own_means() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&source) {
        let name = file.strip_prefix(&source).unwrap().to_str().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            name == "shown.rs" || !text.contains(".display()"),
            "{name}: use .shown()"
        );
        let is_lossy = text.contains("to_string_lossy") && !LOSSY.contains(&name);
        assert!(!is_lossy, "{name}: use .shown(), or name the file here");
    }
}

/// Modules that read raw data, and do so through `crate::storage` alone.
const THROUGH_STORAGE: [&str; 4] = ["catalog", "datasets", "lists", "source"];

/// Ways to a file system that go past it.
const PAST_STORAGE: [&str; 8] = [
    "fs::",
    "File::open",
    "open_regular",
    ".read_dir(",
    ".metadata()",
    ".exists()",
    ".is_dir()",
    ".is_file()",
];

/// Its own file is in the cache, and no raw data.
const CACHE_FILE: &str = "catalog/stored.rs";

/// What reads raw data by the file system reads no archive.
#[test]
fn raw_data_are_read_through_the_storage_alone() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for module in THROUGH_STORAGE {
        for file in rust_files(&source.join(module)) {
            let name = file.strip_prefix(&source).unwrap().to_str().unwrap();
            let text = fs::read_to_string(&file).unwrap();
            if name == CACHE_FILE || file.file_name().is_some_and(|name| name == "tests.rs") {
                continue;
            }
            // Tests stand at the end, and make files to be read.
            let program = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for past in PAST_STORAGE {
                assert!(!program.contains(past), "{name}: {past} goes past Storage");
            }
        }
    }
}
