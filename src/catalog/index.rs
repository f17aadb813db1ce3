//! `index.json`, as Python's `json.dump(…, ensure_ascii=False, indent=4)` writes it.

use std::io::{self, Write};
use std::path::Path;

use rayon::prelude::*;

use super::{Catalog, Entry, names};
use crate::datasets::{RawTree, Report};

/// Entries whose reports are held at a time.
const BATCH: usize = 8192;

/// Writes the index of one dataset. `machex_path` is the root that stands in every `path`;
/// entries for which `include` is false are left out. Reports are read in parallel on rayon's
/// current pool. Returns the warnings about reports.
pub fn write(
    out: &mut dyn Write,
    catalog: &Catalog,
    tree: &RawTree,
    machex_path: &Path,
    include: &(dyn Fn(u32) -> bool + Sync),
) -> io::Result<Vec<String>> {
    let folder = machex_path.join(tree.dataset.folder());
    let mut warnings = Vec::new();
    let mut is_first = true;
    let numbers: Vec<u32> = (0..catalog.len())
        .filter(|number| include(*number))
        .collect();
    for batch in numbers.chunks(BATCH) {
        let objects: Vec<(Vec<u8>, Option<String>)> = batch
            .par_iter()
            .filter_map(|number| catalog.get(*number))
            .map(|entry| {
                let report = tree.dataset.report(tree, entry.key())?;
                let mut text = Vec::new();
                write_entry(&mut text, &entry, &folder, report.as_ref())?;
                Ok((text, report.and_then(|report| report.warning)))
            })
            .collect::<io::Result<_>>()?;
        for (object, warning) in objects {
            out.write_all(if is_first { b"{\n" } else { b",\n" })?;
            out.write_all(&object)?;
            // The images of a study share a report, and its warning.
            warnings.extend(warning.filter(|warning| warnings.last() != Some(warning)));
            is_first = false;
        }
    }
    out.write_all(if is_first { b"{}" } else { b"\n}" })?;
    Ok(warnings)
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
