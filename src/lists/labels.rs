//! Labels for 13 findings, which two of the datasets have.

use super::{Column, Row, Table};
use crate::catalog::{CatalogError, ClassLabel, EntryFault};

/// The labels in the reference's order, whatever that of a table.
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

/// The label columns of a table.
pub struct LabelColumns([Column; 13]);

impl LabelColumns {
    /// Finds them by name.
    pub fn of(table: &Table) -> Result<Self, CatalogError> {
        let mut columns = [Column::default(); 13];
        for (column, name) in columns.iter_mut().zip(LABELS) {
            *column = table.column(name)?;
        }
        Ok(Self(columns))
    }

    /// The labels of a row: truncated toward zero, 1 is positive, 0 negative (-1), all else 0.
    pub fn read(&self, row: &Row<'_>) -> Result<ClassLabel, EntryFault> {
        let mut label = [0; 13];
        for ((label, column), name) in label.iter_mut().zip(self.0).zip(LABELS) {
            let Some(cell) = row.get(column) else {
                continue;
            };
            let number = cell
                .trim()
                .parse::<f64>()
                .ok()
                .filter(|number| !number.is_infinite());
            let Some(number) = number else {
                let line = row.line();
                return Err(EntryFault(format!(
                    "line {line}: \"{cell}\" in column \"{name}\" is not a number"
                )));
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
