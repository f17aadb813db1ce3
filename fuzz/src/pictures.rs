//! PNG, JPEG, and whatever else may be in a file that should be one of them.

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use super::render::render;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Any bytes.
pub fn picture(data: &[u8]) {
    render(data);
}

/// Bytes that begin as a JPEG does.
pub fn jpeg(data: &[u8]) {
    render(
        &[
            b"\xff\xd8\xff",
            data.strip_prefix(b"\xff\xd8\xff").unwrap_or(data),
        ]
        .concat(),
    );
}

/// A PNG, as it is and with its check sums put right; or, where there is no signature, a header and
/// the filtered rows, which are deflated here: a mutation of a deflated stream seldom inflates.
pub fn png(data: &[u8]) {
    let Some(chunks) = data.strip_prefix(SIGNATURE) else {
        if let Some(file) = from_rows(data) {
            render(&file);
        }
        return;
    };
    let mended = with_sums(chunks);
    if mended != data {
        render(data);
    }
    render(&mended);
}

/// The chunks of a PNG with the sums that they should have.
fn with_sums(mut chunks: &[u8]) -> Vec<u8> {
    let mut file = SIGNATURE.to_vec();
    while let Some((length, rest)) = chunks.split_first_chunk::<4>() {
        let len = u32::from_be_bytes(*length) as usize;
        let Some((body, rest)) = rest.split_at_checked(len.saturating_add(4)) else {
            break;
        };
        push_chunk(&mut file, *length, body);
        chunks = rest.get(4..).unwrap_or_default();
    }
    file.extend_from_slice(chunks);
    file
}

/// `body` is the name and the data.
fn push_chunk(file: &mut Vec<u8>, length: [u8; 4], body: &[u8]) {
    let mut sum = Crc::new();
    sum.update(body);
    file.extend(length);
    file.extend_from_slice(body);
    file.extend(sum.sum().to_be_bytes());
}

fn push(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    let length = (data.len() as u32).to_be_bytes();
    push_chunk(file, length, &[name, data].concat());
}

/// Bytes of the description in front of the rows.
const HEAD: usize = 8;

/// A PNG out of width, height, bits, colour, interlacing, how much is cut off, sizes of the palette
/// and of tRNS (one byte each), and rows with their filters.
fn from_rows(data: &[u8]) -> Option<Vec<u8>> {
    let (head, rows) = data.split_first_chunk::<HEAD>()?;
    let [width, height, bits, color, interlaced, cut, palette, alpha] = *head;
    let bits = [1, 2, 4, 8, 16][usize::from(bits) % 5];
    let color = [0, 2, 3, 4, 6][usize::from(color) % 5];
    let mut header = Vec::new();
    header.extend((1 + u32::from(width)).to_be_bytes());
    header.extend((1 + u32::from(height)).to_be_bytes());
    header.extend([bits, color, 0, 0, interlaced & 1]);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(rows).ok()?;
    let mut deflated = encoder.finish().ok()?;
    deflated.truncate(deflated.len().saturating_sub(usize::from(cut & 15)));
    let mut file = SIGNATURE.to_vec();
    push(&mut file, b"IHDR", &header);
    if palette > 0 {
        let entries: Vec<u8> = (0..palette).flat_map(|at| [at, !at, at / 2]).collect();
        push(&mut file, b"PLTE", &entries);
    }
    if alpha > 0 {
        push(&mut file, b"tRNS", &vec![7; usize::from(alpha)]);
    }
    // In two chunks, as large files have many.
    let (first, second) = deflated.split_at(deflated.len() / 2);
    push(&mut file, b"IDAT", first);
    push(&mut file, b"IDAT", second);
    if cut & 16 == 0 {
        push(&mut file, b"IEND", b"");
    }
    Some(file)
}
