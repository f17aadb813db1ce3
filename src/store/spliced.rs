//! A finished file with the same bytes inserted in many places: an index, whose paths all start
//! with the mount point. It is stored without them, so that all mount points share one file.

use std::io;
use std::sync::Arc;

use memchr::memmem;

use super::{Body, ReadNow};

/// Bytes read at a time while searching for places.
const CHUNK: usize = 1 << 20;

/// Where bytes are inserted: offsets in the stored file, ascending.
#[derive(Debug, PartialEq, Eq)]
pub struct InsertOffsets(Box<[u64]>);

impl InsertOffsets {
    /// The places directly after every `marker` in `body`. Reads all of it.
    pub fn behind(marker: &[u8], body: &Body) -> io::Result<Self> {
        let finder = memmem::Finder::new(marker);
        let overlap = marker.len().saturating_sub(1);
        let mut places = Vec::new();
        let (mut chunk, mut offset) = (Vec::new(), 0u64);
        while offset < body.size() {
            body.read_at(offset, CHUNK + overlap, &mut chunk)?;
            let found = finder.find_iter(&chunk).filter(|at| *at < CHUNK);
            places.extend(found.map(|at| offset + (at + marker.len()) as u64));
            offset += CHUNK as u64;
        }
        Ok(Self(places.into()))
    }

    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// A stored file and the bytes inserted into it.
#[derive(Debug)]
pub struct Spliced {
    kept: Body,
    places: Arc<InsertOffsets>,
    /// The bytes inserted in every place.
    insert: Arc<[u8]>,
}

impl Spliced {
    pub fn new(kept: Body, places: Arc<InsertOffsets>, insert: Arc<[u8]>) -> Self {
        Self {
            kept,
            places,
            insert,
        }
    }

    pub(super) fn kept(&self) -> &Body {
        &self.kept
    }

    /// In bytes, including the insertions.
    pub(super) fn size(&self) -> u64 {
        self.kept.size() + self.places.count() * self.insert_len()
    }

    fn insert_len(&self) -> u64 {
        self.insert.len() as u64
    }

    /// Reads up to `size` bytes at `offset` into `buffer`; reads the stored bytes with `read`.
    pub(super) fn read(
        &self,
        offset: u64,
        size: usize,
        buffer: &mut Vec<u8>,
        read: impl FnOnce(&Body, u64, usize, &mut Vec<u8>) -> io::Result<ReadNow>,
    ) -> io::Result<ReadNow> {
        buffer.clear();
        let offset = offset.min(self.size());
        let end = offset.saturating_add(size as u64).min(self.size());
        let (start, stop) = (self.kept_offset(offset), self.kept_offset(end));
        let mut kept = Vec::new();
        let length = usize::try_from(stop - start).unwrap_or(usize::MAX);
        if read(&self.kept, start, length, &mut kept)? == ReadNow::WouldWait {
            return Ok(ReadNow::WouldWait);
        }
        let mut at = offset;
        while at < end {
            let before = self.places_before(at);
            let inserted_at =
                |place: usize| self.places.0[place] + place as u64 * self.insert_len();
            // Either within the last insertion, or between that and the next.
            let inside = (before > 0).then(|| at - inserted_at(before - 1));
            let piece = match inside {
                Some(inside) if inside < self.insert_len() => {
                    let from = inside as usize;
                    let length = (self.insert_len() - inside).min(end - at) as usize;
                    &self.insert[from..from + length]
                }
                _ => {
                    let next = if self.places.0.len() == before {
                        end
                    } else {
                        inserted_at(before).min(end)
                    };
                    let from = (self.kept_offset(at) - start) as usize;
                    let length = (next - at) as usize;
                    kept.get(from..from + length)
                        .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?
                }
            };
            buffer.extend_from_slice(piece);
            at += piece.len() as u64;
        }
        Ok(ReadNow::Done)
    }

    /// How many insertions begin at or before `offset`.
    fn places_before(&self, offset: u64) -> usize {
        let (mut low, mut high) = (0, self.places.0.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.places.0[middle] + middle as u64 * self.insert_len() <= offset {
                low = middle + 1
            } else {
                high = middle
            }
        }
        low
    }

    /// The offset of the first stored byte at or after `offset`.
    fn kept_offset(&self, offset: u64) -> u64 {
        let before = self.places_before(offset);
        let Some(last) = before.checked_sub(1) else {
            return offset;
        };
        let begins = self.places.0[last] + last as u64 * self.insert_len();
        let inside = (offset - begins).min(self.insert_len());
        offset - last as u64 * self.insert_len() - inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spliced(kept: &[u8], insert: &[u8]) -> (Body, Vec<u8>) {
        let body = Body::Memory(kept.into());
        let places = InsertOffsets::behind(b"<>", &body).unwrap();
        let text = String::from_utf8(kept.to_vec()).unwrap();
        let insert_text = String::from_utf8(insert.to_vec()).unwrap();
        let expected = text.replace("<>", &format!("<>{insert_text}"));
        let spliced = Spliced::new(body, Arc::new(places), insert.into());
        (Body::Spliced(Arc::new(spliced)), expected.into_bytes())
    }

    proptest! {
        #[test]
        fn every_piece_is_that_of_the_whole(
            kept in "([a-c]{0,5}(<>)?){0,12}",
            insert in "[x-z]{0,7}",
            pieces in proptest::collection::vec((0u64..120, 0usize..40), 1..20),
        ) {
            let (body, expected) = spliced(kept.as_bytes(), insert.as_bytes());
            prop_assert_eq!(body.size(), expected.len() as u64);
            for (offset, size) in pieces {
                let mut buffer = Vec::new();
                body.read_at(offset, size, &mut buffer).unwrap();
                let start = (offset as usize).min(expected.len());
                let end = (start + size).min(expected.len());
                prop_assert_eq!(&buffer, &expected[start..end], "{} {}", offset, size);
            }
        }
    }

    #[test]
    fn markers_across_chunks_are_found_once() {
        let mut kept = vec![b'.'; CHUNK - 1];
        kept.extend(b"<>rest<>");
        kept.resize(3 * CHUNK, b'.');
        kept.extend(b"<>");
        let (body, expected) = spliced(&kept, b"/mnt");
        let mut buffer = Vec::new();
        body.read_at(0, expected.len(), &mut buffer).unwrap();
        assert!(buffer == expected);
    }
}
