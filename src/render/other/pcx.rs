//! PCX (ZSoft PCX File Format Technical Reference Manual), read as by Pillow's `PcxImagePlugin.py`
//! and `PcxDecode.c`. None of machex's dependencies reads it.

use super::super::source::{Channels, zeros};
use super::super::{RenderError, error};
use super::{Picture, Pixels, cut_off};

const HEADER: usize = 128;

/// Length of the 256 colours at the end of a file, including the byte that announces them.
const PALETTE: usize = 769;

pub(super) fn open(source: &[u8]) -> Result<Picture<'_>, RenderError> {
    let Some((header, data)) = source.split_at_checked(HEADER) else {
        return Err(error::malformed("PCX", "its header is cut off"));
    };
    let number = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let side = |from: usize, to: usize| (number(to) + 1).saturating_sub(number(from));
    let (width, height) = (side(4, 8), side(6, 10));
    let (version, bits, planes) = (header[1], header[3], usize::from(header[65]));
    let (kind, channels) = match (version, bits, planes) {
        (_, 1, 1) => (Kind::Bits, Channels::Gray),
        (_, 1, 2 | 4) => (Kind::Planes(sixteen(header)), Channels::Rgb),
        (5, 8, 1) => match colors(source) {
            Some(colors) => (Kind::Indexed(colors), Channels::Rgb),
            None => (Kind::Gray, Channels::Gray),
        },
        (5, 8, 3) => (Kind::Rgb, Channels::Rgb),
        _ => {
            return Err(RenderError::Unsupported {
                format: "PCX",
                feature: format!("version {version} with {planes} planes of {bits} bits"),
            });
        }
    };
    let mut plane = (width * usize::from(bits)).div_ceil(8);
    if plane != number(66) {
        plane += plane % 2;
    }
    Picture::new(width, height, channels, move || {
        let mut bytes = zeros(width * height * channels.count())?;
        let mut line = zeros(plane * planes)?;
        let mut runs = Runs {
            data,
            left: 0,
            value: 0,
        };
        for row in bytes.chunks_exact_mut(width * channels.count()) {
            // A row that is cut off is not shown at all.
            if !runs.fill(&mut line) {
                return Ok(Pixels {
                    bytes,
                    damage: Some(cut_off()),
                });
            }
            kind.show(&line, plane, row);
        }
        Ok(Pixels {
            bytes,
            damage: None,
        })
    })
}

enum Kind {
    Bits,
    /// One bit of the index in each plane.
    Planes(Box<[[u8; 3]; 256]>),
    Gray,
    Indexed(Box<[[u8; 3]; 256]>),
    Rgb,
}

impl Kind {
    fn show(&self, line: &[u8], plane: usize, row: &mut [u8]) {
        let bit = |line: &[u8], x: usize| line[x / 8] >> (7 - x % 8) & 1;
        match self {
            Kind::Bits => {
                for (x, pixel) in row.iter_mut().enumerate() {
                    *pixel = 255 * bit(line, x);
                }
            }
            Kind::Gray => row.copy_from_slice(&line[..row.len()]),
            Kind::Indexed(colors) => {
                for (pixel, index) in row.as_chunks_mut::<3>().0.iter_mut().zip(line) {
                    *pixel = colors[usize::from(*index)];
                }
            }
            Kind::Planes(colors) => {
                for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                    let planes = line.chunks_exact(plane).enumerate();
                    let index: u8 = planes.map(|(at, line)| bit(line, x) << at).sum();
                    *pixel = colors[usize::from(index)];
                }
            }
            Kind::Rgb => {
                for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                    *pixel = [line[x], line[plane + x], line[2 * plane + x]];
                }
            }
        }
    }
}

/// Run-length encoded bytes.
struct Runs<'a> {
    data: &'a [u8],
    left: usize,
    value: u8,
}

impl Runs<'_> {
    /// Fills `line`; returns whether there were enough bytes.
    fn fill(&mut self, line: &mut [u8]) -> bool {
        for byte in line {
            if self.left == 0 {
                let Some((first, rest)) = self.data.split_first() else {
                    return false;
                };
                self.data = rest;
                (self.left, self.value) = (1, *first);
                if *first >= 0xc0 {
                    let Some((value, rest)) = self.data.split_first() else {
                        return false;
                    };
                    self.data = rest;
                    (self.left, self.value) = (usize::from(first & 0x3f), *value);
                    if self.left == 0 {
                        // A run of length 0: Pillow takes the next byte once.
                        (self.left, self.value) = (1, *value);
                    }
                }
            }
            *byte = self.value;
            self.left -= 1;
        }
        // A run ends with its row.
        self.left = 0;
        true
    }
}

/// The colours at the end of a file, unless they are missing or a gray ramp.
fn colors(source: &[u8]) -> Option<Box<[[u8; 3]; 256]>> {
    let [12, colors @ ..] = source.get(source.len().checked_sub(PALETTE)?..)? else {
        return None;
    };
    let colors: [[u8; 3]; 256] = colors.as_chunks::<3>().0.try_into().ok()?;
    let is_ramp = (0..)
        .zip(&colors)
        .all(|(index, color)| *color == [index as u8; 3]);
    (!is_ramp).then(|| Box::new(colors))
}

/// The sixteen colours in the header.
fn sixteen(header: &[u8]) -> Box<[[u8; 3]; 256]> {
    let mut colors = Box::new([[0; 3]; 256]);
    for (entry, color) in colors.iter_mut().zip(header[16..64].as_chunks::<3>().0) {
        *entry = *color;
    }
    colors
}
