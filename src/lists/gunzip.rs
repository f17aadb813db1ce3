//! Gzip files as `gzip -d` and Python read them: several members one after another, and zero bytes
//! after them (from a tape, or a copy in blocks).

use std::io::{self, BufRead, BufReader, Read};
use std::mem;

use flate2::bufread::GzDecoder;

use crate::catalog::ListFault;

/// Large, since lists are read completely.
const BUFFER: usize = 256 << 10;

/// Reads the contents of a gzip file.
pub(super) struct Gunzip<R> {
    state: State<R>,
    on_garbage: Box<dyn Fn()>,
}

enum State<R> {
    Member(Box<GzDecoder<BufReader<R>>>),
    /// After a member.
    Between(BufReader<R>),
    End,
}

impl<R: Read> Gunzip<R> {
    /// `on_garbage` is called if anything else follows the last member; it is ignored. The member's
    /// checksum has been verified by then.
    pub(super) fn new(source: R, on_garbage: impl Fn() + 'static) -> Self {
        let source = BufReader::with_capacity(BUFFER, source);
        Self {
            state: State::Member(Box::new(GzDecoder::new(source))),
            on_garbage: Box::new(on_garbage),
        }
    }

    /// Determines what follows a member.
    fn next_member(&mut self, mut source: BufReader<R>) -> io::Result<State<R>> {
        loop {
            let bytes = source.fill_buf()?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            match bytes.get(zeros) {
                Some(0x1f) => {
                    source.consume(zeros);
                    let mut decoder = GzDecoder::new(source);
                    if decoder.header().is_some() {
                        return Ok(State::Member(Box::new(decoder)));
                    }
                    let failed = decoder.read(&mut [0]).err();
                    if let Some(error) = failed.filter(|error| !is_of_contents(error)) {
                        return Err(error);
                    }
                }
                Some(_) => {}
                None if bytes.is_empty() => return Ok(State::End),
                None => {
                    source.consume(zeros);
                    continue;
                }
            }
            (self.on_garbage)();
            return Ok(State::End);
        }
    }
}

/// Whether an error concerns the file's contents, and not the disk.
fn is_of_contents(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            self.state = match mem::replace(&mut self.state, State::End) {
                State::End => return Ok(0),
                State::Between(source) => self.next_member(source)?,
                State::Member(mut decoder) => match decoder.read(buffer) {
                    Ok(0) => State::Between(decoder.into_inner()),
                    Ok(count) => {
                        self.state = State::Member(decoder);
                        return Ok(count);
                    }
                    Err(error) => return Err(fault_of(error)),
                },
            };
        }
    }
}

/// Replaces errors of the contents by messages that say what to do; leaves errors of the disk as
/// they are.
fn fault_of(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ListFault::CutOff.into(),
        _ if is_of_contents(&error) => ListFault::Damaged(error.to_string()).into(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::io::Write;
    use std::rc::Rc;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The contents, and whether garbage was found.
    fn gunzip(bytes: &[u8]) -> io::Result<(Vec<u8>, bool)> {
        let garbage = Rc::new(Cell::new(false));
        let met = Rc::clone(&garbage);
        let mut inflated = Vec::new();
        Gunzip::new(bytes, move || met.set(true)).read_to_end(&mut inflated)?;
        Ok((inflated, garbage.get()))
    }

    #[test]
    fn members_and_zero_bytes_may_follow() {
        let (one, two) = (gzip(b"one"), gzip(b"two"));
        let zeros = vec![0; BUFFER + 7];
        for (file, read) in [
            (one.clone(), "one"),
            ([one.as_slice(), &two].concat(), "onetwo"),
            ([one.as_slice(), &zeros].concat(), "one"),
            ([one.as_slice(), &zeros, &two, &[0]].concat(), "onetwo"),
        ] {
            assert_eq!(gunzip(&file).unwrap(), (read.as_bytes().to_vec(), false));
        }
    }

    #[test]
    fn what_else_follows_is_left_out_and_told() {
        for garbage in [
            &b"x"[..],
            b"\x1f",
            b"\x1f\x8b",
            b"\x1f\x8b\x07\0\0\0\0\0\0\0",
            b"\0\0x",
        ] {
            let file = [gzip(b"one").as_slice(), garbage].concat();
            assert_eq!(
                gunzip(&file).unwrap(),
                (b"one".to_vec(), true),
                "{garbage:?}"
            );
        }
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_an_error() {
        let file = gzip(&b"some text, ".repeat(100));
        for end in 0..file.len() {
            let error = gunzip(&file[..end]).unwrap_err().to_string();
            assert!(error.contains("is cut off"), "{end}: {error}");
        }
        let mut sum = file.clone();
        sum[file.len() - 8] ^= 1;
        let error = gunzip(&sum).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
        // Also in the second member.
        let file = [file.as_slice(), &file[..file.len() - 5]].concat();
        assert!(gunzip(&file).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            at in any::<proptest::sample::Index>(),
        ) {
            let _ = gunzip(&bytes);
            let mut file = gzip(&bytes);
            let at = at.index(file.len());
            file[at] ^= 0x55;
            let _ = gunzip(&file);
            let _ = gunzip(&[&gzip(b""), bytes.as_slice()].concat());
        }
    }
}
