//! Writes batches as Parquet, Arrow or CSV.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::Facts;
use super::columns::schema;
use super::csv::CsvTable;

/// Rows that Parquet keeps together: few enough to hold a group with all reports in memory.
const GROUP_ROWS: usize = 32_768;

/// Bytes, about, after which such a group ends early: with masks, rows are long.
const GROUP_BYTES: usize = 64 << 20;

/// Why a table cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    #[error("interrupted")]
    Interrupted,
}

/// Errors of the output stay what they are, so that a full disk is known as one.
impl From<TableError> for io::Error {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Io(error) | TableError::Arrow(ArrowError::IoError(_, error)) => error,
            TableError::Parquet(ParquetError::External(cause)) => match cause.downcast() {
                Ok(error) => *error,
                Err(cause) => Self::other(cause),
            },
            other => Self::other(other),
        }
    }
}

/// The form of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    Parquet,
    /// Arrow's IPC file format (Feather version 2).
    Arrow,
    /// With lists as JSON.
    Csv,
}

impl TableFormat {
    /// The format for a file name; `None` if its extension is of none.
    pub fn of(file: &Path) -> Option<Self> {
        let extension = file
            .extension()
            .and_then(OsStr::to_str)?
            .to_ascii_lowercase();
        match extension.as_str() {
            "parquet" => Some(Self::Parquet),
            "arrow" | "feather" => Some(Self::Arrow),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// Writes one table.
pub enum TableWriter<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<FileWriter<W>>),
    Csv(Box<CsvTable<W>>),
}

impl<W: Write + Send> TableWriter<W> {
    /// `facts` are part of the file, except in CSV.
    ///
    /// # Errors
    /// If `output` cannot be written.
    pub fn new(output: W, format: TableFormat, facts: &Facts) -> Result<Self, TableError> {
        let facts = facts.pairs();
        let pairs = facts
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()));
        // Readers of Arrow find the facts in the schema, others only among those of the file.
        let schema =
            Schema::clone(&schema()).with_metadata(pairs.clone().collect::<HashMap<_, _>>());
        Ok(match format {
            TableFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_row_count(Some(GROUP_ROWS))
                    .set_max_row_group_bytes(Some(GROUP_BYTES))
                    .set_key_value_metadata(Some(
                        pairs
                            .map(|(key, value)| KeyValue::new(key, value))
                            .collect(),
                    ))
                    .build();
                let writer = ArrowWriter::try_new(output, Arc::new(schema), Some(properties))?;
                Self::Parquet(Box::new(writer))
            }
            TableFormat::Arrow => Self::Arrow(Box::new(FileWriter::try_new(output, &schema)?)),
            TableFormat::Csv => Self::Csv(Box::new(CsvTable::new(output, &schema)?)),
        })
    }

    /// # Errors
    /// If the output cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        match self {
            Self::Parquet(writer) => writer.write(batch)?,
            Self::Arrow(writer) => writer.write(batch)?,
            Self::Csv(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Ends the table, and returns the output.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn finish(self) -> Result<W, TableError> {
        Ok(match self {
            Self::Parquet(writer) => writer.into_inner()?,
            Self::Arrow(mut writer) => {
                writer.finish()?;
                writer.into_inner()?
            }
            Self::Csv(writer) => writer.finish()?,
        })
    }
}
