//! How large a list may be. The limits leave room for ten times the longest of the real lists, and
//! keep what a list takes in memory to a few hundred MB.

use std::io::{self, Read};

use crate::catalog::ListFault;

/// A list, inflated.
pub(super) const MAX_LIST_BYTES: u64 = 4 << 30;

/// A line of a text, or a row of a table with all the lines that its quoted cells have.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;

/// All lines of a text that are kept.
pub(super) const MAX_TEXT_BYTES: usize = 256 << 20;

/// Rows of a table, or lines of a text.
pub(super) const MAX_ROWS: u64 = 2_000_000;

/// Columns of a table: as many as a spreadsheet has.
pub(super) const MAX_COLUMNS: usize = 16_384;

/// A reader that fails where its source has more than [`MAX_LIST_BYTES`].
pub(super) struct ListLimit<R> {
    source: R,
    left: u64,
}

impl<R: Read> ListLimit<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            left: MAX_LIST_BYTES,
        }
    }
}

impl<R: Read> Read for ListLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                let limit = MAX_LIST_BYTES;
                return Err(ListFault::LongList { limit }.into());
            }
        }
        Ok(count)
    }
}

/// A reader that fails where a row goes on for more than [`MAX_LINE_BYTES`].
pub(super) struct RowLimit<R> {
    source: R,
    /// Bytes that were read since the row began, those excepted that had been read before.
    bytes: usize,
    /// There was an end of a line among them: the row has it in quotes.
    holds_lines: bool,
}

impl<R: Read> RowLimit<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            bytes: 0,
            holds_lines: false,
        }
    }

    /// A new row begins.
    pub(super) fn begin_row(&mut self) {
        self.bytes = 0;
        self.holds_lines = false;
    }
}

impl<R: Read> Read for RowLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes > MAX_LINE_BYTES {
            let limit = MAX_LINE_BYTES as u64;
            return Err(match self.holds_lines {
                true => ListFault::LongCell { limit }.into(),
                false => ListFault::LongLine { limit }.into(),
            });
        }
        let count = self.source.read(buffer)?;
        self.bytes += count;
        self.holds_lines |= memchr::memchr2(b'\n', b'\r', &buffer[..count]).is_some();
        Ok(count)
    }
}
