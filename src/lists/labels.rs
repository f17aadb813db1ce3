//! Labels for 13 findings, which two datasets have.

use super::{Column, Row, Table};
use crate::catalog::{CatalogError, ClassLabel, EntryFault};
use crate::shown::Show as _;
use crate::words::start_of;

/// The labels in the order of the original script, whatever the order in a table.
pub const LABELS: [&str; 13] = [
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
];

/// Characters of a cell to show in a fault.
const TOLD: usize = 60;

/// The label columns of a table.
pub struct LabelColumns([Column; 13]);

impl LabelColumns {
    /// Finds the columns by name.
    pub fn of(table: &Table) -> Result<Self, CatalogError> {
        let mut columns = [Column::default(); 13];
        for (column, name) in columns.iter_mut().zip(LABELS) {
            *column = table.column(name)?;
        }
        Ok(Self(columns))
    }

    /// The labels of a row: truncated toward zero, 1 is positive, 0 is negative (-1), everything
    /// else is 0.
    pub fn read(&self, row: &Row<'_>) -> Result<ClassLabel, EntryFault> {
        let mut label = [0; 13];
        for ((label, column), name) in label.iter_mut().zip(self.0).zip(LABELS) {
            let number = match row.number(column) {
                Ok(Some(number)) => number,
                Ok(None) => continue,
                Err(cell) => {
                    let (line, cell) = (row.line(), told(&cell));
                    return Err(EntryFault(format!(
                        "line {line}: \"{cell}\" in column \"{name}\" is not a number"
                    )));
                }
            };
            *label = match number.trunc() {
                1.0 => 1,
                0.0 => -1,
                _ => 0,
            };
        }
        Ok(label)
    }
}

/// The part of a cell to show.
fn told(cell: &str) -> String {
    let start = start_of(cell, TOLD);
    let more = if start.len() < cell.len() { "…" } else { "" };
    format!("{}{more}", start.shown())
}
