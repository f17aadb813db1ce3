//! The cells of one row, and what is wrong with them.

use super::notes::CellFaults;
use crate::lists::{Column, Row};

/// The current row of a list.
pub struct Cells<'r, 'f> {
    row: &'r Row<'r>,
    extra: &'r [(&'static str, Option<Column>)],
    faults: &'f mut CellFaults,
}

impl<'r, 'f> Cells<'r, 'f> {
    pub(super) fn new(
        row: &'r Row<'r>,
        extra: &'r [(&'static str, Option<Column>)],
        faults: &'f mut CellFaults,
    ) -> Self {
        Self { row, extra, faults }
    }

    /// A cell, without white space around it; `None` if it is blank.
    pub fn text(&self, column: Column) -> Option<String> {
        let cell = self.row.get(column)?;
        let cell = cell.trim();
        (!cell.is_empty()).then(|| cell.to_owned())
    }

    /// A cell that is a number. One that is not is noted, and counts as blank.
    pub fn number(&mut self, name: &str, column: Column) -> Option<f64> {
        match self.row.number(column) {
            Ok(number) => number.filter(|number| number.is_finite()),
            // Blanks alone are no fault.
            Err(cell) if cell.trim().is_empty() => None,
            Err(cell) => {
                self.fault(name, &cell, "not a number");
                None
            }
        }
    }

    /// The cell of the extra column `name`.
    pub fn extra(&self, name: &str) -> Option<String> {
        let (_, column) = self.extra.iter().find(|(known, _)| *known == name)?;
        self.text((*column)?)
    }

    /// The same, of a cell that is a number: see [`Self::number`].
    pub fn extra_number(&mut self, name: &str) -> Option<f64> {
        let (_, column) = *self.extra.iter().find(|(known, _)| *known == name)?;
        self.number(name, column?)
    }

    /// Whether the list has the extra column `name`, and the row a cell in it, even a blank one.
    pub fn has(&self, name: &str) -> bool {
        let mut extra = self.extra.iter();
        extra.any(|(known, column)| {
            *known == name && column.is_some_and(|column| self.row.has(column))
        })
    }

    /// Notes that a cell is `wrong`, such as `not an age`.
    pub fn fault(&mut self, name: &str, cell: &str, wrong: &'static str) {
        self.faults.add(self.row.line(), name, cell, wrong);
    }
}
