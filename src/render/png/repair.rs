//! Broken image data: what Pillow's decoder gets out of it.
//!
//! Pillow inflates row by row and keeps the rows before the first that it cannot have, because the
//! data end, do not inflate any more or name an unknown filter; all others stay zero. The `png`
//! crate keeps back some of what it has inflated when data end, so broken data are read here, with
//! no more than two rows and a little of what follows in memory.

use flate2::{Decompress, FlushDecompress, Status};

use super::super::RenderError;
use super::super::source::{reserve, zeros};
use super::container::Container;

/// The highest filter type (Paeth).
const LAST_FILTER: u8 = 4;

/// Bytes that are inflated at a time, beside a row.
const STEP: usize = 64 << 10;

/// Rows of one length, as they are stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Number of the Adam7 pass from 1, or 0 where there are none.
    pub pass: u8,
    /// Bytes of a row without its filter type.
    pub row_len: usize,
    pub count: usize,
}

/// Calls `take` with pass, number and bytes of each good row of `runs` in order; returns how many
/// they are.
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

/// The rows as they are stored: one run, or one for each Adam7 pass.
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

/// Stored rows, inflated one after the other.
struct Stored<'a, I> {
    parts: I,
    input: &'a [u8],
    state: Decompress,
    /// Inflated bytes, of which those before `start` have been taken.
    inflated: Vec<u8>,
    start: usize,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    InOrder,
    /// A wrong sum of the whole data is a fault, too.
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

    /// The next row with its filter type in front; `None` where it is not there or not good.
    fn row(&mut self, row_len: usize) -> Option<&[u8]> {
        let wanted = row_len + 1;
        // One more, so that what follows the last byte is looked at.
        while self.inflated.len() - self.start <= wanted && self.end == End::NotYet {
            self.inflate();
        }
        let there = self.inflated.len() - self.start;
        // zlib finds the fault in the same call that ends the row, and Pillow loses that row.
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

    /// Inflates some more, into memory that is there already.
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

/// Undoes a filter (PNG specification, section 9). `above` is the row before, `distance` the bytes
/// of a pixel.
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

/// Of left, above and above left, that which is nearest to `left + up - corner`.
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
