//! Reads the text of a config file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::ConfigError;
use crate::files::read_within;

/// Maximum size of a config file.
const MAX_BYTES: u64 = 1 << 20;

/// How many config files are named instead of a missing one.
const NAMED: usize = 3;

/// Reads a text of at most [`MAX_BYTES`], without a byte order mark. It may be a pipe, such as the
/// shell's `<(...)`.
pub(super) fn read(file: &Path) -> Result<String, ConfigError> {
    let opened = File::open(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => missing(file),
        _ => error.into(),
    })?;
    if opened.metadata()?.is_dir() {
        return Err(ConfigError::Folder(configs_in(file)));
    }
    text(read_within(opened, MAX_BYTES)?)
}

fn text(bytes: Vec<u8>) -> Result<String, ConfigError> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(ConfigError::Utf16);
    }
    if bytes.contains(&0) {
        return Err(ConfigError::Binary);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().iter().take(valid);
        ConfigError::NotUtf8(1 + before.filter(|byte| **byte == b'\n').count())
    })?;
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

fn missing(file: &Path) -> ConfigError {
    match file.parent() {
        Some(folder) if !folder.is_dir() => ConfigError::NoFolder(folder.to_owned()),
        Some(folder) => ConfigError::Missing(configs_in(folder)),
        None => ConfigError::Missing(Vec::new()),
    }
}

/// The files of a folder that are named as configs are, in order.
fn configs_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let end = path.extension();
            end.is_some_and(|end| end == "yml" || end == "yaml") && path.is_file()
        })
        .collect();
    found.sort();
    found.truncate(NAMED);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_another_encoding_is_told_with_its_line() {
        assert_eq!(text(b"\xef\xbb\xbfA: b".to_vec()).unwrap(), "A: b");
        let error = |bytes: &[u8]| text(bytes.to_vec()).unwrap_err().to_string();
        assert!(error(b"A: b\nC: caf\xe9\n").contains("line 2 is not in UTF-8"));
        assert!(error(b"\xff\xfeA\0:\0").contains("UTF-16"));
        assert!(error(b"\x7fELF\0\0").contains("binary"));
    }
}
