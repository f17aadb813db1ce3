//! Rows as stored in the file, inflated and unfiltered by the `png` crate.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

use png::{Adam7Info, DecodeOptions, Decoder, Limits, Reader};

use super::super::RenderError;
use super::container::Container;
use super::repair::{self, Run};

/// Calls `take` with the number and bytes of each decodable row before `end`, in order. Returns the
/// number of the first row that cannot be decoded.
pub(super) fn sequential(
    container: &Container<'_>,
    end: usize,
    take: &mut dyn FnMut(usize, &[u8]),
) -> usize {
    let header = container.plain_header();
    let Ok(mut reader) = reader(container, &header) else {
        return 0;
    };
    for number in 0..end {
        match reader.next_row() {
            Ok(Some(row)) => take(number, row.data()),
            _ => return number,
        }
    }
    end
}

/// Decodes an Adam7 image into `image`, whose rows have no gaps. Pixels that cannot be decoded are
/// zero. Returns whether there are any.
pub(super) fn interlaced(container: &Container<'_>, image: &mut [u8]) -> Result<bool, RenderError> {
    image.fill(0);
    if fill_passes(container, image) {
        return Ok(false);
    }
    image.fill(0);
    let runs = repair::runs(container, container.frame.height);
    let (width, stride) = (
        container.frame.width,
        container.row_len(container.frame.width),
    );
    let bits = container.bits_per_pixel() as u8;
    let good = repair::good_rows(container, &runs, &mut |pass, number, row| {
        // These are row numbers of an image whose sides have 32 bits.
        let info = Adam7Info::new(pass, number as u32, width as u32);
        png::expand_interlaced_row(image, stride, row, &info, bits);
    })?;
    let stored: usize = runs.iter().map(|Run { count, .. }| count).sum();
    Ok(good < stored)
}

/// Decodes all passes; returns whether that succeeded.
fn fill_passes(container: &Container<'_>, image: &mut [u8]) -> bool {
    let header = container.plain_header();
    let Ok(mut reader) = reader(container, &header) else {
        return false;
    };
    let stride = container.row_len(container.frame.width);
    let bits = container.bits_per_pixel() as u8;
    loop {
        match reader.next_interlaced_row() {
            Ok(Some(row)) => {
                if let png::InterlaceInfo::Adam7(info) = row.interlace() {
                    png::expand_interlaced_row(image, stride, row.data(), info, bits);
                }
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn reader<'a>(
    container: &Container<'a>,
    header: &'a [u8],
) -> Result<Reader<Parts<'a>>, png::DecodingError> {
    let mut options = DecodeOptions::default();
    // As in Pillow: ignore the checksums of chunks, but verify that of the whole data.
    options.set_ignore_crc(true);
    options.set_ignore_adler32(false);
    let parts = Parts(Cursor::new(header).chain(container.idat()));
    let mut decoder = Decoder::new_with_options(parts, options);
    // The size has already been checked.
    decoder.set_limits(Limits { bytes: usize::MAX });
    decoder.read_info()
}

/// A stream of our own header and the file's image data.
struct Parts<'a>(io::Chain<Cursor<&'a [u8]>, &'a [u8]>);

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BufRead for Parts<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl Seek for Parts<'_> {
    // The decoder requires this trait but never uses it.
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
