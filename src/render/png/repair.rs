//! Decodes broken image data as Pillow does.
//!
//! Pillow inflates row by row and keeps the rows before the first that it cannot read, because the
//! data end, cannot be inflated or name an unknown filter. All later rows stay zero. The `png`
//! crate holds back some inflated data when its input ends, so this module reads broken data, with
//! at most two rows and a few more bytes in memory.

use flate2::{Decompress, FlushDecompress, Status};

use super::super::RenderError;
use super::super::source::{reserve, zeros};
use super::container::Container;

/// The highest filter type (Paeth).
const LAST_FILTER: u8 = 4;

/// Bytes inflated at a time, in addition to a row.
const STEP: usize = 64 << 10;

/// Rows of one length, as they are stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Number of the Adam7 pass, from 1; 0 without interlacing.
    pub pass: u8,
    /// Bytes of a row, without its filter type.
    pub row_len: usize,
    pub count: usize,
}

/// Calls `take` with pass, number and bytes of each good row of `runs`, in order. Returns the
/// number of good rows.
pub(super) fn good_rows(
    container: &Container<'_>,
    runs: &[Run],
    take: &mut dyn FnMut(u8, usize, &[u8]),
) -> Result<usize, RenderError> {
    let longest = runs.iter().map(|run| run.row_len).max().unwrap_or(0);
    let mut stored = Stored::new(container.deflated(), longest)?;
    let (mut above, mut row) = (zeros(longest)?, zeros(longest)?);
    let distance = container.bits_per_pixel().div_ceil(8);
    let mut good = 0;
    for run in runs {
        let (above, row) = (&mut above[..run.row_len], &mut row[..run.row_len]);
        above.fill(0);
        for number in 0..run.count {
            let Some([filter, filtered @ ..]) = stored.row(run.row_len) else {
                return Ok(good);
            };
            let filter = *filter;
            row.copy_from_slice(filtered);
            unfilter(filter, distance, above, row);
            take(run.pass, number, row);
            above.copy_from_slice(row);
            good += 1;
        }
    }
    Ok(good)
}

/// The rows as stored: one run, or one for each Adam7 pass.
pub(super) fn runs(container: &Container<'_>, end: usize) -> Vec<Run> {
    if !container.interlaced {
        return vec![Run {
            pass: 0,
            row_len: container.row_len(container.frame.width),
            count: end,
        }];
    }
    /// First column and row of each Adam7 pass, and the steps from one to the next.
    const PASSES: [[usize; 4]; 7] = [
        [0, 0, 8, 8],
        [4, 0, 8, 8],
        [0, 4, 4, 8],
        [2, 0, 4, 4],
        [0, 2, 2, 4],
        [1, 0, 2, 2],
        [0, 1, 1, 2],
    ];
    (1..)
        .zip(PASSES)
        .map(|(pass, [left, top, right, down])| {
            let width = container.frame.width.saturating_sub(left).div_ceil(right);
            let height = container.frame.height.saturating_sub(top).div_ceil(down);
            Run {
                pass,
                row_len: container.row_len(width),
                // A pass without columns has no rows either.
                count: if width == 0 { 0 } else { height },
            }
        })
        .collect()
}

/// Inflates stored rows one after the other.
struct Stored<'a, I> {
    parts: I,
    input: &'a [u8],
    state: Decompress,
    /// Inflated bytes; those before `start` have been used.
    inflated: Vec<u8>,
    start: usize,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    InOrder,
    /// A wrong checksum of the whole data is a fault too.
    InAFault,
}

impl<'a, I: Iterator<Item = &'a [u8]>> Stored<'a, I> {
    fn new(parts: I, longest: usize) -> Result<Self, RenderError> {
        let mut inflated = Vec::new();
        reserve(&mut inflated, longest + 2 + STEP)?;
        Ok(Self {
            parts,
            input: &[],
            state: Decompress::new(true),
            inflated,
            start: 0,
            end: End::NotYet,
        })
    }

    /// The next row, preceded by its filter type; `None` if it is missing or bad.
    fn row(&mut self, row_len: usize) -> Option<&[u8]> {
        let wanted = row_len + 1;
        // One byte more, so that a fault directly after the row is noticed.
        while self.inflated.len() - self.start <= wanted && self.end == End::NotYet {
            self.inflate();
        }
        let there = self.inflated.len() - self.start;
        // zlib finds that fault in the call that completes the row, and Pillow loses the row.
        if there < wanted || there == wanted && self.end == End::InAFault {
            return None;
        }
        let row = &self.inflated[self.start..][..wanted];
        if row[0] > LAST_FILTER {
            return None;
        }
        self.start += wanted;
        Some(row)
    }

    /// Inflates more bytes, into memory that is already reserved.
    fn inflate(&mut self) {
        self.inflated.drain(..self.start);
        self.start = 0;
        if self.input.is_empty() {
            match self.parts.next() {
                Some(part) => self.input = part,
                None => self.end = End::InOrder,
            }
            return;
        }
        let before = (self.state.total_in(), self.inflated.len());
        let status =
            self.state
                .decompress_vec(self.input, &mut self.inflated, FlushDecompress::None);
        let taken = (self.state.total_in() - before.0) as usize;
        self.input = self.input.get(taken..).unwrap_or_default();
        let stands_still = taken == 0 && self.inflated.len() == before.1;
        self.end = match status {
            Ok(Status::Ok) if !stands_still => End::NotYet,
            Ok(_) => End::InOrder,
            Err(_) => End::InAFault,
        };
    }
}

/// Undoes a filter (PNG specification, section 9). `above` is the previous row, `distance` the size
/// of a pixel in bytes.
fn unfilter(filter: u8, distance: usize, above: &[u8], row: &mut [u8]) {
    for at in 0..row.len() {
        let before = at.checked_sub(distance);
        let left = before.map_or(0, |before| row[before]);
        let corner = before.map_or(0, |before| above[before]);
        let up = above[at];
        let predicted = match filter {
            1 => left,
            2 => up,
            3 => ((u16::from(left) + u16::from(up)) / 2) as u8,
            4 => paeth(left, up, corner),
            _ => return,
        };
        row[at] = row[at].wrapping_add(predicted);
    }
}

/// Left, above or above left, whichever is nearest to `left + up - corner`.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, up, corner].map(i16::from);
    let (pa, pb, pc) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    if pa <= pb && pa <= pc {
        left
    } else if pb <= pc {
        up
    } else {
        corner
    }
}
