//! Reads what Pillow reads of a JPEG before it passes the file to libjpeg (`JpegImagePlugin.py`):
//! the size and the number of components, up to the first scan.
//!
//! Pillow accepts much that libjpeg refuses, and shows a black picture if libjpeg then fails. A
//! file that Pillow refuses is not a picture. So this module follows Pillow's parser.

use super::super::RenderError;
use super::markers::SOS;
use super::raw::malformed;

/// Quantization tables.
const DQT: u8 = 0xdb;

/// Pillow's view of a JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outline {
    pub width: usize,
    pub height: usize,
    /// Components: 1, 3 or 4.
    pub layers: u8,
    /// Where the data of the first scan begin.
    pub scan: usize,
    /// Whether the first scan contains all components.
    pub is_interleaved: bool,
}

impl Outline {
    pub(super) fn read(jpeg: &[u8]) -> Result<Self, RenderError> {
        let mut frame = None;
        let mut at = 2;
        loop {
            // Go to the next 0xff, past fill bytes and escaped ones.
            while byte(jpeg, at)? != 0xff {
                at += 1;
            }
            let marker = byte(jpeg, at + 1)?;
            match marker {
                0xff => {
                    at += 1;
                    continue;
                }
                0 => {
                    at += 2;
                    continue;
                }
                0x01..=0xbf => {
                    let problem = format!("there is no marker ff{marker:02x} before an image");
                    return Err(malformed(problem));
                }
                _ => at += 2,
            }
            if is_alone(marker) {
                continue;
            }
            let len = usize::from(byte(jpeg, at)?) << 8 | usize::from(byte(jpeg, at + 1)?);
            // A length too small to count itself means an empty segment.
            let end = at + len.max(2);
            let body = jpeg.get(at + 2..end).ok_or_else(cut_off)?;
            at = end;
            match (marker, frame) {
                (SOS, Some((width, height, layers))) => {
                    return Ok(Self {
                        width,
                        height,
                        layers,
                        scan: at,
                        is_interleaved: body.first() == Some(&layers),
                    });
                }
                (SOS, None) => return Err(malformed("there is no frame before the first scan")),
                (DQT, _) => check_tables(body)?,
                _ if is_frame(marker) => frame = Some(read_frame(body)?),
                _ => {}
            }
        }
    }
}

/// Width, height and number of components of a frame header (T.81, section B.2.2).
fn read_frame(body: &[u8]) -> Result<(usize, usize, u8), RenderError> {
    let &[precision, y1, y0, x1, x0, layers, ref components @ ..] = body else {
        return Err(malformed("the frame header is cut off"));
    };
    if precision != 8 {
        return Err(RenderError::Unsupported {
            format: "JPEG",
            feature: format!("{precision}-bit samples outside DICOM"),
        });
    }
    if !matches!(layers, 1 | 3 | 4) {
        return Err(malformed(format!("an image of {layers} components")));
    }
    if !components.len().is_multiple_of(3) {
        return Err(malformed("the frame header is cut off"));
    }
    let number = |high, low| usize::from(u16::from_be_bytes([high, low]));
    Ok((number(x1, x0), number(y1, y0), layers))
}

/// Pillow refuses a segment that ends within a quantization table.
fn check_tables(mut body: &[u8]) -> Result<(), RenderError> {
    while let Some(kind) = body.first() {
        let len = if kind >> 4 == 0 { 1 + 64 } else { 1 + 128 };
        body = body
            .get(len..)
            .ok_or_else(|| malformed("a quantization table is cut off"))?;
    }
    Ok(())
}

fn byte(jpeg: &[u8], at: usize) -> Result<u8, RenderError> {
    jpeg.get(at).copied().ok_or_else(cut_off)
}

fn cut_off() -> RenderError {
    malformed("the file ends before the image data")
}

/// Markers after which Pillow expects no segment.
fn is_alone(marker: u8) -> bool {
    matches!(marker, 0xc8 | 0xd0..=0xd9 | 0xf0..=0xfd)
}

/// All start-of-frame markers, including the hierarchical one.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0xde)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOI: &[u8] = b"\xff\xd8";
    const FRAME: &[u8] = b"\xff\xc0\0\x0b\x08\0\x03\0\x05\x01\x01\x11\0";
    const SCAN: &[u8] = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0";

    fn read(parts: &[&[u8]]) -> Result<Outline, RenderError> {
        Outline::read(&[SOI, &parts.concat(), SCAN].concat())
    }

    #[test]
    fn what_stands_before_the_scan_is_passed_over_as_pillow_does() {
        let plain = read(&[FRAME]).unwrap();
        assert_eq!((plain.width, plain.height, plain.layers), (5, 3, 1));
        assert!(plain.is_interleaved);
        for passed in [
            b"\xff\xfe\0\0".as_slice(),
            b"\xff\xe5\0\x01",
            b"junk",
            b"\xff\0\xff\xff",
            SOI,
            b"\xff\xd9",
            b"\xff\xdd\0\x03\x01",
            b"\xff\xf0",
            b"\xff\xdb\0\x02",
        ] {
            let outline = read(&[passed, FRAME]).unwrap();
            assert_eq!(outline.scan, plain.scan + passed.len());
        }
        let last = read(&[FRAME, b"\xff\xc1\0\x08\x08\0\x04\0\x06\x03"]).unwrap();
        assert_eq!((last.width, last.height, last.layers), (6, 4, 3));
        assert!(!last.is_interleaved);
    }

    #[test]
    fn what_pillow_refuses_is_refused() {
        for bad in [
            b"".as_slice(),
            b"\xff\x01",
            b"\xff\xc0\0\x0b\x0c\0\x03\0\x05\x01\x01\x11\0",
            b"\xff\xc0\0\x0b\x08\0\x03\0\x05\x02\x01\x11\0",
            b"\xff\xc0\0\x05\x08\0\x03",
            b"\xff\xdb\0\x05\0\0\0",
        ] {
            assert!(read(&[bad]).is_err(), "{bad:?}");
        }
        assert!(read(&[FRAME, b"\xff\xdb\0\x05\0\0\0"]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Outline::read(&bytes);
        }
    }
}
