//! CSV tables, row by row, as pandas' `read_csv` reads them: a byte order mark is accepted, blank
//! lines are skipped, a single CR ends a row, a short row is filled, a long one is an error, and
//! some words stand for a missing value. Cells are not trimmed.
//!
//! Other separators and encodings, which pandas refuses, are accepted if their meaning is
//! unambiguous.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Read};

use csv::ByteRecord;

use super::ListFile;
use super::header::{Header, is_blank, stated_separator};
use super::limit::{MAX_COLUMNS, MAX_LINE_BYTES, MAX_ROWS, RowLimit};
use super::open::decode;
use crate::catalog::{CatalogError, ListContext, ListFault, Warnings};
use crate::shown::Show as _;

/// Words that pandas reads as a missing value (`pandas._libs.parsers.STR_NA_VALUES`, version 2.1).
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// An extra last line: if it does not become its own row, a quote was not closed.
const END: &[u8] = b"\x01end of the list\x01";

/// A CSV file with a header, read row by row.
pub struct Table {
    config_key: &'static str,
    file: ListFile,
    header: Header,
    /// Unset until the first row is read: all columns have been requested by then.
    rows: Option<Rows>,
    /// The source of the rows, until then.
    source: Option<Box<dyn Read>>,
    notes: Notes,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Column(usize);

/// The current row of a [`Table`].
pub struct Row<'a> {
    record: &'a ByteRecord,
    line: u64,
    /// Number of cells before the first column.
    names: usize,
    separator: u8,
    notes: &'a Notes,
}

/// The rows after the header.
struct Rows {
    reader: csv::Reader<RowLimit<Box<dyn Read>>>,
    record: ByteRecord,
    separator: u8,
    /// Maximum number of cells per row.
    width: usize,
    /// How many of them are row names, which the header does not count.
    names: usize,
    /// Number of rows so far.
    count: u64,
}

/// Notes that are reported once per table.
struct Notes {
    file: ListFile,
    /// Number of lines before the table's first line.
    lines_before: u64,
    warnings: Warnings,
    told: [Cell<bool>; 3],
}

/// The kind of a note.
#[derive(Clone, Copy)]
enum Note {
    Encoding,
    ZeroBytes,
    RowNames,
}

impl Table {
    /// Opens `file` and reads its header.
    pub fn open(lists: &ListContext, file: &ListFile) -> Result<Self, CatalogError> {
        let (list, mut head) =
            open_head(file, lists).map_err(|error| file.error(lists, 0, error))?;
        let stated = stated_separator(&head);
        if let Some((_, end)) = stated {
            head.drain(..end);
        }
        let header =
            Header::parse(&head, stated.map(|(separator, _)| separator)).map_err(|fault| {
                let line = match fault {
                    ListFault::Empty => 0,
                    _ => 1,
                };
                file.error(lists, line, fault.into())
            })?;
        Ok(Self {
            config_key: lists.config_key_of(&file.path),
            file: file.clone(),
            header,
            rows: None,
            source: Some(Box::new(io::Cursor::new(head).chain(list))),
            notes: Notes {
                file: file.clone(),
                lines_before: u64::from(stated.is_some()),
                warnings: lists.warnings(),
                told: Default::default(),
            },
        })
    }

    /// The column `name`. The first one found also decides the separator.
    pub fn column(&self, name: &'static str) -> Result<Column, CatalogError> {
        self.find(name).ok_or_else(|| CatalogError::MissingColumn {
            config_key: self.config_key,
            path: self.file.path.clone(),
            column: name,
            found: self.header.words(name),
        })
    }

    /// The column `name`, if it exists; the first if there are several.
    pub fn find(&self, name: &str) -> Option<Column> {
        self.header.column(name).map(Column)
    }

    /// The column `name`, in any case and with blanks around it, as other releases have it.
    pub fn find_like(&self, name: &str) -> Option<Column> {
        self.header.column_like(name).map(Column)
    }

    /// The next row; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, CatalogError> {
        if let Some(source) = self.source.take() {
            self.rows = Some(Rows::behind(&self.header, source));
        }
        let Some(rows) = &mut self.rows else {
            return Ok(None);
        };
        let next = rows.next();
        let line = rows.line() + self.notes.lines_before;
        match next {
            Ok(false) => Ok(None),
            Ok(true) => {
                if rows.names > 0 && rows.count == 1 {
                    self.notes.tell(Note::RowNames, line);
                }
                Ok(Some(Row {
                    record: &rows.record,
                    line,
                    names: rows.names,
                    separator: rows.separator,
                    notes: &self.notes,
                }))
            }
            Err(error) => Err(CatalogError::reading(
                self.config_key,
                &self.file.path,
                line,
                error,
            )),
        }
    }
}

impl Rows {
    /// The rows of a table that starts with `header`.
    fn behind(header: &Header, source: Box<dyn Read>) -> Self {
        let separator = header.separator();
        let reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .flexible(true)
            .has_headers(false)
            .buffer_capacity(256 << 10)
            .from_reader(RowLimit::new(with_end(source)));
        Self {
            reader,
            record: ByteRecord::new(),
            separator,
            width: 0,
            names: 0,
            count: 0,
        }
    }

    /// The line where the current row starts.
    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// Advances to the next row, if there is one.
    fn next(&mut self) -> io::Result<bool> {
        if self.width == 0 {
            // The header again.
            if !self.advance()? {
                return Ok(false);
            }
            self.width = self.record.len();
        }
        if !self.advance()? {
            return Ok(false);
        }
        self.count += 1;
        if self.count > MAX_ROWS {
            return Err(ListFault::ManyRows { limit: MAX_ROWS }.into());
        }
        let found = self.record.len();
        if self.count == 1 && found > self.width {
            // If the first row has more cells than the header, pandas reads the extra ones as row
            // names.
            self.names = found - self.width;
            self.width = found;
        }
        if found > MAX_COLUMNS {
            let limit = MAX_COLUMNS as u64;
            return Err(ListFault::ManyColumns { limit }.into());
        }
        match self.width {
            width if found <= width => Ok(true),
            expected => Err(ListFault::LongRow { expected, found }.into()),
        }
    }

    /// Reads the next record that is not a blank line.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            self.reader.get_mut().begin_row();
            match self.reader.read_byte_record(&mut self.record) {
                Ok(true) if is_blank(&self.record) => {}
                Ok(true) if self.record.len() == 1 && &self.record[0] == END => return Ok(false),
                Ok(true) if holds_end(&self.record) => return Err(ListFault::OpenQuote.into()),
                Ok(more) => return Ok(more),
                Err(error) => {
                    return Err(match error.into_kind() {
                        csv::ErrorKind::Io(error) => error,
                        other => io::Error::other(format!("{other:?}")),
                    });
                }
            }
        }
    }
}

/// Opens a list; returns its first bytes, and the rest.
fn open_head(file: &ListFile, lists: &ListContext) -> io::Result<(Box<dyn Read>, Vec<u8>)> {
    let mut list = file.open(lists)?;
    let mut head = Vec::new();
    // One byte more than a header may have.
    let most = MAX_LINE_BYTES as u64 + 1;
    list.by_ref().take(most).read_to_end(&mut head)?;
    Ok((list, head))
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

impl Notes {
    fn tell(&self, note: Note, line: u64) {
        if self.told[note as usize].replace(true) {
            return;
        }
        let path = self.file.path.shown();
        let what = match note {
            Note::Encoding => "this is not UTF-8; such cells are read as Windows-1252",
            Note::ZeroBytes => "there are zero bytes, at which a cell ends; is the file damaged?",
            Note::RowNames => {
                "this row has more cells than the header; the first are taken for names of rows, as \
                 pandas does"
            }
        };
        self.warnings.add(format!("{path}, line {line}: {what}"));
    }
}

impl Row<'_> {
    /// The line of the file on which the row starts.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Whether the row has this cell, even a blank one.
    pub fn has(&self, column: Column) -> bool {
        self.record.get(self.names + column.0).is_some()
    }

    /// A cell; `None` if its value is missing. A zero byte ends it, as in pandas.
    pub fn get(&self, column: Column) -> Option<Cow<'_, str>> {
        let mut bytes = self.record.get(self.names + column.0)?;
        if let Some(end) = memchr::memchr(0, bytes) {
            self.notes.tell(Note::ZeroBytes, self.line);
            bytes = &bytes[..end];
        }
        let (text, is_utf8) = decode(bytes);
        if !is_utf8 {
            self.notes.tell(Note::Encoding, self.line);
        }
        // The longest word has eight letters; most cells are longer.
        let is_missing = bytes.len() <= 8 && MISSING.contains(&text.as_ref());
        (!is_missing).then_some(text)
    }

    /// A cell that pandas reads as a number, as text: without spaces and leading zeros.
    pub fn id(&self, column: Column) -> Option<Cow<'_, str>> {
        let text = self.get(column)?;
        match text.trim().parse::<i64>() {
            Ok(number) => Some(Cow::Owned(number.to_string())),
            Err(_) => Some(text),
        }
    }

    /// A cell that is a number. If the comma is not the separator, it is a decimal comma.
    ///
    /// # Errors
    /// Returns the cell if it is not a number.
    pub fn number(&self, column: Column) -> Result<Option<f64>, Cow<'_, str>> {
        let Some(cell) = self.get(column) else {
            return Ok(None);
        };
        let parse = |text: &str| {
            let number = text.trim().parse::<f64>().ok();
            number.filter(|number| !number.is_infinite())
        };
        let number = parse(&cell).or_else(|| match self.separator {
            b',' => None,
            _ => parse(&cell.replacen(',', ".", 1)),
        });
        match number {
            None => Err(cell),
            number => Ok(number),
        }
    }
}

#[cfg(test)]
mod tests;
