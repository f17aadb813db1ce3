//! `index.json`, as Python's `json.dump(…, ensure_ascii=False, indent=4)` writes it.

use std::io::{self, Write};
use std::path::Path;

use rayon::ThreadPool;
use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use super::{Catalog, Entry, names};
use crate::datasets::RawTree;
use crate::lists::{Report, report_stamp};

/// Entries whose reports are held at a time.
const BATCH: usize = 8192;

/// What was noticed of the reports of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportNotes {
    /// What a person should know, one line for each report.
    pub warnings: Vec<String>,
    /// Reports that are there and cannot be read: their entries have an empty one.
    pub unreadable: u32,
    /// Entries that have a report with a text.
    pub found: u32,
}

/// Who reads the reports of an index.
#[derive(Clone, Copy)]
pub struct Readers<'a> {
    /// Their threads; rayon's current pool where there are none.
    pub pool: Option<&'a ThreadPool>,
    /// Called after each report.
    pub answered: &'a (dyn Fn() + Sync),
}

/// Writes the index of one dataset. `machex_path` is the root that stands in every `path`;
/// entries for which `include` is false are left out. Reports are read in parallel by `readers`; one
/// that cannot be read costs its text, and a warning.
pub fn write(
    out: &mut dyn Write,
    catalog: &Catalog,
    tree: &RawTree,
    machex_path: &Path,
    include: &(dyn Fn(u32) -> bool + Sync),
    readers: Readers<'_>,
) -> io::Result<ReportNotes> {
    let folder = machex_path.join(tree.dataset.folder());
    let mut notes = ReportNotes::default();
    let mut is_first = true;
    let numbers: Vec<u32> = (0..catalog.len())
        .filter(|number| include(*number))
        .collect();
    for batch in numbers.chunks(BATCH) {
        let objects = || {
            batch
                .par_iter()
                .filter_map(|number| catalog.get(*number))
                .map(|entry| {
                    let files = tree.dataset.report_files(tree, entry.key());
                    let report = files.map(|files| Report::read(&files));
                    (readers.answered)();
                    let mut text = Vec::new();
                    write_entry(&mut text, &entry, &folder, report.as_ref())?;
                    Ok((text, report))
                })
                .collect::<io::Result<Vec<_>>>()
        };
        let objects = match readers.pool {
            Some(pool) => pool.install(objects),
            None => objects(),
        };
        for (object, report) in objects? {
            out.write_all(if is_first { b"{\n" } else { b",\n" })?;
            out.write_all(&object)?;
            is_first = false;
            notes.add(report);
        }
    }
    out.write_all(if is_first { b"{}" } else { b"\n}" })?;
    Ok(notes)
}

impl ReportNotes {
    fn add(&mut self, report: Option<Report>) {
        self.found += u32::from(
            report
                .as_ref()
                .is_some_and(|report| !report.text.is_empty()),
        );
        let Some(Report {
            warning: Some(warning),
            is_unreadable,
            ..
        }) = report
        else {
            return;
        };
        // The images of a study share a report, and its warning.
        if self.warnings.last() != Some(&warning) {
            self.warnings.push(warning);
            self.unreadable += u32::from(is_unreadable);
        }
    }
}

/// One number for what the disk says of all reports of a dataset: it changes when one comes, goes or
/// changes. A metadata call for each study, in parallel on rayon's current pool; nothing is read.
/// `answered` is called after each.
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
                    hash.update(&report_stamp(&files).to_bytes());
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

fn write_entry(
    out: &mut Vec<u8>,
    entry: &Entry<'_>,
    folder: &Path,
    report: Option<&Report>,
) -> io::Result<()> {
    let path = folder.join(names::image_path(entry.number()));
    write!(
        out,
        "    \"{}\": {{\n        \"path\": ",
        names::image_id(entry.number())
    )?;
    // serde_json escapes what Python's json does, in the same way.
    serde_json::to_writer(&mut *out, &path.to_string_lossy())?;
    out.extend_from_slice(b",\n        \"key\": ");
    serde_json::to_writer(&mut *out, entry.key())?;
    if let Some(label) = entry.class_label() {
        let label: Vec<String> = label
            .iter()
            .map(|value| format!("            {value}"))
            .collect();
        write!(
            out,
            ",\n        \"class_label\": [\n{}\n        ]",
            label.join(",\n")
        )?;
    }
    if let Some(report) = report {
        out.extend_from_slice(b",\n        \"report\": ");
        serde_json::to_writer(&mut *out, &report.text)?;
    }
    out.extend_from_slice(b"\n    }");
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn strings_are_escaped_as_python_does() {
        let text = "\"\\/\u{7f}\u{2028}\u{e9}\n\r\t\u{8}\u{c}\u{0}\u{1f}";
        // json.dumps(text, ensure_ascii=False)
        let expected = "\"\\\"\\\\/\u{7f}\u{2028}\u{e9}\\n\\r\\t\\b\\f\\u0000\\u001f\"";
        assert_eq!(serde_json::to_string(text).unwrap(), expected);
    }
}
