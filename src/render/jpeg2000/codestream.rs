//! Reads size and structure of a JPEG 2000 code stream before OpenJPEG allocates memory for it
//! (ITU-T T.800, annex A).

use super::super::RenderError;
use super::super::boxes::first_box;
use super::malformed;

/// Start of a JP2 file, which contains the code stream in a box (annex I).
pub(in crate::render) const JP2: [u8; 12] = *b"\0\0\0\x0cjP  \r\n\x87\n";

/// Start of a code stream, and its first marker (SIZ): image and tile size.
pub(in crate::render) const SOC_SIZ: [u8; 4] = [0xff, 0x4f, 0xff, 0x51];

const COD: u8 = 0x52;
const COC: u8 = 0x53;
const SOT: u8 = 0x90;
const SOD: u8 = 0x93;

/// Maximum number of tiles. OpenJPEG needs several kilobytes for each.
const MAX_TILES: u64 = 1 << 13;

/// Maximum numbers of precincts and code blocks, half a kilobyte each.
const MAX_PRECINCTS: u64 = 1 << 18;
const MAX_BLOCKS: u64 = 1 << 20;

/// Maximum number of packets: a code stream of a few bytes can declare billions of empty ones.
const MAX_PACKETS: u64 = 1 << 24;

/// Size and structure of a code stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::render) struct CodeStream {
    pub width: usize,
    pub height: usize,
    pub components: usize,
    /// Bits per sample, the highest of all components.
    pub precision: u32,
    tiles: u64,
    /// Size of a tile, or of the image if that is smaller.
    tile: (u64, u64),
    levels: u32,
    layers: u64,
    /// Exponents of the smallest code block, and of the smallest precinct of each level, lowest
    /// resolution first.
    block: u32,
    precincts: [(u32, u32); 33],
}

impl CodeStream {
    pub(in crate::render) fn of(stream: &[u8]) -> Result<Self, RenderError> {
        let code = code_stream_of(stream).and_then(|code| code.strip_prefix(&SOC_SIZ));
        let Some((code, siz)) = code.and_then(|code| Some((code, code.get(..38)?))) else {
            return Err(malformed("there is no image size"));
        };
        let number = |at: usize| {
            let bytes = siz[at..].first_chunk::<4>().copied().unwrap_or_default();
            u64::from(u32::from_be_bytes(bytes))
        };
        let (right, bottom, left, top) = (number(4), number(8), number(12), number(16));
        let (width, height) = (right.saturating_sub(left), bottom.saturating_sub(top));
        let (tile_width, tile_height) = (number(20).max(1), number(24).max(1));
        let (tiles_left, tiles_top) = (number(28), number(32));
        let across = right.saturating_sub(tiles_left).div_ceil(tile_width);
        let down = bottom.saturating_sub(tiles_top).div_ceil(tile_height);
        let components = usize::from(u16::from_be_bytes([siz[36], siz[37]]));
        let depths = code[38..].iter().step_by(3).take(components);
        let precision = depths.map(|depth| u32::from(depth & 0x7f) + 1).max();
        let mut stream = Self {
            width: width as usize,
            height: height as usize,
            components,
            precision: precision.unwrap_or(0),
            tiles: across * down,
            tile: (tile_width.min(width), tile_height.min(height)),
            levels: 0,
            layers: 1,
            block: u32::MAX,
            precincts: [(15, 15); 33],
        };
        stream.read_styles(code);
        Ok(stream)
    }

    /// Reads the coding styles of image, components and tiles, and keeps the most expensive values.
    fn read_styles(&mut self, code: &[u8]) {
        // Start at SIZ, whose length comes first.
        let mut at = code
            .first_chunk()
            .map_or(0, |len| usize::from(u16::from_be_bytes(*len)));
        let mut tile_part = 0..0;
        while let Some([0xff, marker, rest @ ..]) = code.get(at..) {
            let Some(len) = rest
                .first_chunk()
                .map(|len| usize::from(u16::from_be_bytes(*len)))
            else {
                return;
            };
            let body = rest.get(2..len).unwrap_or_default();
            match *marker {
                SOD => {
                    // A tile part without a length is the last.
                    if tile_part.end <= at {
                        return;
                    }
                    at = tile_part.end;
                    continue;
                }
                SOT => {
                    let len = body.get(2..6).and_then(|len| len.first_chunk());
                    let len = len.map_or(0, |len| u32::from_be_bytes(*len) as usize);
                    tile_part = at..at.saturating_add(len);
                }
                COD => {
                    if let [style, _, layers_high, layers_low, _, rest @ ..] = body {
                        let layers = u16::from_be_bytes([*layers_high, *layers_low]);
                        self.layers = self.layers.max(layers.into());
                        self.read_style(*style, rest);
                    }
                }
                COC => {
                    // The component number has two bytes if there are many components.
                    let number = if self.components < 257 { 1 } else { 2 };
                    if let Some([style, rest @ ..]) = body.get(number..) {
                        self.read_style(*style, rest);
                    }
                }
                _ => {}
            }
            at += 2 + len.max(2);
        }
    }

    /// Reads the part that COD and COC have in common.
    fn read_style(&mut self, style: u8, body: &[u8]) {
        let [levels, block_width, block_height, _, _, precincts @ ..] = body else {
            return;
        };
        self.levels = self.levels.max(u32::from(*levels).min(32));
        let block = u32::from(block_width & 15) + u32::from(block_height & 15) + 4;
        self.block = self.block.min(block);
        if style & 1 == 1 {
            for (smallest, size) in self.precincts.iter_mut().zip(precincts) {
                let (width, height) = (u32::from(size & 15), u32::from(size >> 4));
                *smallest = (smallest.0.min(width), smallest.1.min(height));
            }
        }
    }

    /// Refuses code streams that need more memory or time than any real image.
    pub(in crate::render) fn check(&self) -> Result<(), RenderError> {
        let (width, height) = self.tile;
        let components = self.components as u64;
        // Each level adds one resolution to the lowest.
        let mut precincts = 0;
        for (level, (log_width, log_height)) in
            (0..=self.levels).zip(self.precincts.iter().copied())
        {
            let reduced = |side: u64| side.div_ceil(1 << (self.levels - level));
            let across = reduced(width).div_ceil(1 << log_width);
            let down = reduced(height).div_ceil(1 << log_height);
            precincts += across * down;
        }
        let precincts = precincts
            .saturating_mul(self.tiles)
            .saturating_mul(components);
        let pixels = self.width as u64 * self.height as u64;
        let blocks = pixels.saturating_mul(components) >> self.block.min(63);
        let checks = [
            ("tiles", self.tiles, MAX_TILES),
            ("precincts", precincts, MAX_PRECINCTS),
            ("code blocks", blocks, MAX_BLOCKS),
            (
                "packets",
                precincts.saturating_mul(self.layers),
                MAX_PACKETS,
            ),
        ];
        match checks.iter().find(|(_, count, limit)| count > limit) {
            Some((name, count, limit)) => Err(malformed(&format!(
                "{count} {name} are more than machex takes ({limit})"
            ))),
            None => Ok(()),
        }
    }
}

/// The code stream: for a JP2 file, the contents of the first box of type `jp2c`, which OpenJPEG
/// decodes (annex I.4). Other bytes that look like a code stream are ignored.
fn code_stream_of(stream: &[u8]) -> Option<&[u8]> {
    let Some(mut rest) = stream.strip_prefix(&JP2) else {
        return Some(stream);
    };
    while let Some(one) = first_box(rest) {
        if one.kind == b"jp2c" {
            // OpenJPEG reads past the declared end of the box.
            return Some(one.onward);
        }
        rest = one.rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A main header: SIZ and COD with the given values.
    fn header(size: u32, tile: u32, layers: u16, style: &[u8]) -> Vec<u8> {
        let mut header = SOC_SIZ.to_vec();
        header.extend([0, 41, 0, 0]);
        for number in [size, size, 0, 0, tile, tile, 0, 0] {
            header.extend(number.to_be_bytes());
        }
        header.extend([
            0,
            1,
            15,
            1,
            1,
            0xff,
            COD,
            0,
            (2 + 5 + style.len() - 1) as u8,
        ]);
        header.extend([style[0], 0]);
        header.extend(layers.to_be_bytes());
        header.push(0);
        header.extend(&style[1..]);
        header
    }

    #[test]
    fn a_usual_image_is_taken() {
        let stream = header(4000, 4000, 20, &[0, 5, 4, 4, 0, 1]);
        let code = CodeStream::of(&stream).unwrap();
        assert_eq!((code.width, code.height), (4000, 4000));
        assert_eq!((code.components, code.precision), (1, 16));
        assert_eq!((code.levels, code.layers, code.block), (5, 20, 12));
        code.check().unwrap();
        let small = [1, 2, 4, 4, 0, 1, 0x77, 0x88, 0x88];
        let code = CodeStream::of(&header(4000, 512, 1, &small)).unwrap();
        assert_eq!(code.precincts[..3], [(7, 7), (8, 8), (8, 8)]);
        code.check().unwrap();
    }

    #[test]
    fn a_bomb_is_refused() {
        let usual = [0, 5, 4, 4, 0, 1];
        for (stream, name) in [
            (header(4000, 16, 1, &usual), "tiles"),
            (
                header(4000, 4000, 1, &[1, 1, 4, 4, 0, 1, 0x11, 0x11]),
                "precincts",
            ),
            (header(8000, 8000, 1, &[0, 5, 0, 0, 0, 1]), "code blocks"),
            (header(4000, 400, 65_535, &usual), "packets"),
        ] {
            let error = CodeStream::of(&stream).unwrap().check().unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn a_code_stream_in_another_box_is_not_looked_at() {
        let (small, large) = (
            header(8, 8, 1, &[0, 5, 4, 4, 0, 1]),
            header(4000, 4000, 1, &[0, 5, 4, 4, 0, 1]),
        );
        let boxed = |kind: &[u8], body: &[u8]| {
            let len = (body.len() as u32 + 8).to_be_bytes();
            [&len[..], kind, body].concat()
        };
        let decoy = boxed(b"uuid", &small);
        for tail in [
            boxed(b"jp2c", &large),
            [b"\0\0\0\0jp2c", &large[..]].concat(),
            [b"\0\0\0\x01jp2c\0\0\0\0\0\0\xff\xff", &large[..]].concat(),
        ] {
            let file = [&JP2[..], &decoy, &tail].concat();
            assert_eq!(CodeStream::of(&file).unwrap().width, 4000);
        }
        let none = [&JP2[..], &decoy].concat();
        assert!(CodeStream::of(&none).is_err());
        assert!(CodeStream::of(&decoy).is_err(), "not at the start");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let stream = [&SOC_SIZ[..], &bytes].concat();
            if let Ok(code) = CodeStream::of(&stream) {
                let _ = code.check();
            }
        }
    }
}
