//! Masks as run lengths.
//!
//! Two notations in the lists of datasets become one: pairs of start and length, counted from 0,
//! row by row from the top left corner. The runs are in order, none is empty, and there is a pixel
//! outside the mask between any two. A run may go on in the next row.

/// Pixels of the largest picture that is transposed; SIIM-ACR's have 1,048,576. Keeps the
/// memory for a hostile mask, up to 16 bytes a pixel, below 64 MB.
const MAX_TRANSPOSED_PIXELS: u32 = 1 << 22;

/// A mask of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    width: u32,
    height: u32,
    /// Start, length, start, length …
    runs: Vec<u32>,
}

/// Why a mask cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunsError {
    #[error("number {number} of the mask is not a whole number from 0 on")]
    NotANumber {
        /// Counts from 1.
        number: usize,
    },
    #[error("the mask has {count} numbers; they come in pairs")]
    OddCount { count: usize },
    #[error("run {run} of the mask starts at pixel 0; its notation counts from 1")]
    StartsAtZero {
        /// Counts from 1.
        run: usize,
    },
    #[error("run {run} of the mask ends outside the picture of {width} x {height} pixels")]
    Outside {
        /// Counts from 1.
        run: usize,
        width: u32,
        height: u32,
    },
    #[error("a picture of {width} x {height} pixels is too large for this notation of a mask")]
    TooLarge { width: u32, height: u32 },
}

/// The first pixel of a run, and the pixel after its last one.
type Span = (u32, u32);

impl Runs {
    /// Reads masks of SIIM-ACR Pneumothorax, and joins them: its list has a row for each mask.
    ///
    /// A mask is pairs of gap and length, column by column from the top left corner: a run starts
    /// `gap` pixels after the end of the one before, and the first one after pixel 0 (as
    /// `SIIM_Pneumothorax_Dataset` of <https://github.com/mlmed/torchxrayvision> reads it). Both
    /// `-1` and an empty text are an empty mask.
    pub fn from_siim<'a>(
        masks: impl IntoIterator<Item = &'a str>,
        width: u32,
        height: u32,
    ) -> Result<Self, RunsError> {
        let count = pixels(width, height)?;
        if count > MAX_TRANSPOSED_PIXELS {
            return Err(RunsError::TooLarge { width, height });
        }
        let mut spans = Vec::new();
        for mask in masks {
            let mut position = 0;
            if mask.trim() == "-1" {
                continue;
            }
            for (index, (gap, length)) in pairs(mask)?.into_iter().enumerate() {
                let end = end_of(position, gap).and_then(|start| end_of(start, length));
                let end = end.filter(|end| *end <= count).ok_or(RunsError::Outside {
                    run: index + 1,
                    width,
                    height,
                })?;
                spans.push((end - length, end));
                position = end;
            }
        }
        // Before bits are set, so that masks that overlap do not set them again and again.
        join(&mut spans);
        Ok(Self::from_spans(
            transpose(&spans, width, height),
            width,
            height,
        ))
    }

    /// Reads a mask of CheXmask: pairs of start and length, counted from 1, row by row
    /// (`DataPostprocessing/utils.py` of <https://github.com/ngaggion/CheXmask-Database>). An empty
    /// text is an empty mask.
    pub fn from_chexmask(mask: &str, width: u32, height: u32) -> Result<Self, RunsError> {
        let count = pixels(width, height)?;
        let mut spans = Vec::new();
        for (index, (start, length)) in pairs(mask)?.into_iter().enumerate() {
            let run = index + 1;
            let start = start
                .checked_sub(1)
                .ok_or(RunsError::StartsAtZero { run })?;
            let end = end_of(start, length).filter(|end| *end <= count);
            let end = end.ok_or(RunsError::Outside { run, width, height })?;
            spans.push((start, end));
        }
        join(&mut spans);
        Ok(Self::from_spans(spans, width, height))
    }

    fn from_spans(spans: Vec<Span>, width: u32, height: u32) -> Self {
        let runs = spans
            .iter()
            .flat_map(|(start, end)| [*start, end - start])
            .collect();
        Self::of_numbers(width, height, runs)
    }

    /// The mask that has these runs: see [`Self::as_slice`].
    pub(super) fn of_numbers(width: u32, height: u32, runs: Vec<u32>) -> Self {
        Self {
            width,
            height,
            runs,
        }
    }

    /// Width of the picture.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height of the picture.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Start, length, start, length …
    pub fn as_slice(&self) -> &[u32] {
        &self.runs
    }

    /// Start, length, start, length …
    pub fn into_vec(self) -> Vec<u32> {
        self.runs
    }

    /// Whether no pixel is in the mask.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Number of pixels in the mask.
    pub fn area(&self) -> u32 {
        self.runs.iter().skip(1).step_by(2).sum()
    }
}

/// Number of pixels of a picture; starts and ends of runs must fit into 32 bits.
fn pixels(width: u32, height: u32) -> Result<u32, RunsError> {
    let count = width.checked_mul(height);
    count.ok_or(RunsError::TooLarge { width, height })
}

fn end_of(start: u32, length: u32) -> Option<u32> {
    start.checked_add(length)
}

/// The numbers of a text, two by two.
fn pairs(text: &str) -> Result<Vec<(u32, u32)>, RunsError> {
    let (mut pairs, mut first, mut count) = (Vec::new(), None, 0);
    for word in text.split_ascii_whitespace() {
        count += 1;
        // `parse` would also accept a sign.
        let is_plain = word.bytes().all(|byte| byte.is_ascii_digit());
        let number = word.parse().ok().filter(|_| is_plain);
        let number = number.ok_or(RunsError::NotANumber { number: count })?;
        match first.take() {
            None => first = Some(number),
            Some(first) => pairs.push((first, number)),
        }
    }
    match first {
        None => Ok(pairs),
        Some(_) => Err(RunsError::OddCount { count }),
    }
}

/// Sorts spans, and makes one of those that overlap or touch.
fn join(spans: &mut Vec<Span>) {
    spans.retain(|(start, end)| start < end);
    spans.sort_unstable();
    spans.dedup_by(|next, last| {
        let touches = next.0 <= last.1;
        if touches {
            last.1 = last.1.max(next.1);
        }
        touches
    });
}

/// Spans that count column by column, as spans that count row by row. Both are in order.
fn transpose(spans: &[Span], width: u32, height: u32) -> Vec<Span> {
    let bit = |index: usize| (index / 64, 1_u64 << (index % 64));
    let (columns, rows) = (width as usize, height as usize);
    let mut bitmap = vec![0_u64; (columns * rows).div_ceil(64)];
    for index in spans.iter().flat_map(|(start, end)| *start..*end) {
        let (x, y) = (index as usize / rows, index as usize % rows);
        let (word, mask) = bit(y * columns + x);
        bitmap[word] |= mask;
    }
    let mut transposed: Vec<Span> = Vec::new();
    for (index, word) in bitmap.into_iter().enumerate() {
        let (first, mut left) = (index as u32 * 64, word);
        while left != 0 {
            let zeros = left.trailing_zeros();
            let ones = (left >> zeros).trailing_ones();
            let (start, end) = (first + zeros, first + zeros + ones);
            match transposed.last_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => transposed.push((start, end)),
            }
            left &= u64::MAX.checked_shl(zeros + ones).unwrap_or(0);
        }
    }
    transposed
}

#[cfg(test)]
mod tests;
