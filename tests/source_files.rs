//! The source itself: no file of it is forgotten by the compiler.

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
