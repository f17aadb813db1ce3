//! Whole files or none: temporary file in the same folder, then rename.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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

/// Hidden, beside the target and with the process number, so that two processes that make the
/// same image by mistake do not write into one file.
fn temporary_path(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "path has no file name"))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}{SUFFIX}", std::process::id()));
    Ok(path.with_file_name(temporary))
}

/// Whether a file of this name is what a killed run left of [`write_atomically`] for `target`.
pub fn is_left_over(name: &str, target: &str) -> bool {
    name.strip_prefix('.')
        .and_then(|rest| rest.strip_prefix(target))
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|rest| rest.strip_suffix(SUFFIX))
        .is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()))
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
