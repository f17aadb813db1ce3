//! Interprets the chunks before the image data as Pillow does (`PngImagePlugin.py`).

use super::super::RenderError;
use super::super::source::check_size;
use super::container::{Chunk, Color, Container, FDAT, SEQUENCE_NUMBER, malformed};

/// A part of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// The contents of the chunks read so far.
#[derive(Debug, Default)]
pub(super) struct Header<'a> {
    size: (u32, u32),
    kind: Option<(Color, u8)>,
    /// Colour type and bits of the last IHDR whose combination does not exist.
    unknown: Option<(u8, u8)>,
    interlaced: bool,
    palette: &'a [u8],
    /// Left, top, right and bottom of the last fcTL.
    bounds: Option<[u64; 4]>,
    /// Sequence number of the last fcTL or fdAT.
    sequence: Option<u32>,
}

impl<'a> Header<'a> {
    pub(super) fn take(&mut self, chunk: &Chunk<'a>) -> Result<(), RenderError> {
        match chunk.name {
            b"IHDR" => self.take_header(chunk.data),
            // Pillow ignores a palette before a header that needs one.
            b"PLTE" if matches!(self.kind, Some((Color::Palette, _))) => {
                self.palette = chunk.data;
                Ok(())
            }
            b"fcTL" => self.take_frame(chunk.data),
            b"IEND" => Err(malformed("there is no image data")),
            _ => Ok(()),
        }
    }

    /// Whether the image data start with this chunk, whose name is one of theirs.
    pub(super) fn starts_data(&mut self, chunk: &Chunk<'_>) -> Result<bool, RenderError> {
        if chunk.name != FDAT {
            return Ok(true);
        }
        match chunk.data.first_chunk::<SEQUENCE_NUMBER>() {
            Some(number) => self.follow(u32::from_be_bytes(*number)).map(|()| true),
            // Pillow ignores it.
            None => Ok(false),
        }
    }

    /// Reads IHDR. A chunk that is too short is ignored. A colour type that does not exist keeps
    /// the previous one. Once set, interlacing stays set.
    fn take_header(&mut self, data: &[u8]) -> Result<(), RenderError> {
        let Some(
            &[
                w0,
                w1,
                w2,
                w3,
                h0,
                h1,
                h2,
                h3,
                bits,
                color,
                _,
                filter,
                interlace,
            ],
        ) = data.first_chunk::<13>()
        else {
            return Ok(());
        };
        self.size = (
            u32::from_be_bytes([w0, w1, w2, w3]),
            u32::from_be_bytes([h0, h1, h2, h3]),
        );
        let color = match (color, bits) {
            (0, 1 | 2 | 4 | 8 | 16) => Some(Color::Gray),
            (2, 8 | 16) => Some(Color::Rgb),
            (3, 1 | 2 | 4 | 8) => Some(Color::Palette),
            (4, 8 | 16) => Some(Color::GrayAlpha),
            (6, 8 | 16) => Some(Color::RgbAlpha),
            _ => {
                self.unknown = Some((color, bits));
                None
            }
        };
        self.kind = color.map(|color| (color, bits)).or(self.kind);
        self.interlaced |= interlace != 0;
        match filter {
            0 => Ok(()),
            _ => Err(malformed(&format!("unknown filter method {filter}"))),
        }
    }

    /// Reads an animation frame, whose data cover that part of the image.
    fn take_frame(&mut self, data: &[u8]) -> Result<(), RenderError> {
        const LEN: usize = 26;
        let (true, Some(fields)) = (data.len() >= LEN, data.first_chunk::<20>()) else {
            return Ok(());
        };
        let mut numbers = [0; 5];
        for (number, bytes) in numbers.iter_mut().zip(fields.as_chunks::<4>().0) {
            *number = u32::from_be_bytes(*bytes);
        }
        let [sequence, width, height, left, top] = numbers;
        self.follow(sequence)?;
        let (right, bottom) = (
            u64::from(left) + u64::from(width),
            u64::from(top) + u64::from(height),
        );
        if right > self.size.0.into() || bottom > self.size.1.into() {
            return Err(malformed("a frame reaches beyond the image"));
        }
        self.bounds = Some([left.into(), top.into(), right, bottom]);
        Ok(())
    }

    /// Checks the sequence number; numbers start at 0.
    fn follow(&mut self, sequence: u32) -> Result<(), RenderError> {
        if self.sequence.map_or(Some(0), |last| last.checked_add(1)) != Some(sequence) {
            return Err(malformed("frames out of sequence"));
        }
        self.sequence = Some(sequence);
        Ok(())
    }

    /// Finishes the header; `data` starts with the chunks of image data.
    pub(super) fn finish(self, data: &'a [u8]) -> Result<Container<'a>, RenderError> {
        let Some((color, bits)) = self.kind else {
            return Err(match self.unknown {
                Some((color, bits)) => malformed(&format!("colour type {color} with {bits} bits")),
                None => malformed("there is no header before the image data"),
            });
        };
        let (width, height) = self.size;
        check_size(width.into(), height.into())?;
        let (width, height) = (width as usize, height as usize);
        Ok(Container {
            width,
            height,
            frame: self.frame(width, height)?,
            bits,
            color,
            interlaced: self.interlaced,
            palette: self.palette,
            data,
        })
    }

    fn frame(&self, width: usize, height: usize) -> Result<Frame, RenderError> {
        let [left, top, right, bottom] = match self.bounds {
            // To Pillow, a frame that ends at column 0 is the whole image.
            None | Some([0, _, 0, _]) => [0, 0, width, height],
            // Bounds lie within the image, whose sides have 32 bits, unless its size changed
            // afterwards.
            Some(bounds) => bounds.map(|bound| bound as usize),
        };
        if right > width || bottom > height || right <= left || bottom <= top {
            return Err(malformed("a frame without pixels in the image"));
        }
        // Pillow places an interlaced frame in the top left corner, wherever it belongs.
        let (left_shown, top_shown) = if self.interlaced { (0, 0) } else { (left, top) };
        Ok(Frame {
            left: left_shown,
            top: top_shown,
            width: right - left,
            height: bottom - top,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(
        chunks: &[(&'static [u8], &'static [u8])],
    ) -> Result<Container<'static>, RenderError> {
        let mut header = Header::default();
        for (name, data) in chunks {
            header.take(&Chunk::of(name, data))?;
        }
        header.finish(b"")
    }

    const GRAY: (&[u8], &[u8]) = (b"IHDR", b"\0\0\0\x05\0\0\0\x04\x08\0\0\0\0");
    const INDEXED: (&[u8], &[u8]) = (b"IHDR", b"\0\0\0\x05\0\0\0\x04\x08\x03\0\0\x01");
    const NO_KIND: (&[u8], &[u8]) = (b"IHDR", b"\0\0\0\x07\0\0\0\x06\x03\x05\0\0\0");
    const PALETTE: (&[u8], &[u8]) = (b"PLTE", b"abc");

    #[test]
    fn a_palette_counts_behind_a_header_that_asks_for_it() {
        assert_eq!(header(&[INDEXED, PALETTE]).unwrap().palette, b"abc");
        assert_eq!(header(&[PALETTE, INDEXED]).unwrap().palette, b"");
        assert_eq!(header(&[GRAY, PALETTE]).unwrap().palette, b"");
    }

    #[test]
    fn of_several_headers_the_last_counts_as_far_as_it_goes() {
        let last = header(&[INDEXED, NO_KIND]).unwrap();
        assert_eq!((last.width, last.height), (7, 6));
        assert!(last.color == Color::Palette && last.interlaced);
        assert!(header(&[NO_KIND]).is_err());
        assert!(header(&[NO_KIND, GRAY]).is_ok());
        assert!(
            !header(&[GRAY, (b"IHDR", b"\0\0\0\x05")])
                .unwrap()
                .interlaced
        );
        assert!(header(&[GRAY, INDEXED]).unwrap().interlaced);
    }

    #[test]
    fn a_frame_is_the_part_that_its_data_fill() {
        const SMALL: &[u8] = b"\0\0\0\0\0\0\0\x02\0\0\0\x03\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0";
        const WIDE: &[u8] = b"\0\0\0\0\0\0\0\x05\0\0\0\x03\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0";
        let frame = header(&[GRAY, (b"fcTL", SMALL)]).unwrap().frame;
        let [left, top, width, height] = [1, 1, 2, 3];
        assert_eq!(
            frame,
            Frame {
                left,
                top,
                width,
                height
            }
        );
        assert!(header(&[GRAY, (b"fcTL", WIDE)]).is_err());
        assert!(header(&[GRAY, (b"fcTL", SMALL), (b"fcTL", SMALL)]).is_err());
        let whole = header(&[GRAY, (b"fcTL", &SMALL[..20])]).unwrap().frame;
        assert_eq!((whole.width, whole.height), (5, 4));
    }
}
