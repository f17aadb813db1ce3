//! Reads UTF-16, the "Unicode text" of Windows programs, as UTF-8.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE};

use crate::catalog::ListFault;

const BUFFER: usize = 64 << 10;

/// The order of the two bytes of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

/// The byte order of a text that starts like this, if it is UTF-16. Without a byte order mark,
/// every second byte must be zero and no other: lists start with ASCII.
pub(super) fn byte_order(first_bytes: &[u8]) -> Option<ByteOrder> {
    match first_bytes {
        [0xff, 0xfe, ..] => return Some(ByteOrder::Little),
        [0xfe, 0xff, ..] => return Some(ByteOrder::Big),
        _ => {}
    }
    // Only the first words of a header, since later cells may contain any letters.
    let start = first_bytes.get(..16).unwrap_or(first_bytes);
    let (units, _) = start.as_chunks::<2>();
    match units {
        // Too short to tell.
        [] | [_] => None,
        _ if units.iter().all(|[low, high]| *low != 0 && *high == 0) => Some(ByteOrder::Little),
        _ if units.iter().all(|[high, low]| *low != 0 && *high == 0) => Some(ByteOrder::Big),
        _ => None,
    }
}

/// Reads UTF-16 as UTF-8, a byte order mark included.
pub(super) struct Utf16<R> {
    source: R,
    decoder: Decoder,
    input: Box<[u8]>,
    /// Bytes of `input` that are not decoded yet.
    waiting: std::ops::Range<usize>,
    is_at_end: bool,
    output: Vec<u8>,
    /// How many bytes of `output` were returned already.
    taken: usize,
}

impl<R: Read> Utf16<R> {
    pub(super) fn new(source: R, order: ByteOrder) -> Self {
        let encoding = match order {
            ByteOrder::Little => UTF_16LE,
            ByteOrder::Big => UTF_16BE,
        };
        Self {
            source,
            decoder: encoding.new_decoder_without_bom_handling(),
            input: vec![0; BUFFER].into(),
            waiting: 0..0,
            is_at_end: false,
            output: Vec::new(),
            taken: 0,
        }
    }

    /// Decodes more input. Leaves `output` empty at the end.
    fn decode(&mut self) -> io::Result<()> {
        self.output.clear();
        self.taken = 0;
        while self.output.is_empty() {
            if self.waiting.is_empty() {
                if self.is_at_end {
                    return Ok(());
                }
                let count = self.source.read(&mut self.input)?;
                self.waiting = 0..count;
                self.is_at_end = count == 0;
            }
            // Three bytes for two, and a few for an incomplete unit.
            self.output.resize(self.waiting.len() * 2 + 16, 0);
            let input = &self.input[self.waiting.clone()];
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
                input,
                &mut self.output,
                self.is_at_end,
            );
            self.waiting.start += read;
            self.output.truncate(written);
            if let DecoderResult::Malformed(..) = result {
                return Err(ListFault::NotUtf16.into());
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.output.len() {
            self.decode()?;
        }
        let left = &self.output[self.taken..];
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        Ok(count)
    }
}

/// Decodes a short UTF-16 text with a byte order mark; invalid units are replaced.
pub(super) fn decode(bytes: &[u8], order: ByteOrder) -> String {
    let encoding = match order {
        ByteOrder::Little => UTF_16LE,
        ByteOrder::Big => UTF_16BE,
    };
    encoding.decode_with_bom_removal(bytes).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(text: &str, order: ByteOrder) -> Vec<u8> {
        let bytes = |unit: u16| match order {
            ByteOrder::Little => unit.to_le_bytes(),
            ByteOrder::Big => unit.to_be_bytes(),
        };
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn read(bytes: &[u8], order: ByteOrder) -> io::Result<String> {
        let mut text = String::new();
        Utf16::new(bytes, order).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn the_byte_order_is_told_with_and_without_a_mark() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for text in ["\u{feff}Path,Sex", "Path,Sex\n\u{4e00}", "ab", "\u{feff}"] {
                assert_eq!(byte_order(&encode(text, order)), Some(order), "{text}");
            }
        }
        for text in [&b"Path,Sex"[..], b"", b"a", b"\0\0\0\0", b"a\0b", b"a\0bc"] {
            assert_eq!(byte_order(text), None, "{text:?}");
        }
    }

    #[test]
    fn halves_of_characters_are_an_error() {
        for bytes in [&b"a\0b"[..], b"\x3d\xd8", b"\x3d\xd8a\0", b"\x00\xdc"] {
            let error = read(bytes, ByteOrder::Little).unwrap_err().to_string();
            assert!(error.contains("UTF-16"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,300}", little in any::<bool>()) {
            let order = if little { ByteOrder::Little } else { ByteOrder::Big };
            prop_assert_eq!(read(&encode(&text, order), order).unwrap(), text);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes, ByteOrder::Big);
            let _ = byte_order(&bytes);
        }
    }
}
