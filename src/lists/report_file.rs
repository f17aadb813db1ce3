//! Free-text radiology reports.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use super::gunzip::Gunzip;
use super::kind::kind_of;
use super::open::{GZIP, decode};
use super::utf16::{self, byte_order};
use crate::catalog::Report;
use crate::files::{is_absent, read_within};
use crate::shown::Show as _;
use crate::storage::{Stamp, Storage};

/// A hundred times the size of the longest report; a file of gigabytes is not a report.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the first of `files` that exists. If it cannot be read, only its text is lost.
pub fn read_report(storage: &dyn Storage, files: &[PathBuf]) -> Report {
    read_whole_report(storage, files).0
}

/// The same, and the whole text with a line feed at the end of each line. Both are empty if no file
/// exists.
pub fn read_whole_report(storage: &dyn Storage, files: &[PathBuf]) -> (Report, String) {
    for path in files {
        match storage.read(path, MAX_BYTES).and_then(inflated) {
            Ok(bytes) => return report_of(&bytes, path),
            Err(error) if is_absent(&error) => {}
            Err(error) => return (unreadable(path, &error.to_string()), String::new()),
        }
    }
    (Report::default(), String::new())
}

fn report_of(bytes: &[u8], path: &Path) -> (Report, String) {
    let kind = kind_of(bytes);
    let (text, read_as) = match str::from_utf8(bytes) {
        // As the original script reads it, whatever it looks like.
        Ok(text) => (Cow::Borrowed(text), None),
        Err(_) => match (byte_order(bytes), kind) {
            (Some(order), _) => (utf16::decode(bytes, order).into(), Some("UTF-16")),
            (None, Some(kind)) => {
                let report = unreadable(path, &format!("it is {kind}"));
                return (report, String::new());
            }
            (None, None) => (decode(bytes).0, Some("Windows-1252")),
        },
    };
    let path = path.shown();
    let warning = match (read_as, kind) {
        (Some(encoding), _) => Some(format!(
            "the report {path} is not UTF-8; read as {encoding}"
        )),
        (None, Some(kind)) => Some(format!("the report {path} is {kind}; taken as it is")),
        (None, None) => None,
    };
    let text = with_line_feeds(&text);
    let report = Report {
        text: essence(&text),
        warning,
        is_unreadable: false,
    };
    (report, text)
}

fn unreadable(path: &Path, problem: &str) -> Report {
    let path = path.shown();
    Report {
        warning: Some(format!(
            "the report {path} cannot be read: {problem}; its entries have an empty report"
        )),
        is_unreadable: true,
        ..Report::default()
    }
}

/// Decompresses a gzip file; leaves everything else as it is.
fn inflated(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if bytes.starts_with(GZIP) {
        read_within(Gunzip::new(bytes.as_slice(), || {}), MAX_BYTES)
    } else {
        Ok(bytes)
    }
}

/// A stamp that changes when a report is added, removed or changed: the storage's stamp of the
/// first of `files` that exists. Reads no file.
pub fn report_stamp(storage: &dyn Storage, files: &[PathBuf]) -> ReportStamp {
    for path in files {
        match storage.stat(path) {
            Ok(stat) => return ReportStamp::Found(stat.stamp),
            Err(error) if is_absent(&error) => {}
            Err(error) => return ReportStamp::Failed(error.raw_os_error().unwrap_or(-1)),
        }
    }
    ReportStamp::Absent
}

/// The result of [`report_stamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportStamp {
    Absent,
    Found(Stamp),
    /// With the system's error number.
    Failed(i32),
}

impl ReportStamp {
    /// The stamp as bytes, for hashing.
    pub fn to_bytes(self) -> [u8; 25] {
        let mut bytes = [0; 25];
        match self {
            ReportStamp::Absent => {}
            ReportStamp::Found(stamp) => {
                bytes[0] = 1;
                bytes[1..].copy_from_slice(&stamp.to_bytes());
            }
            ReportStamp::Failed(error) => {
                bytes[0] = 2;
                bytes[1..5].copy_from_slice(&error.to_le_bytes());
            }
        }
        bytes
    }
}

/// A text with a line feed at the end of each line, as in Python's text mode.
fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The part of a report that the original script keeps: the findings, or else the impression, on
/// one line.
fn essence(text: &str) -> String {
    let after = |marker| text.rsplit_once(marker).map(|(_, rest)| rest);
    let part = after("FINDINGS:")
        .or_else(|| after("IMPRESSION:"))
        .unwrap_or(text);
    let line = part.replace("IMPRESSION:", "").replace('\n', "");
    let mut squeezed = String::with_capacity(line.len());
    for c in line.chars() {
        if c != ' ' || !squeezed.ends_with(' ') {
            squeezed.push(c);
        }
    }
    // Python's white space is Unicode's, plus four separators.
    squeezed
        .trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Folder;
    use proptest::prelude::*;
    use std::fs;

    #[test]
    fn findings_come_before_the_impression() {
        let essence_of = |text: &str| essence(&with_line_feeds(text));
        assert_eq!(
            essence_of("FINDINGS: a\r\n b\rc  \nIMPRESSION:  d"),
            "a bc d"
        );
        assert_eq!(essence_of("IMPRESSION: old IMPRESSION: new"), "new");
        assert_eq!(essence_of("x FINDINGS: y FINDINGS:"), "");
        assert_eq!(essence_of(" neither \n"), "neither");
    }

    #[test]
    fn white_space_is_pythons() {
        assert_eq!(essence("\u{a0}\u{3000}\u{85}\u{2028}\u{1c}x\u{1f}\t"), "x");
        assert_eq!(essence("\u{feff}x\u{200b}"), "\u{feff}x\u{200b}");
        assert_eq!(essence("a \u{a0} b"), "a \u{a0} b");
    }

    #[test]
    fn what_is_not_utf8_is_read_as_windows_1252() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.txt");
        fs::write(&path, b"FINDINGS: caf\xe9").unwrap();
        let report = read_report(&Folder, &[folder.path().join("none.txt"), path]);
        assert_eq!(report.text, "caf\u{e9}");
        assert!(
            report
                .warning
                .is_some_and(|warning| !warning.contains("caf"))
        );
        let none = [folder.path().join("none.txt")];
        assert_eq!(read_report(&Folder, &none), Report::default());
    }

    #[test]
    fn gzip_and_utf16_are_read_and_other_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.txt");
        let read = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            let report = read_report(&Folder, std::slice::from_ref(&path));
            let told = report.warning.unwrap_or_default();
            (report.text, report.is_unreadable, told)
        };
        let gzip = |bytes: &[u8]| {
            let mut gzip = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
            let mut file = Vec::new();
            io::Read::read_to_end(&mut gzip, &mut file).unwrap();
            file
        };
        let (text, unreadable, told) = read(&gzip(b"FINDINGS: none"));
        assert_eq!(
            (text.as_str(), unreadable, told.as_str()),
            ("none", false, "")
        );
        let utf16: Vec<u8> = "\u{feff}FINDINGS: caf\u{e9}"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        let (text, unreadable, told) = read(&utf16);
        assert_eq!((text.as_str(), unreadable), ("caf\u{e9}", false));
        assert!(told.ends_with("read as UTF-16"), "{told}");
        // UTF-8 is read as the original script reads it.
        let (text, unreadable, told) = read(b"<html>sign in</html>");
        assert_eq!((text.as_str(), unreadable), ("<html>sign in</html>", false));
        assert!(told.contains("is an HTML page"), "{told}");
        assert_eq!(read(b"F\0I\0N\0D\0").0, "F\0I\0N\0D\0");
        for (bytes, said) in [
            (&b"\xff\xd8\xff\xe0"[..], "it is a JPEG picture"),
            (
                &gzip(&vec![0; MAX_BYTES as usize * 2]),
                "at most 1.00 MiB are read",
            ),
            (&gzip(b"FINDINGS: none")[..20], "cut off"),
        ] {
            let (text, unreadable, told) = read(bytes);
            assert!(
                text.is_empty() && unreadable && told.contains(said),
                "{told}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_empty_report_with_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.txt");
        let mode = rustix::fs::Mode::RUSR;
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
        let large = folder.path().join("large.txt");
        fs::File::create(&large)
            .unwrap()
            .set_len(MAX_BYTES + 1)
            .unwrap();
        for path in [pipe, large, folder.path().to_owned()] {
            let report = read_report(&Folder, std::slice::from_ref(&path));
            assert!(report.is_unreadable && report.text.is_empty());
            assert!(report.warning.unwrap().contains(path.to_str().unwrap()));
        }
    }

    #[test]
    fn a_stamp_tells_reports_that_come_and_change() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a.txt", "b.txt"].map(|name| folder.path().join(name));
        assert_eq!(report_stamp(&Folder, &files), ReportStamp::Absent);
        fs::write(&files[1], "FINDINGS: b").unwrap();
        let second = report_stamp(&Folder, &files);
        fs::write(&files[0], "FINDINGS: a.").unwrap();
        let first = report_stamp(&Folder, &files);
        assert!(matches!(
            (first, second),
            (ReportStamp::Found(_), ReportStamp::Found(_))
        ));
        assert_ne!(first.to_bytes(), second.to_bytes());
        assert_ne!(first.to_bytes(), ReportStamp::Absent.to_bytes());
    }

    proptest! {
        #[test]
        fn the_essence_has_no_line_ends_and_no_double_blanks(text in "[ \na-cFINDGS:\r]*") {
            let essence = essence(&with_line_feeds(&text));
            prop_assert!(!essence.contains(['\n', '\r']) && !essence.contains("  "));
        }
    }
}
