//! The reports of a dataset, by the keys of its images.

use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use super::RawTree;
use crate::catalog::{Catalog, Report};
use crate::lists::{read_report, report_stamp};

/// Number of images that one thread checks at a time.
const BATCH: usize = 8192;

impl RawTree {
    /// Reads the report of the image `key`; `None` if the dataset has no reports.
    pub fn report(&self, key: &str) -> Option<Report> {
        let files = self.dataset.report_files(self, key)?;
        Some(read_report(&*self.storage, &files))
    }
}

/// A number that changes when any report of a dataset is added, removed or changed. Needs one
/// metadata call per study, in parallel on rayon's current pool; reads no file. Calls `answered`
/// after each.
pub fn reports_digest(catalog: &Catalog, tree: &RawTree, answered: &(dyn Fn() + Sync)) -> u64 {
    if !tree.dataset.has_reports() {
        return 0;
    }
    let starts: Vec<u32> = (0..catalog.len()).step_by(BATCH).collect();
    let digests: Vec<u64> = starts
        .par_iter()
        .with_max_len(1)
        .map(|start| {
            let end = start.saturating_add(BATCH as u32).min(catalog.len());
            let mut hash = Xxh3::new();
            let mut last = Vec::new();
            for entry in (*start..end).filter_map(|number| catalog.get(number)) {
                let files = tree.dataset.report_files(tree, entry.key());
                let files = files.unwrap_or_default();
                // The images of a study share a report.
                if files != last {
                    hash.update(&report_stamp(&*tree.storage, &files).to_bytes());
                    answered();
                    last = files;
                }
            }
            hash.digest()
        })
        .collect();
    let mut all = Xxh3::new();
    for digest in digests {
        all.update(&digest.to_le_bytes());
    }
    all.digest()
}
