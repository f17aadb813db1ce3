//! Limits on the size of a list. They allow ten times the size of the longest real list, and keep a
//! list's memory below a few hundred MB.

use std::io::{self, Read};

use crate::catalog::ListFault;

/// Size of an uncompressed list, unless it is of a kind that is larger.
pub(super) const MAX_LIST_BYTES: u64 = 4 << 30;

/// Size of a line of a text, or of a row of a table with all lines of its quoted cells.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;

/// Total size of the lines of a text.
pub(super) const MAX_TEXT_BYTES: usize = 256 << 20;

/// Number of rows of a table, or of lines of a text.
pub(super) const MAX_ROWS: u64 = 2_000_000;

/// Number of columns of a table, as in a spreadsheet.
pub(super) const MAX_COLUMNS: usize = 16_384;

/// A reader that fails if its source has more bytes than its limit.
pub(super) struct ListLimit<R> {
    source: R,
    limit: u64,
    left: u64,
}

impl<R: Read> ListLimit<R> {
    pub(super) fn new(source: R, limit: u64) -> Self {
        Self {
            source,
            limit,
            left: limit,
        }
    }
}

impl<R: Read> Read for ListLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                let limit = self.limit;
                return Err(ListFault::LongList { limit }.into());
            }
        }
        Ok(count)
    }
}

/// A reader that fails if a row has more than [`MAX_LINE_BYTES`].
pub(super) struct RowLimit<R> {
    source: R,
    /// Bytes read since the row began; does not count bytes that were already buffered.
    bytes: usize,
    /// Whether they include a line end, which then is in quotes.
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

    /// Starts a new row.
    pub(super) fn begin_row(&mut self) {
        self.bytes = 0;
        self.holds_lines = false;
    }
}

impl<R: Read> Read for RowLimit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes > MAX_LINE_BYTES {
            let limit = MAX_LINE_BYTES as u64;
            return Err(if self.holds_lines {
                ListFault::LongCell { limit }.into()
            } else {
                ListFault::LongLine { limit }.into()
            });
        }
        let count = self.source.read(buffer)?;
        self.bytes += count;
        self.holds_lines |= memchr::memchr2(b'\n', b'\r', &buffer[..count]).is_some();
        Ok(count)
    }
}
