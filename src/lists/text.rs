//! Text lists: one entry a line.

use std::io::Read;

use super::ListFile;
use crate::catalog::{CatalogBuilder, CatalogError};

/// The lines of a list as Python's text mode has them (CR LF and CR end a line, too), less those
/// that are empty. Blanks at the end of a line belong to it.
pub fn lines(catalog: &CatalogBuilder, file: &ListFile) -> Result<Vec<String>, CatalogError> {
    let mut bytes = Vec::new();
    file.open()
        .and_then(|mut source| source.read_to_end(&mut bytes))
        .map_err(|source| {
            let config_key = catalog.config_key();
            CatalogError::Io {
                config_key,
                path: file.path.clone(),
                source,
            }
        })?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text
        .split(['\r', '\n'])
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_line_end_will_do_and_empty_lines_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("list"), "b \r\na\r\rc\n\nd").unwrap();
        let mut catalog = CatalogBuilder::new("SOME_ROOT");
        let file = ListFile::find(&mut catalog, &[folder.path().to_owned()], "list").unwrap();
        assert_eq!(lines(&catalog, &file).unwrap(), ["b ", "a", "c", "d"]);
    }
}
