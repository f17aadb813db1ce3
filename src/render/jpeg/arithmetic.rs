//! JPEGs with arithmetic coding, as Pillow shows them.
//!
//! Pillow passes a file to libjpeg in blocks of 64 KiB, and libjpeg's arithmetic decoder cannot
//! wait for the next block. If the data of a scan continue beyond a block or beyond the file,
//! decoding ends with an error, and Pillow shows the rows before it.

use super::super::RenderError;
use super::decoder::Decoder;
use super::outline::Outline;
use super::types::{Decoded, Pixels};
use super::{blank, markers};

/// Pillow's block (`MAXBLOCK` in ImageFile.py).
const BLOCK: usize = 64 << 10;

/// Decodes the whole image to `out` and returns the complaint, if any. Returns `None` and leaves
/// the decoder unchanged if libjpeg would only warn and continue, as for other JPEGs.
pub(super) fn decode(
    decoder: &mut Decoder<'_>,
    outline: Outline,
    pixels: Pixels,
    out: &mut Vec<u8>,
) -> Result<Option<Option<String>>, RenderError> {
    let whole = decoder.bytes().len();
    let seen = seen(decoder.bytes(), outline.scan.min(whole));
    let mut limited = decoder.part_of_file(seen)?;
    limited.stop_at_warnings()?;
    let decoded = limited.decode8(pixels, Some(blank(pixels)), out)?;
    let end = limited.only_ended();
    match decoded {
        Decoded::Whole if limited.complaint().is_none() => Ok(Some(None)),
        _ if end && seen < whole => {
            let problem = format!("arithmetic coding, of which only the first {seen} bytes count");
            Ok(Some(Some(problem)))
        }
        _ if end => Ok(Some(limited.complaint().map(str::to_owned))),
        _ => Ok(None),
    }
}

/// How many bytes the decoder sees: up to the end of the first block that ends within a scan.
fn seen(jpeg: &[u8], mut at: usize) -> usize {
    loop {
        let end = markers::end_of_scan(jpeg, at);
        let block = at.next_multiple_of(BLOCK);
        if block < end.saturating_add(2) {
            return block.min(jpeg.len());
        }
        match markers::next_scan(jpeg, end) {
            Some(next) => at = next,
            None => return jpeg.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_seen_to_the_end_of_a_block_that_ends_within_a_scan() {
        let scan = |len: usize| [b"\xff\xda\0\x02".to_vec(), vec![1; len]].concat();
        let jpeg = |lens: &[usize]| {
            let scans: Vec<u8> = lens.iter().flat_map(|len| scan(*len)).collect();
            [b"\xff\xd8".as_slice(), &scans, b"\xff\xd9"].concat()
        };
        let seen_of = |lens: &[usize]| (seen(&jpeg(lens), 6), jpeg(lens).len());
        assert_eq!(seen_of(&[1000]), (1008, 1008));
        assert_eq!(seen_of(&[70_000]).0, BLOCK);
        assert_eq!(seen_of(&[1000, 70_000]).0, BLOCK);
        // The block ends between two scans.
        assert_eq!(seen_of(&[BLOCK - 9, 1000]).0, BLOCK - 9 + 1000 + 12);
        assert_eq!(seen_of(&[BLOCK - 9, 70_000]).0, 2 * BLOCK);
    }
}
