//! Compares files with `SHA256SUMS.txt`, which PhysioNet puts into the root of each release.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Work;
use crate::catalog::Catalog;
use crate::files::is_absent;
use crate::progress::Progress;
use crate::shown::Show as _;
use crate::storage::Storage;
use crate::workers;

/// Name of the list.
pub const SUMS_NAME: &str = "SHA256SUMS.txt";

/// Maximum length of a line: 64 digits and a path.
const MOST_LINE: u64 = 64 + 2 + 4 * 4096;

/// Maximum size of a list in bytes: PhysioNet's largest has 60 MB.
const MOST_LIST: u64 = 1 << 30;

/// Maximum number of lines of a list; PhysioNet's longest has some 400,000.
const MOST_LINES: usize = 10_000_000;

/// How many files to name for each fault.
const NAMED: usize = 5;

/// How much of a file is read at a time.
const CHUNK: usize = 1 << 20;

type Sum = [u8; 32];

/// The result of comparing the files of one root with its list.
#[derive(Debug, Default, Serialize)]
pub struct Sums {
    /// The list.
    pub file: String,
    /// False if there is no list.
    pub is_there: bool,
    /// Number of files in the list.
    pub listed: usize,
    pub ok: usize,
    pub wrong: usize,
    /// Listed files that do not exist: not downloaded, or unpacked under another name.
    pub missing: usize,
    pub unreadable: usize,
    /// Images of the dataset in this folder that the list does not name.
    pub not_listed: usize,
    /// Lines that are not `<sha256>  <path below the folder>`.
    pub odd_lines: usize,
    /// The first few of each kind, with what is wrong.
    pub wrong_examples: Vec<String>,
    pub missing_examples: Vec<String>,
    pub unreadable_examples: Vec<String>,
    pub not_listed_examples: Vec<String>,
    /// Why the list cannot be read.
    pub error: Option<String>,
}

impl Sums {
    /// Whether nothing that was compared is wrong. False if no file in the list exists, which
    /// proves nothing.
    pub fn is_good(&self) -> bool {
        !self.is_there
            || self.error.is_none()
                && self.wrong == 0
                && self.unreadable == 0
                && self.odd_lines == 0
                && self.ok > 0
    }
}

/// Compares the files of the folder `root`, which contains images of `catalog`, with its list.
/// `progress` is called with the number of files.
pub(super) fn verify(
    storage: &dyn Storage,
    root: &Path,
    catalog: &Catalog,
    work: &Work<'_>,
    progress: impl FnOnce(u32) -> Progress,
) -> Sums {
    let list = root.join(SUMS_NAME);
    let mut sums = Sums {
        file: list.shown().to_string(),
        ..Sums::default()
    };
    let listed = match storage.open(&list, MOST_LIST) {
        Err(error) if is_absent(&error) => return sums,
        opened => {
            sums.is_there = true;
            match opened.and_then(|file| List::read(BufReader::new(file))) {
                Ok(list) => list,
                Err(error) => {
                    sums.error = Some(format!("{}: {error}", list.shown()));
                    return sums;
                }
            }
        }
    };
    sums.listed = listed.files.len();
    sums.odd_lines = listed.odd_lines;
    note_not_listed(&mut sums, root, catalog, &listed);
    let progress = progress(u32::try_from(listed.files.len()).unwrap_or(u32::MAX));
    compare(&mut sums, (storage, root), &listed, work, &progress);
    progress.finish();
    sums
}

fn note_not_listed(sums: &mut Sums, root: &Path, catalog: &Catalog, list: &List) {
    let names: HashSet<&Path> = list.files.iter().map(|(_, path)| path.as_path()).collect();
    for entry in catalog
        .present_numbers()
        .filter_map(|number| catalog.get(number))
    {
        let Ok(source) = entry.source() else { continue };
        // Images in another folder are in that folder's list.
        let Ok(path) = source.strip_prefix(root) else {
            continue;
        };
        if !names.contains(path) {
            sums.not_listed += 1;
            if sums.not_listed_examples.len() < NAMED {
                sums.not_listed_examples.push(source.shown().to_string());
            }
        }
    }
}

fn compare(
    sums: &mut Sums,
    (storage, root): (&dyn Storage, &Path),
    list: &List,
    work: &Work<'_>,
    progress: &Progress,
) {
    let (threads, stop) = (work.workers, work.stop);
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(Vec::new());
    let ok = AtomicUsize::new(0);
    let work = |_| {
        let mut buffer = vec![0; CHUNK];
        while !stop.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((sum, path)) = list.files.get(at) else {
                break;
            };
            match sum_of(storage, &root.join(path), &mut buffer) {
                Ok(found) if found == *sum => drop(ok.fetch_add(1, Ordering::Relaxed)),
                Ok(_) => faults.lock().push((at, Fault::Wrong)),
                Err(error) if is_absent(&error) => {
                    faults.lock().push((at, Fault::Missing));
                }
                Err(error) => faults.lock().push((at, Fault::Unreadable(error))),
            }
            progress.advance(true);
        }
    };
    workers::run("sums", threads.min(list.files.len()), work);
    sums.ok = ok.into_inner();
    let mut faults = faults.into_inner();
    faults.sort_unstable_by_key(|(at, _)| *at);
    for (at, fault) in faults {
        let path = list.files[at].1.shown().to_string();
        let (count, examples, text) = match fault {
            Fault::Wrong => (&mut sums.wrong, &mut sums.wrong_examples, path),
            Fault::Missing => (&mut sums.missing, &mut sums.missing_examples, path),
            Fault::Unreadable(error) => (
                &mut sums.unreadable,
                &mut sums.unreadable_examples,
                format!("{path}: {error}"),
            ),
        };
        *count += 1;
        if examples.len() < NAMED {
            examples.push(text);
        }
    }
}

enum Fault {
    Wrong,
    Missing,
    Unreadable(io::Error),
}

fn sum_of(storage: &dyn Storage, path: &Path, buffer: &mut [u8]) -> io::Result<Sum> {
    let mut file = storage.open(path, u64::MAX)?;
    let mut hash = Sha256::new();
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The contents of a list.
#[derive(Debug, Default, PartialEq, Eq)]
struct List {
    files: Vec<(Sum, PathBuf)>,
    odd_lines: usize,
}

impl List {
    fn read(mut text: impl BufRead) -> io::Result<Self> {
        let mut list = Self::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = text.by_ref().take(MOST_LINE).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(list);
            }
            if line.len() as u64 == MOST_LINE && !line.ends_with(b"\n") {
                return Err(io::Error::other(
                    "it has a line that does not belong in such a list",
                ));
            }
            let content = line.trim_ascii_end();
            if content.is_empty() {
                continue;
            }
            match parse(content) {
                Some(file) => list.files.push(file),
                None => list.odd_lines += 1,
            }
            if list.files.len() + list.odd_lines > MOST_LINES {
                return Err(io::Error::other("it has more lines than any such list"));
            }
        }
    }
}

/// `<64 hexadecimal digits>  <path>`, or with `*` for the second space, as sha256sum writes it; a
/// leading backslash means that the path contains escapes.
fn parse(line: &[u8]) -> Option<(Sum, PathBuf)> {
    let (is_escaped, line) = match line.strip_prefix(b"\\") {
        Some(line) => (true, line),
        None => (false, line),
    };
    let (digits, rest) = line.split_at_checked(64)?;
    let mut sum = [0; 32];
    for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? << 4 | low?).ok()?;
    }
    let name = rest
        .strip_prefix(b"  ")
        .or_else(|| rest.strip_prefix(b" *"))?;
    let name = if is_escaped {
        unescaped(name)?
    } else {
        name.to_vec()
    };
    let path = Path::new(std::ffi::OsStr::from_bytes(&name));
    // Normalises the path, so that `./a` becomes `a`.
    let mut below = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => below.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!below.as_os_str().is_empty() && !name.contains(&0)).then_some((sum, below))
}

fn unescaped(name: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = name.iter();
    let mut plain = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b'\\' => b'\\',
                _ => return None,
            },
            byte => *byte,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> io::Result<List> {
        List::read(BufReader::new(text))
    }

    #[test]
    fn lines_of_both_forms_are_read_and_others_are_counted() {
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        let lines = [
            format!("{digits}  files/p10/a b.jpg"),
            format!("{digits} *./x\r"),
            format!("\\{digits}  a\\nb\\\\c"),
            String::new(),
            format!("{digits}  ../x"),
            format!("{digits}  /etc/passwd"),
            format!("{digits}  "),
            format!("{digits}\tx"),
            format!("{}g  x", &digits[1..]),
            "x".to_owned(),
        ];
        let list = read(lines.join("\n").as_bytes()).unwrap();
        let names: Vec<_> = list
            .files
            .iter()
            .map(|(_, path)| path.to_str().unwrap())
            .collect();
        assert_eq!(names, ["files/p10/a b.jpg", "x", "a\nb\\c"]);
        assert_eq!(list.odd_lines, 6);
        assert_eq!(list.files[0].0[..4], [0x01, 0x23, 0x45, 0x67]);
        assert_eq!(list.files[0].0[8..11], [0xab, 0xcd, 0xef]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let text = vec![b'a'; 1 << 20];
        assert!(read(&text).is_err());
        assert_eq!(read(b"").unwrap(), List::default());
    }
}
