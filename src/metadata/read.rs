//! Reads a list into metadata, as its description says. A fault of a list is never an error: what
//! cannot be read stays absent, and a warning says why.

use std::path::{Path, PathBuf};

use super::builder::{Index, MetadataBuilder};
use super::cells::Cells;
use super::layout::Layout;
use super::list::{MetadataList, Rows};
use super::notes::{CellFaults, ListNote};
use crate::catalog::CatalogError;
use crate::lists::{ListFile, Table};
use crate::shown::Show as _;

/// Number of rows whose faults are listed one by one.
const MAX_BAD_ROWS: usize = 5;

/// Code of a dataset for rows that its tables cannot describe: gets the cells of the extra columns,
/// and the numbers of the images that the row is about.
pub type EachRow<'r> = dyn FnMut(&mut MetadataBuilder<'_>, &mut Cells<'_, '_>, &[u32]) + 'r;

impl MetadataBuilder<'_> {
    /// Reads `list`, if it is there, and returns whether it is.
    pub fn read(&mut self, root: &Path, list: &MetadataList) -> bool {
        self.read_also(root, list, &[], &mut |_, _, _| {})
    }

    /// The same; also calls `each` for every row, with the cells of the columns `extra`, of which
    /// any may be missing.
    pub fn read_also(
        &mut self,
        root: &Path,
        list: &MetadataList,
        extra: &[&'static str],
        each: &mut EachRow<'_>,
    ) -> bool {
        self.read_in(std::slice::from_ref(&root.to_owned()), list, extra, each)
    }

    /// The same, of the first of `folders` that has the list.
    pub fn read_in(
        &mut self,
        folders: &[PathBuf],
        list: &MetadataList,
        extra: &[&'static str],
        each: &mut EachRow<'_>,
    ) -> bool {
        if self.is_stopped() {
            return false;
        }
        let Some(file) = self.find(folders, list) else {
            return false;
        };
        let mut note = ListNote::new(&file.path);
        note.covers_all = list.covers_all;
        let mut faults = CellFaults::default();
        if let Err(error) = self.read_file(&file, list, extra, each, &mut note, &mut faults) {
            self.warn(error.to_string());
        }
        note.faults.extend(faults.words());
        self.note(note);
        true
    }

    /// The file of `list` in the first of `folders` that has it.
    pub fn find(&mut self, folders: &[PathBuf], list: &MetadataList) -> Option<ListFile> {
        for (folder, name) in folders
            .iter()
            .flat_map(|f| list.files.iter().map(move |n| (f, n)))
        {
            match ListFile::find(self.lists(), std::slice::from_ref(folder), name) {
                Ok(file) => {
                    return Some(match list.max_bytes {
                        Some(bytes) => file.of_at_most(bytes),
                        None => file,
                    });
                }
                Err(CatalogError::MissingList { .. }) => {}
                Err(error) => self.warn(error.to_string()),
            }
        }
        None
    }

    fn read_file(
        &mut self,
        file: &ListFile,
        list: &MetadataList,
        extra: &[&'static str],
        each: &mut EachRow<'_>,
        note: &mut ListNote,
        faults: &mut CellFaults,
    ) -> Result<(), CatalogError> {
        let mut table = Table::open(self.lists(), file)?;
        let layout = Layout::find(&table, list, extra, note)?;
        let mut index = self.index(&list.join);
        let mut matched = vec![false; self.catalog().len() as usize];
        let mut numbers = Vec::new();
        let mut bad_rows = 0;
        self.skip_rest(false);
        while !self.is_stopped() && !self.skips_rest() {
            let row = match table.next_row() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) if error.is_about_one_row() => {
                    bad_rows += 1;
                    if bad_rows <= MAX_BAD_ROWS {
                        self.warn(format!("{error}; this row is left out"));
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            note.rows += 1;
            let cell = row.get(layout.join()).unwrap_or_default();
            let name = (list.join.of_cell)(cell.trim());
            numbers.clear();
            let is_taken = layout.takes(&row, self.frontal_only());
            if is_taken {
                images(&mut index, list.join.rows, &name, &mut numbers);
            }
            if is_taken && numbers.is_empty() {
                // The list may write the number of a study differently from the name of its folder.
                let cell = row.id(layout.join()).unwrap_or_default();
                let number = (list.join.of_cell)(&cell);
                images(&mut index, list.join.rows, &number, &mut numbers);
            }
            if numbers.is_empty() {
                note.unmatched_rows.add(&name);
                continue;
            }
            for number in &numbers {
                if let Some(matched) = matched.get_mut(*number as usize) {
                    *matched = true;
                }
            }
            let mut cells = Cells::new(&row, layout.extra(), faults);
            layout.take(self, &mut cells, &numbers);
            each(self, &mut cells, &numbers);
        }
        if bad_rows > MAX_BAD_ROWS {
            let path = file.path.shown();
            let more = bad_rows - MAX_BAD_ROWS;
            self.warn(format!("{path}: {more} more such rows are left out"));
        }
        self.note_unmatched_images(note, |number| {
            matched.get(number as usize).is_some_and(|matched| *matched)
        });
        Ok(())
    }
}

/// The numbers of the images that a row is about.
fn images(index: &mut Index<'_>, rows: Rows, name: &str, numbers: &mut Vec<u32>) {
    match rows {
        Rows::Each { .. } => numbers.extend(index.take(name)),
        Rows::Last | Rows::Many => numbers.extend(index.find(name)),
    }
}
