//! Free-text radiology reports.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::shown::Show as _;
use crate::store::{Stamp, patiently};

/// More than any report has; a file of gigabytes is none.
const MAX_BYTES: u64 = 16 << 20;

/// A report's text as it goes into `index.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Empty when there is no report file, or none that can be read.
    pub text: String,
    /// What a user should know about how it was read (never its text).
    pub warning: Option<String>,
    /// There is a report, and it cannot be read.
    pub is_unreadable: bool,
}

impl Report {
    /// Reads the first of `files` that is there. One that cannot be read costs its text and no more.
    pub fn read(files: &[PathBuf]) -> Self {
        for path in files {
            match read_file(path) {
                Ok(bytes) => return Self::of(&bytes, path),
                Err(error) if is_absent(&error) => {}
                Err(error) => {
                    let path = path.shown();
                    return Self {
                        warning: Some(format!(
                            "the report {path} cannot be read: {error}; its entries have an empty report"
                        )),
                        is_unreadable: true,
                        ..Self::default()
                    };
                }
            }
        }
        Self::default()
    }

    fn of(bytes: &[u8], path: &Path) -> Self {
        let (text, warning) = match str::from_utf8(bytes) {
            Ok(text) => (Cow::Borrowed(text), None),
            Err(_) => {
                let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
                let path = path.shown();
                let warning = format!("the report {path} is not UTF-8; read as Windows-1252");
                (text, Some(warning))
            }
        };
        Self {
            text: essence(&text),
            warning,
            is_unreadable: false,
        }
    }
}

/// What changes when a report comes, goes or changes: what the disk says of the first of `files` that
/// is there. Nothing is read.
pub fn report_stamp(files: &[PathBuf]) -> ReportStamp {
    for path in files {
        match fs::metadata(path) {
            Ok(metadata) => return ReportStamp::Found(Stamp::of(&metadata)),
            Err(error) if is_absent(&error) => {}
            Err(error) => return ReportStamp::Failed(error.raw_os_error().unwrap_or(-1)),
        }
    }
    ReportStamp::Absent
}

/// What [`report_stamp`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportStamp {
    Absent,
    Found(Stamp),
    /// With the number of the system's error.
    Failed(i32),
}

impl ReportStamp {
    /// The same as bytes, to be hashed.
    pub fn to_bytes(self) -> [u8; 21] {
        let mut bytes = [0; 21];
        match self {
            ReportStamp::Absent => {}
            ReportStamp::Found(Stamp { size, modified }) => {
                bytes[0] = 1;
                bytes[1..9].copy_from_slice(&size.to_le_bytes());
                bytes[9..17].copy_from_slice(&modified.0.to_le_bytes());
                bytes[17..].copy_from_slice(&modified.1.to_le_bytes());
            }
            ReportStamp::Failed(error) => {
                bytes[0] = 2;
                bytes[1..5].copy_from_slice(&error.to_le_bytes());
            }
        }
        bytes
    }
}

/// No such file, or what should be a folder on the way to it is none.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Reads a regular file. A pipe would be waited for without end, and a file of any size is taken into
/// memory.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = patiently(|| File::options().read(true).custom_flags(flags).open(path))?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if metadata.len() > MAX_BYTES {
        let size = metadata.len();
        return Err(io::Error::other(format!(
            "{size} bytes are more than a report has"
        )));
    }
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the reference keeps of a report: the findings, or else the impression, on one line.
fn essence(text: &str) -> String {
    // Python's text mode.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let after = |marker| text.rsplit_once(marker).map(|(_, rest)| rest);
    let part = after("FINDINGS:")
        .or_else(|| after("IMPRESSION:"))
        .unwrap_or(&text);
    let line = part.replace("IMPRESSION:", "").replace('\n', "");
    let mut squeezed = String::with_capacity(line.len());
    for c in line.chars() {
        if c != ' ' || !squeezed.ends_with(' ') {
            squeezed.push(c);
        }
    }
    // Python's white space is Unicode's and four separators more.
    squeezed
        .trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn findings_come_before_the_impression() {
        let essence_of = |text: &str| essence(text);
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
        let report = Report::read(&[folder.path().join("none.txt"), path]);
        assert_eq!(report.text, "caf\u{e9}");
        assert!(
            report
                .warning
                .is_some_and(|warning| !warning.contains("caf"))
        );
        let none = [folder.path().join("none.txt")];
        assert_eq!(Report::read(&none), Report::default());
    }

    #[test]
    fn what_cannot_be_read_is_an_empty_report_with_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.txt");
        let mode = rustix::fs::Mode::RUSR;
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
        let large = folder.path().join("large.txt");
        File::create(&large)
            .unwrap()
            .set_len(MAX_BYTES + 1)
            .unwrap();
        for path in [pipe, large, folder.path().to_owned()] {
            let report = Report::read(std::slice::from_ref(&path));
            assert!(report.is_unreadable && report.text.is_empty());
            assert!(report.warning.unwrap().contains(path.to_str().unwrap()));
        }
    }

    #[test]
    fn a_stamp_tells_reports_that_come_and_change() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a.txt", "b.txt"].map(|name| folder.path().join(name));
        assert_eq!(report_stamp(&files), ReportStamp::Absent);
        fs::write(&files[1], "FINDINGS: b").unwrap();
        let second = report_stamp(&files);
        fs::write(&files[0], "FINDINGS: a.").unwrap();
        let first = report_stamp(&files);
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
            let essence = essence(&text);
            prop_assert!(!essence.contains(['\n', '\r']) && !essence.contains("  "));
        }
    }
}
