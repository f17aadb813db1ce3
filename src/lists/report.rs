//! Free-text radiology reports.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::Path;

use crate::datasets::Report;
use crate::store::patiently;

/// Reads a report; `None` when there is no such file. The error names the file.
pub fn read_report(path: &Path) -> io::Result<Option<Report>> {
    let bytes = match patiently(|| fs::read(path)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let problem = format!("the report {} cannot be read: {error}", path.display());
            return Err(io::Error::new(error.kind(), problem));
        }
    };
    let (text, warning) = match str::from_utf8(&bytes) {
        Ok(text) => (Cow::Borrowed(text), None),
        Err(_) => {
            let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes);
            let path = path.display();
            (
                text,
                Some(format!(
                    "the report {path} is not UTF-8; read as Windows-1252"
                )),
            )
        }
    };
    Ok(Some(Report {
        text: essence(&text),
        warning,
    }))
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
        let report = read_report(&path).unwrap().unwrap();
        assert_eq!(report.text, "caf\u{e9}");
        assert!(
            report
                .warning
                .is_some_and(|warning| !warning.contains("caf"))
        );
        assert_eq!(read_report(&folder.path().join("none.txt")).unwrap(), None);
        assert!(read_report(folder.path()).is_err(), "a folder");
    }

    proptest! {
        #[test]
        fn the_essence_has_no_line_ends_and_no_double_blanks(text in "[ \na-cFINDGS:\r]*") {
            let essence = essence(&text);
            prop_assert!(!essence.contains(['\n', '\r']) && !essence.contains("  "));
        }
    }
}
