//! `index.json`, as Python's `json.dump(…, ensure_ascii=False, indent=4)` writes it.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::ThreadPool;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::{Catalog, Entry, Report};
use crate::names;

/// How many entries with reports to hold at a time.
const BATCH: usize = 8192;

/// Maximum size of such entries; with long reports, fewer are held.
const BATCH_BYTES: usize = 64 << 20;

/// Observations about the reports of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportNotes {
    /// Warnings for the user, one line per report.
    pub warnings: Vec<String>,
    /// Reports that exist but cannot be read; their entries have an empty report.
    pub unreadable: u32,
    /// Entries whose report has a text.
    pub found: u32,
}

/// The source of an index's reports.
#[derive(Clone, Copy)]
pub struct Reports<'a> {
    /// Reads the report of the image with this key; `None` in a dataset without reports.
    pub read: &'a (dyn Fn(&str) -> Option<Report> + Sync),
    /// The threads that read; `None` for rayon's current pool.
    pub pool: Option<&'a ThreadPool>,
}

/// Writes the index of one dataset. `folder` is the dataset's folder in the tree, with which every
/// `path` starts; entries for which `include` is false are left out. Reports are read in parallel;
/// an unreadable one becomes an empty text and a warning.
pub fn write(
    out: &mut dyn Write,
    catalog: &Catalog,
    folder: &Path,
    include: &(dyn Fn(u32) -> bool + Sync),
    reports: Reports<'_>,
) -> io::Result<ReportNotes> {
    let objects = Objects {
        catalog,
        folder,
        reports,
    };
    let (mut notes, mut told) = (ReportNotes::default(), HashSet::new());
    let mut is_first = true;
    let numbers: Vec<u32> = (0..catalog.len())
        .filter(|number| include(*number))
        .collect();
    let (mut rest, mut size) = (numbers.as_slice(), BATCH);
    while !rest.is_empty() {
        let (batch, behind) = rest.split_at(size.min(rest.len()));
        let Some(objects) = objects.of(batch)? else {
            size = (batch.len() / 4).max(1);
            continue;
        };
        for Object { json, note } in objects {
            out.write_all(if is_first { b"{\n" } else { b",\n" })?;
            out.write_all(&json)?;
            is_first = false;
            notes.add(note, &mut told);
        }
        rest = behind;
        size = (size * 2).min(BATCH);
    }
    out.write_all(if is_first { b"{}" } else { b"\n}" })?;
    Ok(notes)
}

/// What makes the entries of an index.
struct Objects<'a> {
    catalog: &'a Catalog,
    folder: &'a Path,
    reports: Reports<'a>,
}

/// One entry of an index.
struct Object {
    json: Vec<u8>,
    note: Option<ReportNote>,
}

/// Observations about the report of an entry.
struct ReportNote {
    has_text: bool,
    is_unreadable: bool,
    warning: Option<String>,
}

impl Objects<'_> {
    /// The objects of these entries; `None` if they are too large for one batch.
    fn of(&self, batch: &[u32]) -> io::Result<Option<Vec<Object>>> {
        let bytes = AtomicUsize::new(0);
        let objects = || {
            batch
                .par_iter()
                .filter_map(|number| self.catalog.get(*number))
                .map(|entry| {
                    if batch.len() > 1 && bytes.load(Ordering::Relaxed) > BATCH_BYTES {
                        return Ok(None);
                    }
                    let object = self.object(&entry)?;
                    bytes.fetch_add(object.json.len(), Ordering::Relaxed);
                    Ok(Some(object))
                })
                .collect::<io::Result<Option<_>>>()
        };
        match self.reports.pool {
            Some(pool) => pool.install(objects),
            None => objects(),
        }
    }

    fn object(&self, entry: &Entry<'_>) -> io::Result<Object> {
        let report = (self.reports.read)(entry.key());
        let mut json = Vec::new();
        write_entry(&mut json, entry, self.folder, report.as_ref())?;
        let note = report.map(|report| ReportNote {
            has_text: !report.text.is_empty(),
            is_unreadable: report.is_unreadable,
            warning: report.warning,
        });
        Ok(Object { json, note })
    }
}

impl ReportNotes {
    /// `told` has the hashes of the warnings so far: the images of a study share a report.
    fn add(&mut self, note: Option<ReportNote>, told: &mut HashSet<u64>) {
        let Some(note) = note else { return };
        self.found += u32::from(note.has_text);
        if let Some(warning) = note.warning
            && told.insert(xxh3_64(warning.as_bytes()))
        {
            self.warnings.push(warning);
            self.unreadable += u32::from(note.is_unreadable);
        }
    }
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
    // serde_json escapes the same characters as Python's json, in the same way.
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
