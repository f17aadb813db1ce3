//! Checks that the free-text reports of a dataset exist and can be read.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::TreeReport;
use crate::catalog::index::{self, Reports};
use crate::catalog::{Catalog, Entry};
use crate::config::Config;
use crate::datasets::RawTree;
use crate::lists::read_report;
use crate::words::counted;

/// How many images to check until a report is found.
const SAMPLE: usize = 100;

/// How many warnings about reports to repeat.
const NAMED: usize = 10;

/// Reads reports until one has a text; warns if none of the first images has one.
pub(super) fn look<'a>(
    tree: &RawTree,
    images: impl Iterator<Item = &'a Entry<'a>>,
    result: &mut TreeReport,
) {
    let mut looked_for = 0;
    for entry in images.take(SAMPLE) {
        let Some(files) = tree.dataset.report_files(tree, entry.key()) else {
            return;
        };
        let report = read_report(&*tree.storage, &files);
        if report.is_unreadable {
            result.unreadable_reports = 1;
            result.warnings.extend(report.warning);
            return;
        }
        if !report.text.is_empty() {
            return;
        }
        looked_for += 1;
    }
    if looked_for > 0 {
        let none = format!("none of the first {looked_for} images has a report");
        result.warnings.push(none);
    }
}

/// Reads all reports, as for an index, and discards them.
pub(super) fn read_all(
    config: &Config,
    tree: &RawTree,
    catalog: &Catalog,
    stop: &AtomicBool,
    result: &mut TreeReport,
) {
    if !tree.dataset.has_reports() {
        return;
    }
    let include = |number| !catalog.is_absent(number);
    let mut nowhere = Nowhere { stop };
    let folder = config.machex_path.join(tree.dataset.folder());
    let reports = Reports {
        read: &|key| tree.report(key),
        pool: None,
    };
    let Ok(notes) = index::write(&mut nowhere, catalog, &folder, &include, reports) else {
        // Stopped; the check reports that.
        return;
    };
    result.unreadable_reports = notes.unreadable;
    let more = notes.warnings.len().saturating_sub(NAMED);
    result
        .warnings
        .extend(notes.warnings.into_iter().take(NAMED));
    if more > 0 {
        let more = counted(more as u64, "more report", "more reports");
        result.warnings.push(format!("the same for {more}"));
    }
    if notes.found == 0 && catalog.present() > 0 {
        let none = "no image has a report with a text".to_owned();
        result.warnings.push(none);
    }
}

/// Discards everything written to it, and fails when it should stop.
struct Nowhere<'a> {
    stop: &'a AtomicBool,
}

impl Write for Nowhere<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
