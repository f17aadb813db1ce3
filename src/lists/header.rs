//! The header of a table: its separator and its columns.

use std::cell::Cell;

use csv::ByteRecord;

use super::limit::{MAX_COLUMNS, MAX_LINE_BYTES};
use super::open::decode;
use crate::catalog::ListFault;
use crate::shown::Show as _;

/// The separator of pandas, and those of spreadsheets where numbers contain commas.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How many columns to name if one is missing, and how many characters of each.
const NAMED: usize = 8;
const NAME_CHARS: usize = 40;

/// Similarity (Jaro-Winkler) from which one name may be meant for another.
const ALIKE: f64 = 0.9;

/// The header, split at each possible separator. The first requested column that exists decides
/// which is right.
pub(super) struct Header {
    candidates: Vec<(u8, ByteRecord)>,
    chosen: Cell<Option<usize>>,
}

/// The separator from a first line such as `sep=;`, which Excel writes, and the length of that
/// line.
pub(super) fn stated_separator(text: &[u8]) -> Option<(u8, usize)> {
    let end = memchr::memchr2(b'\n', b'\r', text)?;
    let line = text[..end].trim_ascii_end();
    let unquoted = line
        .strip_prefix(b"\"")
        .and_then(|line| line.strip_suffix(b"\""));
    // A tab was trimmed away with the end of the line.
    let separator = match unquoted.unwrap_or(line).strip_prefix(b"sep=")? {
        [] if text[..end].contains(&b'\t') => b'\t',
        [separator] if !separator.is_ascii_alphanumeric() && separator.is_ascii() => *separator,
        _ => return None,
    };
    let is_crlf = text[end..].starts_with(b"\r\n");
    Some((separator, end + 1 + usize::from(is_crlf)))
}

impl Header {
    /// Parses the header at the beginning of `head`, the beginning of a table or the whole table.
    /// `stated` is the separator, if a line states it.
    pub(super) fn parse(head: &[u8], stated: Option<u8>) -> Result<Self, ListFault> {
        let separators: &[u8] = match &stated {
            Some(stated) => std::slice::from_ref(stated),
            None => &SEPARATORS,
        };
        let mut candidates = Vec::new();
        for separator in separators {
            match first_record(head, *separator) {
                Ok(record) => candidates.push((*separator, record)),
                // With another separator, a quote may be open.
                Err(_) if !candidates.is_empty() => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(Self {
            candidates,
            chosen: Cell::new(None),
        })
    }

    /// The separator that was decided on, or the comma.
    pub(super) fn separator(&self) -> u8 {
        self.present().map_or(b',', |(separator, _)| *separator)
    }

    fn present(&self) -> Option<&(u8, ByteRecord)> {
        self.candidates.get(self.chosen.get().unwrap_or(0))
    }

    /// The column `name`; the first if there are several. If the separator is undecided, finding
    /// the column decides it.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        let position = |(_, record): &(u8, ByteRecord)| {
            record.iter().position(|column| column == name.as_bytes())
        };
        if self.chosen.get().is_some() {
            return self.present().and_then(position);
        }
        let mut found = self
            .candidates
            .iter()
            .enumerate()
            .filter_map(|(at, candidate)| Some((at, position(candidate)?)));
        let (chosen, column) = found.next()?;
        // A name that is alone in its line exists with every separator: take the usual one.
        self.chosen.set(Some(chosen));
        Some(column)
    }

    /// The same, but a name that differs only in case, or in blanks around it, will do if there is no
    /// equal one.
    pub(super) fn column_like(&self, name: &str) -> Option<usize> {
        let position = |(_, record): &(u8, ByteRecord)| {
            record.iter().position(|column| {
                let column = decode(column).0;
                column.trim().eq_ignore_ascii_case(name.trim())
            })
        };
        let equal = self.column(name);
        equal.or_else(|| self.present().and_then(position))
    }

    /// For messages: which columns exist, and which of them may be meant by `name`.
    pub(super) fn words(&self, name: &str) -> String {
        let candidates = || match self.chosen.get() {
            Some(chosen) => &self.candidates[chosen..=chosen],
            None => &self.candidates[..],
        };
        let nearest = candidates()
            .iter()
            .flat_map(|(_, record)| record)
            .map(|column| decode(column).0)
            .map(|column| (likeness(&column, name), column))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let most = candidates().iter().max_by_key(|(_, record)| record.len());
        let columns: Vec<String> = most
            .iter()
            .flat_map(|(_, record)| record.iter())
            .take(NAMED)
            .map(shown_name)
            .collect();
        let count = most.map_or(0, |(_, record)| record.len());
        let more = if count > NAMED { ", …" } else { "" };
        let found = match columns.as_slice() {
            [only] => format!("its first line is {only}"),
            many => format!("it has {count} columns: {}{more}", many.join(", ")),
        };
        match nearest {
            Some((_, column)) => {
                format!("did you mean {}? {found}", shown_name(column.as_bytes()))
            }
            None => format!("{found}; is this the list of the dataset's own release?"),
        }
    }
}

/// 1 if two names differ only in case and spaces.
fn likeness(column: &str, name: &str) -> f64 {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).take(200).collect()
    };
    strsim::jaro_winkler(&plain(column), &plain(name))
}

fn shown_name(column: &[u8]) -> String {
    let name = decode(column).0;
    match name.char_indices().nth(NAME_CHARS) {
        Some((end, _)) => format!("\"{}…\"", name[..end].shown()),
        None => format!("\"{}\"", name.shown()),
    }
}

/// The first record that is not a blank line.
fn first_record(head: &[u8], separator: u8) -> Result<ByteRecord, ListFault> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .has_headers(false)
        .from_reader(head);
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) if is_blank(&record) => {}
            Ok(true) => break,
            Ok(false) => return Err(ListFault::Empty),
            // A slice has no other errors.
            Err(error) => return Err(ListFault::Damaged(error.to_string())),
        }
    }
    // The end of the data also ends a record; in the middle of a table it must not.
    let is_whole = (reader.position().byte() as usize) < head.len();
    if !is_whole && head.len() > MAX_LINE_BYTES {
        let limit = MAX_LINE_BYTES as u64;
        return Err(ListFault::LongLine { limit });
    }
    if record.len() > MAX_COLUMNS {
        let limit = MAX_COLUMNS as u64;
        return Err(ListFault::ManyColumns { limit });
    }
    Ok(record)
}

/// Whether a line is empty or contains only spaces and tabs.
pub(super) fn is_blank(record: &ByteRecord) -> bool {
    record.len() == 1 && record[0].iter().all(|byte| matches!(byte, b' ' | b'\t'))
}
