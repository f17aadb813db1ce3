//! `index.json`, as Python's `json.dump(…, ensure_ascii=False, indent=4)` writes it.

use std::io::{self, Write};
use std::path::Path;

use super::Catalog;
use crate::datasets::RawTree;

/// Writes the index of one dataset. `machex_path` is the root that stands in every `path`;
/// entries for which `include` is false are left out. Reports are read in parallel on rayon's
/// current pool. Returns the warnings about reports.
pub fn write(
    _out: &mut dyn Write,
    _catalog: &Catalog,
    _tree: &RawTree,
    _machex_path: &Path,
    _include: &(dyn Fn(u32) -> bool + Sync),
) -> io::Result<Vec<String>> {
    todo!()
}
