//! Tells the tables of machex from files of other programs with the same name.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use parquet::file::metadata::ParquetMetaDataReader;

use super::facts::VERSION;

/// How the Parquet library of machex names itself in the footer of a file. Other programs copy the
/// facts of a table that they read into the one that they write, but not this.
const CREATED_BY: &str = "parquet-rs ";

/// Whether machex wrote the file `path`, as its Parquet footer says. A link is not ours, and
/// neither is a file that cannot be read as Parquet.
///
/// # Errors
/// If there is no file, or it cannot be opened.
pub fn is_ours(path: &Path) -> io::Result<bool> {
    // Opening a named pipe would wait for its writer.
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(false);
    }
    let Ok(footer) = ParquetMetaDataReader::new().parse_and_finish(&File::open(path)?) else {
        return Ok(false);
    };
    let footer = footer.file_metadata();
    let is_of_library = footer
        .created_by()
        .is_some_and(|name| name.starts_with(CREATED_BY));
    let mut facts = footer.key_value_metadata().into_iter().flatten();
    Ok(is_of_library && facts.any(|fact| fact.key == VERSION))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata_table::{Facts, TableFormat, TableWriter, schema};
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::KeyValue;
    use parquet::file::properties::WriterProperties;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_a_table_that_machex_wrote_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let create = |name: &str| File::create(place(name)).unwrap();
        let ours = |name: &str| is_ours(&place(name)).unwrap();

        let facts = Facts::default();
        let table = TableWriter::new(create("ours"), TableFormat::Parquet, &facts).unwrap();
        table.finish().unwrap();
        assert!(ours("ours"));

        let write = |name: &str, properties: Option<WriterProperties>| {
            let table = ArrowWriter::try_new(create(name), schema(), properties).unwrap();
            table.close().unwrap();
        };
        write("foreign", None);
        assert!(!ours("foreign"));
        // A table of machex that another program has changed.
        let version = KeyValue::new(VERSION.to_owned(), "0.1.0".to_owned());
        let properties = WriterProperties::builder()
            .set_created_by("parquet-cpp-arrow version 17.0.0".to_owned())
            .set_key_value_metadata(Some(vec![version]))
            .build();
        write("changed", Some(properties));
        assert!(!ours("changed"));

        let whole = fs::read(place("ours")).unwrap();
        fs::write(place("cut off"), &whole[..whole.len() / 2]).unwrap();
        fs::write(place("text"), "machex.version").unwrap();
        fs::write(place("empty"), "").unwrap();
        fs::create_dir(place("folder")).unwrap();
        symlink("ours", place("link")).unwrap();
        for name in ["cut off", "text", "empty", "folder", "link"] {
            assert!(!ours(name), "{name}");
        }
        let missing = is_ours(&place("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
