//! Whole files or none: temporary file in the same folder, then rename.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_64;

const SUFFIX: &str = ".tmp";

/// Writes `path` so that a reader, or a run that is killed, sees the whole file or none of it.
/// What `write` fails with is returned, and the temporary file is removed.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let mut temporary = Temporary::create(path)?;
    write(temporary.file())?;
    temporary.commit()
}

/// A file that is being written, beside the one that it will be. Removed unless committed.
#[derive(Debug)]
pub struct Temporary {
    target: PathBuf,
    path: PathBuf,
    file: fs::File,
    committed: bool,
}

impl Temporary {
    /// A new, empty file that will be `target`.
    pub fn create(target: &Path) -> io::Result<Self> {
        let path = temporary_path(target)?;
        Ok(Self {
            target: target.to_owned(),
            file: fs::File::create(&path)?,
            path,
            committed: false,
        })
    }

    /// To be written.
    pub fn file(&mut self) -> &mut fs::File {
        &mut self.file
    }

    /// Opens what has been written so far for reading.
    pub fn reopen(&self) -> io::Result<fs::File> {
        fs::File::open(&self.path)
    }

    /// Puts the file in the place of its target, at once and whole.
    pub fn commit(mut self) -> io::Result<()> {
        self.file.flush()?;
        fs::rename(&self.path, &self.target)?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.committed {
            // Best effort: on a full or vanished disk the first error is the one that matters.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Hidden, beside the target and with a number that no other file has, so that two that make the
/// same file, in one process or on two nodes, do not write into one.
fn temporary_path(path: &Path) -> io::Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "path has no file name"))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    temporary.push(format!(".{:016x}{count:08x}{SUFFIX}", process_number()));
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

/// Whether a file of this name is one that this process is writing.
pub fn is_being_written(name: &str) -> bool {
    name.ends_with(SUFFIX) && name.contains(&format!(".{:016x}", process_number()))
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
        assert!(is_being_written(name));
        assert!(!is_being_written(".000001.jpg.00112233445566770000000.tmp"));
        assert!(!is_left_over("000001.jpg", "000001.jpg"));
        assert!(!is_left_over(".000001.jpg.mine.tmp", "000001.jpg"));
    }
}
