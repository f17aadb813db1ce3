//! SGI pictures (The SGI Image File Format, version 1.00), read as by Pillow's `SgiImagePlugin.py`
//! and `SgiRleDecode.c`. None of machex's dependencies reads them.

use super::super::source::{Channels, zeros};
use super::super::{RenderError, error};
use super::{Picture, Pixels, cut_off};

const HEADER: usize = 512;

/// How the samples are stored.
struct Layout<'a> {
    source: &'a [u8],
    height: usize,
    /// Bytes per sample: 1 or 2, high byte first.
    depth: usize,
    /// Planes in the file, including alpha, which is not shown.
    planes: usize,
}

pub(super) fn open(source: &[u8]) -> Result<Picture<'_>, RenderError> {
    let Some(header) = source.first_chunk::<HEADER>() else {
        return Err(error::malformed("SGI", "its header is cut off"));
    };
    let number = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    let (is_packed, depth) = (header[2] == 1, usize::from(header[3]));
    let (width, height) = (number(6), number(8));
    let (channels, planes) = match (number(4), number(10)) {
        (1 | 2, 1) => (Channels::Gray, 1),
        (3, planes @ (3 | 4)) => (Channels::Rgb, planes),
        (dimensions, planes) => {
            return Err(RenderError::Unsupported {
                format: "SGI",
                feature: format!("an image of {dimensions} dimensions and {planes} planes"),
            });
        }
    };
    let layout = Layout {
        source,
        height,
        depth,
        planes,
    };
    Picture::new(width, height, channels, move || {
        let shown = channels.count();
        let mut bytes = zeros(width * height * shown)?;
        let mut is_whole = true;
        let mut line = zeros(width * depth)?;
        // The first row is the lowest.
        for (y, row) in bytes.chunks_exact_mut(width * shown).rev().enumerate() {
            for plane in 0..shown {
                let is_there = if is_packed {
                    layout.packed(y, plane, &mut line)
                } else {
                    layout.plain(y, plane, &mut line)
                };
                if is_there {
                    let samples = line.iter().step_by(depth);
                    row[plane..]
                        .iter_mut()
                        .step_by(shown)
                        .zip(samples)
                        .for_each(|(to, from)| *to = *from);
                }
                is_whole &= is_there;
            }
        }
        Ok(Pixels {
            bytes,
            damage: (!is_whole).then(cut_off),
        })
    })
}

impl Layout<'_> {
    fn plain(&self, y: usize, plane: usize, line: &mut [u8]) -> bool {
        let start = HEADER + (plane * self.height + y) * line.len();
        match self.source.get(start..start + line.len()) {
            Some(stored) => line.copy_from_slice(stored),
            None => return false,
        }
        true
    }

    /// Reads a run-length encoded row, by the tables of offsets and lengths after the header.
    fn packed(&self, y: usize, plane: usize, line: &mut [u8]) -> bool {
        let entry = |table: usize| {
            let rows = self.height * self.planes;
            let at = HEADER + (table * rows + plane * self.height + y) * 4;
            let bytes = self.source.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_be_bytes(*bytes) as usize)
        };
        let runs = || {
            let (start, len) = (entry(0)?, entry(1)?);
            self.source.get(start..start.checked_add(len)?)
        };
        runs().is_some_and(|runs| unpack(runs, self.depth, line).is_some())
    }
}

fn unpack(mut runs: &[u8], depth: usize, mut line: &mut [u8]) -> Option<()> {
    while !line.is_empty() {
        // Only the low byte matters.
        let (word, rest) = runs.split_at_checked(depth)?;
        let code = *word.last()?;
        let len = usize::from(code & 0x7f) * depth;
        if len == 0 {
            return None;
        }
        let (part, more) = line.split_at_mut_checked(len)?;
        line = more;
        if code & 0x80 == 0 {
            let (value, rest) = rest.split_at_checked(depth)?;
            part.chunks_exact_mut(depth)
                .for_each(|sample| sample.copy_from_slice(value));
            runs = rest;
        } else {
            let (values, rest) = rest.split_at_checked(len)?;
            part.copy_from_slice(values);
            runs = rest;
        }
    }
    Some(())
}
