//! Whole files or none: temporary file in the same folder, then rename.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_64;

const SUFFIX: &str = ".tmp";

/// Writes `path` so that a reader, or a run that is killed, sees the whole file or none of it.
/// What `write` fails with is returned, and the temporary file is removed.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = temporary_path(path)?;
    let written = fs::File::create(&temporary)
        .and_then(|mut file| write(&mut file).and_then(|()| file.flush()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: on a full or vanished disk the first error is the one that matters.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Hidden, beside the target and with a number that no other process has, so that two that make the
/// same file, on one node or on two, do not write into one.
fn temporary_path(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "path has no file name"))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{:016x}{SUFFIX}", process_number()));
    Ok(path.with_file_name(temporary))
}

/// The process number alone would not do: in containers it is often the same.
fn process_number() -> u64 {
    static NUMBER: OnceLock<u64> = OnceLock::new();
    *NUMBER.get_or_init(|| {
        let host = rustix::system::uname();
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let text = format!("{:?} {} {time:?}", host.nodename(), std::process::id());
        xxh3_64(text.as_bytes())
    })
}

/// Whether a file of this name is what a killed run left of [`write_atomically`] for `target`.
pub fn is_left_over(name: &str, target: &str) -> bool {
    name.strip_prefix('.')
        .and_then(|rest| rest.strip_prefix(target))
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|rest| rest.strip_suffix(SUFFIX))
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("000001.jpg");
        write_atomically(&path, |file| file.write_all(b"old")).unwrap();
        let failed = write_atomically(&path, |file| {
            file.write_all(b"half of the new")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn left_overs_are_told_by_name() {
        let temporary = temporary_path(Path::new("/x/000001.jpg")).unwrap();
        let name = temporary.file_name().unwrap().to_str().unwrap();
        assert!(is_left_over(name, "000001.jpg"));
        assert!(!is_left_over(name, "000002.jpg"));
        assert!(!is_left_over("000001.jpg", "000001.jpg"));
        assert!(!is_left_over(".000001.jpg.mine.tmp", "000001.jpg"));
    }
}
