//! Text lists: one entry per line.

use std::io::{self, BufRead, BufReader, Read};

use super::ListFile;
use super::limit::{MAX_LINE_BYTES, MAX_ROWS, MAX_TEXT_BYTES};
use super::open::decode;
use crate::catalog::{CatalogError, ListContext, ListFault};
use crate::shown::Show as _;

/// The nonempty lines of a list, as in Python's text mode (CR LF and CR also end a line). Spaces at
/// the end of a line belong to it. A line that is not UTF-8 is read as Windows-1252.
pub fn lines(lists: &ListContext, file: &ListFile) -> Result<Vec<String>, CatalogError> {
    let source = file
        .open(lists)
        .map_err(|error| file.error(lists, 0, error))?;
    let (mut lines, mut number) = (Lines::default(), 1);
    lines
        .read(source, &mut number)
        .map_err(|error| file.error(lists, number, error))?;
    if lines.foreign > 0 {
        let (path, line) = (file.path.shown(), lines.foreign);
        lists.warnings().add(format!(
            "{path}, line {line}: this is not UTF-8; such lines are read as Windows-1252"
        ));
    }
    Ok(lines.texts)
}

#[derive(Default)]
struct Lines {
    texts: Vec<String>,
    /// Total size of the texts.
    bytes: usize,
    /// Number of the first line that is not UTF-8; 0 if all are.
    foreign: u64,
}

impl Lines {
    /// `number` counts the current line.
    fn read(&mut self, source: impl Read, number: &mut u64) -> io::Result<()> {
        let mut source = BufReader::with_capacity(64 << 10, source);
        let mut line = Vec::new();
        loop {
            let bytes = source.fill_buf()?;
            if bytes.is_empty() {
                return self.add(&line, *number);
            }
            let end = memchr::memchr2(b'\n', b'\r', bytes);
            line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            if line.len() > MAX_LINE_BYTES {
                let limit = MAX_LINE_BYTES as u64;
                return Err(ListFault::LongLine { limit }.into());
            }
            let is_end = end.is_some();
            // CR LF counts once.
            let counts = end.is_some_and(|end| {
                bytes[end] == b'\n' || bytes.get(end + 1).is_none_or(|next| *next != b'\n')
            });
            let count = end.map_or(bytes.len(), |end| end + 1);
            source.consume(count);
            if is_end {
                self.add(&line, *number)?;
                line.clear();
                *number += u64::from(counts);
                if *number > MAX_ROWS {
                    return Err(ListFault::ManyRows { limit: MAX_ROWS }.into());
                }
            }
        }
    }

    fn add(&mut self, line: &[u8], number: u64) -> io::Result<()> {
        if line.is_empty() {
            return Ok(());
        }
        let (text, is_utf8) = decode(line);
        self.bytes += text.len();
        if self.bytes > MAX_TEXT_BYTES {
            let limit = MAX_TEXT_BYTES as u64;
            return Err(ListFault::LongList { limit }.into());
        }
        if !is_utf8 && self.foreign == 0 {
            self.foreign = number;
        }
        self.texts.push(text.into_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Folder;
    use proptest::prelude::*;
    use std::fs;
    use std::io::Write as _;

    fn read(text: &[u8]) -> Result<(Vec<String>, ListContext), CatalogError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("list"), text).unwrap();
        let lists = ListContext::new("SOME_ROOT", Folder::shared());
        let file = ListFile::find(&lists, &[folder.path().to_owned()], "list")?;
        Ok((lines(&lists, &file)?, lists))
    }

    #[test]
    fn any_line_end_will_do_and_empty_lines_are_skipped() {
        let (lines, _) = read(b"b \r\na\r\rc\n\nd").unwrap();
        assert_eq!(lines, ["b ", "a", "c", "d"]);
        assert!(read(b"").unwrap().0.is_empty());
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut text = b"a\r\nb\rc\n".to_vec();
        text.resize(MAX_LINE_BYTES * 2, b'x');
        let error = read(&text).err().unwrap().to_string();
        assert!(error.contains("list, line 4: the line that"), "{error}");
    }

    #[test]
    fn a_list_that_is_longer_than_it_may_be_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let packed = folder.path().join("packed");
        let mut out = flate2::write::GzEncoder::new(
            fs::File::create(&packed).unwrap(),
            flate2::Compression::fast(),
        );
        out.write_all(&b"line\n".repeat(40)).unwrap();
        out.finish().unwrap();
        let plain = folder.path().join("plain");
        fs::write(&plain, b"line\n".repeat(40)).unwrap();
        let lists = ListContext::new("SOME_ROOT", Folder::shared());
        for path in [plain, packed] {
            let of_at_most = |bytes| lines(&lists, &ListFile::at(&path).of_at_most(bytes));
            assert_eq!(of_at_most(200).unwrap().len(), 40);
            assert!(of_at_most(199).is_err());
        }
    }

    #[test]
    fn lines_of_other_encodings_are_read() {
        assert_eq!(
            read(b"\xef\xbb\xbfa\ncaf\xe9").unwrap().0,
            ["a", "caf\u{e9}"]
        );
        assert_eq!(read(b"\xff\xfea\0\n\0\xe9\0").unwrap().0, ["a", "\u{e9}"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_lines_are_those_of_python(
            text in "[a\r\n\u{feff}\u{e9}]{0,40}",
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let _ = read(&bytes);
            let expected: Vec<_> = text
                .strip_prefix('\u{feff}')
                .unwrap_or(&text)
                .split(['\r', '\n'])
                .filter(|line| !line.is_empty())
                .collect();
            prop_assert_eq!(read(text.as_bytes()).unwrap().0, expected);
        }
    }
}
