//! CSV tables, row by row, as pandas' `read_csv` reads them: a byte order mark is accepted, blank
//! lines are skipped, CR alone ends a row, a short row is filled, a long one is an error, and some
//! words stand for a missing value. Cells are not trimmed.

use std::borrow::Cow;
use std::io::Read;
use std::path::PathBuf;

use csv::ByteRecord;

use super::ListFile;
use crate::catalog::{CatalogBuilder, CatalogError};

/// What pandas takes for a missing value (`pandas._libs.parsers.STR_NA_VALUES`, version 2.1).
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// A line behind the last: where it is not a row of its own, a quote has not been closed.
const END: &[u8] = b"\x01end of the list\x01";

/// A CSV file with a header, read row by row.
pub struct Table {
    config_key: &'static str,
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read>>,
    header: ByteRecord,
    record: ByteRecord,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Column(usize);

/// The present row of a [`Table`].
pub struct Row<'a> {
    record: &'a ByteRecord,
    line: u64,
}

impl Table {
    /// Opens `file` and reads its header.
    pub fn open(catalog: &CatalogBuilder, file: &ListFile) -> Result<Self, CatalogError> {
        let config_key = catalog.config_key();
        let io = |source| CatalogError::Io {
            config_key,
            path: file.path.clone(),
            source,
        };
        let reader = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .buffer_capacity(256 << 10)
            .from_reader(with_end(file.open().map_err(io)?));
        let mut table = Self {
            config_key,
            path: file.path.clone(),
            reader,
            header: ByteRecord::new(),
            record: ByteRecord::new(),
        };
        table.advance()?;
        table.header = std::mem::take(&mut table.record);
        Ok(table)
    }

    /// The column `name`.
    pub fn column(&self, name: &'static str) -> Result<Column, CatalogError> {
        self.find(name).ok_or_else(|| CatalogError::MissingColumn {
            config_key: self.config_key,
            path: self.path.clone(),
            column: name,
        })
    }

    /// The column `name`, if there is one; the first where there are several.
    pub fn find(&self, name: &str) -> Option<Column> {
        self.header
            .iter()
            .position(|column| column == name.as_bytes())
            .map(Column)
    }

    /// The next row; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, CatalogError> {
        if !self.advance()? {
            return Ok(None);
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        if self.record.len() > self.header.len() {
            return Err(CatalogError::LongRow {
                config_key: self.config_key,
                path: self.path.clone(),
                line,
                expected: self.header.len(),
                found: self.record.len(),
            });
        }
        Ok(Some(Row {
            record: &self.record,
            line,
        }))
    }

    /// Reads the next record that is not a blank line.
    fn advance(&mut self) -> Result<bool, CatalogError> {
        loop {
            match self.reader.read_byte_record(&mut self.record) {
                Ok(true) if is_blank(&self.record) => {}
                Ok(true) if self.record.len() == 1 && &self.record[0] == END => return Ok(false),
                Ok(true) if holds_end(&self.record) => {
                    return Err(
                        self.row_error("a quote is opened here and never closed".to_owned())
                    );
                }
                Ok(more) => return Ok(more),
                Err(error) => {
                    return Err(self.row_error(error.to_string()));
                }
            }
        }
    }

    /// A fault of the present record.
    fn row_error(&self, problem: String) -> CatalogError {
        CatalogError::Row {
            config_key: self.config_key,
            path: self.path.clone(),
            line: self.record.position().map_or(0, csv::Position::line),
            problem,
        }
    }
}

fn with_end(list: Box<dyn Read>) -> Box<dyn Read> {
    Box::new(
        list.chain(b"\n".as_slice())
            .chain(END)
            .chain(b"\n".as_slice()),
    )
}

fn holds_end(record: &ByteRecord) -> bool {
    let last = record.iter().next_back().unwrap_or_default();
    last.len() > END.len() && last.trim_ascii_end().ends_with(END)
}

/// Whether a line holds nothing but blanks.
fn is_blank(record: &ByteRecord) -> bool {
    record.len() == 1 && record[0].iter().all(|byte| matches!(byte, b' ' | b'\t'))
}

impl Row<'_> {
    /// The line of the file on which the row starts.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// A cell; `None` where its value is missing.
    pub fn get(&self, column: Column) -> Option<Cow<'_, str>> {
        let bytes = self.record.get(column.0)?;
        let text = String::from_utf8_lossy(bytes);
        // The longest word has eight letters; most cells are longer.
        let is_missing = bytes.len() <= 8 && MISSING.contains(&text.as_ref());
        (!is_missing).then_some(text)
    }

    /// A cell that pandas takes for a number, as text: without blanks and leading zeros.
    pub fn id(&self, column: Column) -> Option<Cow<'_, str>> {
        let text = self.get(column)?;
        match text.trim().parse::<i64>() {
            Ok(number) => Some(Cow::Owned(number.to_string())),
            Err(_) => Some(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &[u8]) -> Result<Vec<[Option<String>; 2]>, CatalogError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("list.csv"), text).unwrap();
        let mut catalog = CatalogBuilder::new("SOME_ROOT");
        let file = ListFile::find(&mut catalog, &[folder.path().to_owned()], "list.csv")?;
        let mut table = Table::open(&catalog, &file)?;
        let columns = [table.column("a")?, table.column("b")?];
        let mut rows = Vec::new();
        while let Some(row) = table.next_row()? {
            rows.push(columns.map(|column| row.get(column).map(Cow::into_owned)));
        }
        Ok(rows)
    }

    fn row(a: &str, b: &str) -> [Option<String>; 2] {
        [a, b].map(|cell| (cell != "-").then(|| cell.to_owned()))
    }

    #[test]
    fn rows_are_read_as_pandas_reads_them() {
        let text = b"\xef\xbb\xbfb,a\r\n1,2\r\n\r\n  \n3,\"x,\ny\"\r\"\"\"q\"\"\",NA\n5\n, pa \n";
        assert_eq!(
            rows(text).unwrap(),
            [
                row("2", "1"),
                row("x,\ny", "3"),
                row("-", "\"q\""),
                row("-", "5"),
                row(" pa ", "-")
            ]
        );
    }

    #[test]
    fn a_long_row_names_its_line() {
        let error = rows(b"a,b\n1,2\n1,2,3\n").unwrap_err().to_string();
        assert!(
            error.contains("SOME_ROOT") && error.contains("list.csv, line 3"),
            "{error}"
        );
        assert!(
            error.contains("expected at most 2 fields, found 3"),
            "{error}"
        );
    }

    #[test]
    fn a_quote_that_is_not_closed_names_its_line() {
        let error = rows(b"a,b\n1,2\n3,\"x\n4,5\n").unwrap_err().to_string();
        assert!(error.contains("line 3: a quote is opened"), "{error}");
        assert_eq!(rows(b"a,b\n1,x\"").unwrap(), [row("1", "x\"")]);
        assert_eq!(rows(b"a,b\r1,2").unwrap(), [row("1", "2")]);
    }

    #[test]
    fn a_missing_column_is_named() {
        let error = rows(b"a,c\n").unwrap_err().to_string();
        assert!(error.contains("has no column \"b\""), "{error}");
        assert!(rows(b"").is_err());
    }

    #[test]
    fn ids_lose_leading_zeros() {
        let record = ByteRecord::from(vec![" 0012", "x01", ""]);
        let row = Row {
            record: &record,
            line: 1,
        };
        assert_eq!(row.id(Column(0)).unwrap(), "12");
        assert_eq!(row.id(Column(1)).unwrap(), "x01");
        assert_eq!(row.id(Column(2)), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = rows(&[b"a,b\n", bytes.as_slice()].concat());
        }
    }
}
