//! Portable bitmaps, graymaps and pixmaps (Netpbm), read as by Pillow's `PpmImagePlugin.py`.

use super::super::source::{Channels, check_size, reserve};
use super::super::{RenderError, error};
use super::{Picture, Pixels, cut_off};

/// Digits of the longest number in a header.
const LONGEST_NUMBER: usize = 10;

/// The sample format from the header of a file.
#[derive(Debug, Clone, Copy)]
struct Format {
    is_text: bool,
    is_bitmap: bool,
    channels: Channels,
    width: usize,
    height: usize,
    /// The value of white.
    highest: u32,
}

pub(super) fn open(source: &[u8]) -> Result<Picture<'_>, RenderError> {
    let kind = source.get(1).copied().unwrap_or_default();
    let mut words = Words {
        rest: source.get(2..).unwrap_or_default(),
    };
    let mut number = || {
        words
            .number()
            .ok_or_else(|| malformed("its header is damaged"))
    };
    let (width, height) = (number()?, number()?);
    check_size(width.into(), height.into())?;
    let is_bitmap = matches!(kind, b'1' | b'4');
    let highest = if is_bitmap { 1 } else { number()? };
    if !(1..1 << 16).contains(&highest) {
        return Err(malformed("samples of no known depth"));
    }
    let format = Format {
        is_text: matches!(kind, b'1'..=b'3'),
        is_bitmap,
        channels: match kind {
            b'3' | b'6' => Channels::Rgb,
            _ => Channels::Gray,
        },
        width: width as usize,
        height: height as usize,
        highest,
    };
    Picture::new(format.width, format.height, format.channels, move || {
        if format.is_text {
            text(words, format)
        } else {
            binary(words.rest, format)
        }
    })
}

/// Converts a sample to 8 bits. Gray of more than 8 bits is scaled to 16 bits and keeps the high
/// byte.
fn to_8_bits(value: u32, format: Format) -> u8 {
    let scaled = |white: u32| {
        let exact = f64::from(value) / f64::from(format.highest) * f64::from(white);
        (exact.round_ties_even() as u32).min(white)
    };
    match (format.channels, format.highest) {
        (_, 255) => value.min(255) as u8,
        (Channels::Gray, 256..) => (scaled(65_535) >> 8) as u8,
        _ => scaled(255) as u8,
    }
}

fn binary(data: &[u8], format: Format) -> Result<Pixels, RenderError> {
    let row_len = format.width * format.channels.count();
    let len = row_len * format.height;
    let mut bytes = Vec::new();
    reserve(&mut bytes, len)?;
    if format.is_bitmap {
        let stored = format.width.div_ceil(8);
        for row in data.chunks_exact(stored).take(format.height) {
            let bits = (0..format.width).map(|x| row[x / 8] >> (7 - x % 8) & 1);
            bytes.extend(bits.map(|is_black| if is_black == 1 { 0 } else { 255 }));
        }
    } else if format.highest < 256 {
        bytes.extend(
            data.iter()
                .take(len)
                .map(|value| to_8_bits((*value).into(), format)),
        );
    } else {
        let values = data.as_chunks::<2>().0.iter().take(len);
        bytes.extend(values.map(|value| to_8_bits(u16::from_be_bytes(*value).into(), format)));
    }
    Ok(filled(bytes, len))
}

fn text(mut words: Words<'_>, format: Format) -> Result<Pixels, RenderError> {
    let len = format.width * format.height * format.channels.count();
    let mut bytes = Vec::new();
    reserve(&mut bytes, len)?;
    while bytes.len() < len {
        let value = if format.is_bitmap {
            // Digits need no blanks between them.
            words.digit()
        } else {
            words.number()
        };
        match value {
            Some(1) if format.is_bitmap => bytes.push(0),
            Some(0) if format.is_bitmap => bytes.push(255),
            Some(value) if value <= format.highest && !format.is_bitmap => {
                bytes.push(to_8_bits(value, format));
            }
            Some(_) => return Err(malformed("a sample is higher than white")),
            None => break,
        }
    }
    Ok(filled(bytes, len))
}

/// Fills missing pixels with black.
fn filled(mut bytes: Vec<u8>, len: usize) -> Pixels {
    let damage = (bytes.len() < len).then(cut_off);
    // The room is already reserved.
    bytes.resize(len, 0);
    Pixels { bytes, damage }
}

/// Reads numbers and comments in the text of a file.
struct Words<'a> {
    rest: &'a [u8],
}

impl Words<'_> {
    /// Reads the next number, and one byte of white space after it.
    fn number(&mut self) -> Option<u32> {
        self.skip_blanks();
        let digits = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if !(1..=LONGEST_NUMBER).contains(&digits) {
            return None;
        }
        let (word, rest) = self.rest.split_at(digits);
        self.rest = rest.get(1..).unwrap_or_default();
        std::str::from_utf8(word).ok()?.parse().ok()
    }

    fn digit(&mut self) -> Option<u32> {
        self.skip_blanks();
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        char::from(*first).to_digit(10)
    }

    fn skip_blanks(&mut self) {
        loop {
            let blanks = self
                .rest
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace() || **byte == 11);
            self.rest = &self.rest[blanks.count()..];
            if self.rest.first() != Some(&b'#') {
                return;
            }
            let comment = self
                .rest
                .iter()
                .take_while(|byte| !matches!(byte, b'\r' | b'\n'));
            self.rest = &self.rest[comment.count()..];
        }
    }
}

fn malformed(problem: &str) -> RenderError {
    error::malformed("PNM", problem)
}
