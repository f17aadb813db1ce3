//! Every input of the fuzzer's corpus, and every one in which it found a fault, through the same
//! functions as in the fuzz targets. See `docs/fuzzing.md`.

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

/// Larger files are not worth their room in the repository.
const LARGEST: u64 = 64 << 10;

/// Of all files together.
const MOST: u64 = 3 << 20;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The corpus of a target, and what was found with it.
fn inputs(target: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = ["corpus", "found"]
        .iter()
        .filter_map(|kind| fs::read_dir(folder().join(kind).join(target)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

#[test]
fn no_input_of_the_corpus_ends_the_process_or_gives_two_results() {
    let inputs: Vec<_> = fuzz::TARGETS
        .iter()
        .flat_map(|(name, run)| inputs(name).into_iter().map(move |path| (run, path)))
        .collect();
    let failed: Vec<PathBuf> = inputs
        .into_par_iter()
        .filter(|(run, path)| {
            let data = fs::read(path).unwrap();
            catch_unwind(|| run(&data)).is_err()
        })
        .map(|(_, path)| path)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_target_has_a_corpus_and_none_is_large() {
    let mut sum = 0;
    for (name, _) in fuzz::TARGETS {
        let inputs = inputs(name);
        assert!(inputs.len() > 5, "{name} has {} inputs", inputs.len());
        for path in inputs {
            let size = fs::metadata(&path).unwrap().len();
            assert!(size <= LARGEST, "{path:?} has {size} bytes");
            sum += size;
        }
        let target = folder().join(format!("fuzz_targets/{name}.rs"));
        assert!(target.is_file(), "{target:?}");
    }
    assert!(sum <= MOST, "{sum} bytes");
}
