//! Catalogs of all datasets with as many rows as the real lists have: from the lists, and from
//! their stored forms.
//!
//!     machex sample DIR --images real --hard-link
//!     cargo bench --bench catalog -- DIR/config.yml
//!
//! Without a config, makes such a sample in the temporary folder, which takes a minute.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use machex::catalog::Catalog;
use machex::config::Config;
use machex::datasets;
use machex::sample::{self, Count, Options};
use machex::synthetic::Drawing;

fn main() {
    let argument = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let folder = tempfile::tempdir().expect("a folder");
    let config = argument.map_or_else(
        || {
            let options = Options {
                count: Count::Real,
                drawing: Drawing {
                    seed: 1,
                    hard_link: true,
                },
            };
            let sample = sample::write(folder.path(), options, datasets::ALL, &|| {});
            sample.expect("a sample").config
        },
        PathBuf::from,
    );
    let config = Config::load(&config, datasets::ALL).expect("a config");
    let cache = config.cache_path.join("bench");
    for round in ["lists, cold process", "lists, again"] {
        let _ = fs::remove_dir_all(&cache);
        load(round, &config, &cache);
    }
    for _ in 0..3 {
        load("stored form", &config, &cache);
    }
    let _ = fs::remove_dir_all(&cache);
}

fn load(what: &str, config: &Config, cache: &std::path::Path) {
    let started = Instant::now();
    let catalogs: Vec<Catalog> = config
        .trees
        .iter()
        .map(|tree| datasets::load(tree, Some(cache)).expect("a catalog"))
        .collect();
    let elapsed = started.elapsed();
    let entries: u32 = catalogs.iter().map(Catalog::len).sum();
    println!(
        "{what:<20} {entries:>8} entries in {:.2} s; peak so far {} MB",
        elapsed.as_secs_f64(),
        peak()
    );
}

/// The process's highest resident memory, in MB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap_or_default();
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .unwrap_or(0);
    kib * 1024 / 1_000_000
}
