//! Broken image data: what Pillow's decoder gets out of it.
//!
//! Pillow inflates row by row and keeps the rows before the first that it cannot have, because the
//! data end, do not inflate any more or name an unknown filter; all others stay zero. The `png`
//! crate keeps back some of what it has inflated when data end. So the data are inflated once
//! more, cut behind the last good row, and handed to it again as data that end there in order.

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};

use super::super::RenderError;
use super::super::source::reserve;
use super::container::Container;

/// The highest filter type (Paeth).
const LAST_FILTER: u8 = 4;

/// Image data that can be read to the end.
pub(super) struct Mended {
    idat: Vec<u8>,
}

impl Mended {
    /// `broken` with this data.
    pub(super) fn container<'a>(&'a self, broken: &Container<'a>) -> Container<'a> {
        Container {
            idat: &self.idat,
            ..*broken
        }
    }
}

/// Keeps the good ones of the rows before `end` (of all passes if interlaced).
pub(super) fn mend(container: &Container<'_>, end: usize) -> Result<Mended, RenderError> {
    let runs = runs(container, end);
    let total = runs.iter().map(|run| run.bytes()).sum();
    let (mut data, failed) = inflate(container, total)?;
    let (mut good, mut last) = (0, 0);
    'rows: for run in runs {
        for _ in 0..run.count {
            let next = good + run.stored;
            if data.get(good).is_none_or(|filter| *filter > LAST_FILTER) || data.len() < next {
                break 'rows;
            }
            (last, good) = (good, next);
        }
    }
    if failed && data.len() == good {
        // zlib finds the fault in the same call that ends the row, and Pillow loses that row.
        good = last;
    }
    data.truncate(good);
    Ok(Mended {
        idat: chunks(&data)?,
    })
}

/// Stored rows of one length.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Bytes of a row with its filter type.
    stored: usize,
    count: usize,
}

impl Run {
    fn bytes(self) -> usize {
        self.stored * self.count
    }
}

/// The rows as they are stored: one run, or one for each Adam7 pass.
fn runs(container: &Container<'_>, end: usize) -> Vec<Run> {
    let run = |width, count| Run {
        stored: 1 + container.row_len(width),
        count,
    };
    if !container.interlaced {
        return vec![run(container.width, end)];
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
    PASSES
        .into_iter()
        .map(|[left, top, right, down]| {
            let width = container.width.saturating_sub(left).div_ceil(right);
            let height = container.height.saturating_sub(top).div_ceil(down);
            // A pass without columns has no rows either.
            run(width, if width == 0 { 0 } else { height })
        })
        .collect()
}

/// Inflates as far as it goes, to at most `most` bytes, and says whether it ended with a fault (a
/// wrong sum of the whole data is one).
fn inflate(container: &Container<'_>, most: usize) -> Result<(Vec<u8>, bool), RenderError> {
    /// Deflate makes at most this many bytes of one (zlib's documentation).
    const MOST_OF_ONE: usize = 1032;
    let deflated: usize = container.deflated().map(<[u8]>::len).sum();
    // One more than is wanted, so that what follows the last byte is looked at.
    let room = (most + 1).min(deflated.saturating_mul(MOST_OF_ONE) + 1);
    let mut out = Vec::new();
    reserve(&mut out, room)?;
    let mut state = Decompress::new(true);
    for mut input in container.deflated() {
        while !input.is_empty() && out.len() <= most {
            let before = (state.total_in(), out.len());
            match state.decompress_vec(input, &mut out, FlushDecompress::None) {
                Ok(Status::Ok) => {}
                Ok(Status::StreamEnd | Status::BufError) => return Ok((out, false)),
                Err(_) => return Ok((out, true)),
            }
            let taken = (state.total_in() - before.0) as usize;
            if taken == 0 && out.len() == before.1 {
                return Ok((out, false));
            }
            input = &input[taken..];
        }
    }
    Ok((out, false))
}

/// IDAT chunks with `data` stored in them; nobody looks at their sums.
fn chunks(data: &[u8]) -> Result<Vec<u8>, RenderError> {
    /// A chunk's length has 31 bits.
    const LONGEST: usize = 1 << 30;
    /// A stored block has five bytes of its own, and zlib makes none of less than this but the last.
    const BLOCK: usize = 8 << 10;
    let no_memory = |_| RenderError::NoMemory { bytes: data.len() };
    let mut room = Vec::new();
    reserve(&mut room, data.len() + (data.len() / BLOCK + 16) * 5)?;
    let mut encoder = ZlibEncoder::new(room, Compression::none());
    encoder.write_all(data).map_err(no_memory)?;
    let deflated = encoder.finish().map_err(no_memory)?;
    let mut out = Vec::new();
    reserve(
        &mut out,
        deflated.len() + (deflated.len() / LONGEST + 1) * 12,
    )?;
    for part in deflated.chunks(LONGEST) {
        out.extend((part.len() as u32).to_be_bytes());
        out.extend(b"IDAT");
        out.extend(part);
        out.extend([0; 4]);
    }
    Ok(out)
}
