//! Converts the rows of a frame to those of the window. Pixels outside the frame have the value 0.

use std::ops::Range;

use super::super::RenderError;
use super::super::source::{Window, reserve};
use super::header::Frame;
use super::samples::Samples;

/// Takes the rows of a frame and passes those of the window on, top to bottom.
pub(super) struct Lines<'a> {
    samples: &'a Samples,
    frame: Frame,
    window: Window,
    sink: &'a mut dyn FnMut(&[u8]),
    /// Image columns covered by both the frame and the window.
    columns: Range<usize>,
    /// Scratch memory for a row.
    line: Vec<u8>,
    /// A window row outside the frame; empty if the frame covers the window.
    empty: Vec<u8>,
    /// How many rows have been passed on.
    given: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(
        samples: &'a Samples,
        frame: Frame,
        window: Window,
        sink: &'a mut dyn FnMut(&[u8]),
    ) -> Result<Self, RenderError> {
        let channels = samples.channels().count();
        let mut line = Vec::new();
        reserve(&mut line, window.width * channels)?;
        let columns = common(frame.left, frame.width, window.left, window.width);
        let mut lines = Self {
            samples,
            frame,
            window,
            sink,
            columns,
            line,
            empty: Vec::new(),
            given: 0,
        };
        if lines.columns.len() < window.width || lines.rows().len() < window.height {
            const ONE_PIXEL: [u8; 8] = [0; 8];
            let nothing = samples
                .to_8_bits(&ONE_PIXEL, 0, 1, &mut lines.line)
                .to_vec();
            reserve(&mut lines.empty, window.width * channels)?;
            for _ in 0..window.width {
                lines.empty.extend_from_slice(&nothing);
            }
        }
        Ok(lines)
    }

    /// The rows of the frame that the window needs, counted from the top of the frame.
    pub(super) fn rows(&self) -> Range<usize> {
        let Frame { top, height, .. } = self.frame;
        let rows = common(top, height, self.window.top, self.window.height);
        rows.start - top..rows.end - top
    }

    /// Takes row `number` of the frame. Rows come in order; unneeded ones can be omitted.
    pub(super) fn push(&mut self, number: usize, row: &[u8]) {
        let y = self.frame.top + number;
        if y < self.window.top || !self.rows().contains(&number) {
            return;
        }
        self.fill_to(y - self.window.top);
        let (left, width) = (self.columns.start - self.frame.left, self.columns.len());
        let part = if width == 0 {
            &[]
        } else {
            self.samples.to_8_bits(row, left, width, &mut self.line)
        };
        if width == self.window.width {
            (self.sink)(part);
        } else {
            let channels = self.samples.channels().count();
            let start = (self.columns.start - self.window.left) * channels;
            let mut whole = self.empty.clone();
            whole[start..start + part.len()].copy_from_slice(part);
            (self.sink)(&whole);
        }
        self.given += 1;
    }

    /// Passes on the rest of the window, below the frame.
    pub(super) fn finish(mut self) {
        self.fill_to(self.window.height);
    }

    fn fill_to(&mut self, rows: usize) {
        while self.given < rows {
            (self.sink)(&self.empty);
            self.given += 1;
        }
    }
}

/// The intersection of two ranges. If it is empty, it still lies within the first.
fn common(start: usize, len: usize, other: usize, other_len: usize) -> Range<usize> {
    let from = other.clamp(start, start + len);
    from..(other + other_len).clamp(from, start + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_ranges_have_in_common_lies_within_the_first() {
        assert_eq!(common(3, 4, 0, 100), 3..7);
        assert_eq!(common(0, 100, 3, 4), 3..7);
        assert_eq!(common(3, 4, 5, 9), 5..7);
        assert_eq!(common(3, 4, 0, 2), 3..3);
        assert_eq!(common(3, 4, 50, 2), 7..7);
    }
}
