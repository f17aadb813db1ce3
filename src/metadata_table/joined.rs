//! The tables that a finished tree has already, as one.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Facts;
use super::columns::schema;
use super::writer::{TableError, TableWriter};

impl Facts {
    /// Adds the facts that the table in the file `path` has.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn add_file(&mut self, path: &Path) -> Result<(), TableError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
        let stored = builder.metadata().file_metadata().key_value_metadata();
        self.add_stored(stored.map_or(&[], Vec::as_slice));
        Ok(())
    }
}

impl<W: Write + Send> TableWriter<W> {
    /// Adds the rows of the table in the file `path`, and returns how many.
    ///
    /// # Errors
    /// If the file cannot be read, or has other columns than this version of machex writes;
    /// [`TableError::Interrupted`] once `stop` is set.
    pub fn append(&mut self, path: &Path, stop: &AtomicBool) -> Result<u64, TableError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
        let (found, expected) = (builder.schema(), schema());
        let names = |fields: &arrow_schema::Fields| -> Vec<_> {
            let fields = fields.iter();
            fields
                .map(|field| (field.name().clone(), field.data_type().clone()))
                .collect()
        };
        if names(found.fields()) != names(expected.fields()) {
            let problem = "it has other columns than this version of machex writes: make it again";
            return Err(io::Error::other(problem).into());
        }
        let mut rows = 0;
        for batch in builder.build()? {
            if stop.load(Ordering::Relaxed) {
                return Err(TableError::Interrupted);
            }
            // Without the facts about a single dataset.
            let batch = batch?.with_schema(schema())?;
            rows += batch.num_rows() as u64;
            self.write(&batch)?;
        }
        Ok(rows)
    }
}
