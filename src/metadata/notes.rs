//! Faults of lists, reported once for each kind of fault of a column.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::shown::Show as _;
use crate::words::start_of;

/// Number of names to give as examples.
const EXAMPLES: usize = 3;

/// Characters of a cell to show.
const TOLD: usize = 60;

/// What is known of one list after it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListNote {
    pub path: PathBuf,
    pub rows: u64,
    /// Whether each image of the tree should have a row.
    pub covers_all: bool,
    /// Rows about no image of the tree, and the names that some of them give.
    pub unmatched_rows: Named,
    /// Images of the tree that no row is about, and some of their keys.
    pub unmatched_images: Named,
    /// Missing columns, and cells that could not be used: in words that follow the path, such as
    /// `, line 7, column "Age": ...`. The rest of the list is good.
    pub faults: Vec<String>,
}

/// A count, and some of the names that it counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    pub count: u64,
    pub examples: Vec<String>,
}

impl Named {
    pub fn add(&mut self, name: &str) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(end_of(name).shown().to_string());
        }
    }

    /// `3 (a, b, c)`, `1,200 (a, b, c, …)`.
    pub fn words(&self) -> String {
        let more = if self.count > self.examples.len() as u64 {
            ", …"
        } else {
            ""
        };
        let count = indicatif::HumanCount(self.count);
        match self.examples.as_slice() {
            [] => count.to_string(),
            examples => format!("{count} ({}{more})", examples.join(", ")),
        }
    }
}

/// The end of a name, which tells more than its beginning if it is a path.
fn end_of(name: &str) -> String {
    match name.char_indices().rev().nth(TOLD) {
        Some((before, cut)) => format!("…{}", &name[before + cut.len_utf8()..]),
        None => name.to_owned(),
    }
}

impl ListNote {
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            ..Self::default()
        }
    }

    /// Warnings for the user, each with the path of the list.
    pub fn warnings(&self) -> Vec<String> {
        let path = self.path.shown();
        let mut warnings = Vec::new();
        if self.covers_all && self.rows > 0 && self.unmatched_rows.count == self.rows {
            let rows = self.unmatched_rows.words();
            warnings.push(format!(
                "{path}: none of its rows is about an image of the tree: {rows}; is it the list of \
                 another release?"
            ));
        }
        warnings
    }
}

/// Cells that cannot be used, by column and kind of fault.
#[derive(Debug, Default)]
pub struct CellFaults(BTreeMap<(String, &'static str), (u64, String, u64)>);

impl CellFaults {
    /// Notes that the cell in `column` at `line` is `wrong` (such as `not an age`).
    pub fn add(&mut self, line: u64, column: &str, cell: &str, wrong: &'static str) {
        let key = (column.to_owned(), wrong);
        let known = self.0.entry(key).or_insert_with(|| {
            let start = start_of(cell, TOLD);
            let more = if start.len() < cell.len() { "…" } else { "" };
            (line, format!("{}{more}", start.shown()), 0)
        });
        known.2 += 1;
    }

    /// One sentence for each kind of fault, to follow the path of the list.
    pub fn words(self) -> Vec<String> {
        let faults = self.0.into_iter();
        faults
            .map(|((column, wrong), (line, cell, count))| {
                let column = column.shown();
                let more = match count - 1 {
                    0 => String::new(),
                    1 => " (and 1 other cell of the column)".to_owned(),
                    more => {
                        let more = indicatif::HumanCount(more);
                        format!(" (and {more} other cells of the column)")
                    }
                };
                format!(
                    ", line {line}, column \"{column}\": \"{cell}\" is {wrong}, and is left \
                     out{more}"
                )
            })
            .collect()
    }
}
