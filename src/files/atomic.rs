//! Whole files or none: temporary file in the same folder, then rename.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::fd::IntoRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempPath;
use xxhash_rust::xxh3::xxh3_64;

use super::is_remote;

const SUFFIX: &str = ".tmp";

/// How sure it must be that written bytes stay, before a file counts as finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The file system has taken them: every write and the close said so. A local disk that is full
    /// says it then.
    Accepted,
    /// They have reached the disk or the server, too. Network file systems and quotas say only then
    /// that there is no room.
    Synced,
}

impl Durability {
    /// What files in `folder`, or in its nearest parent that exists, need. `durable` asks for
    /// [`Self::Synced`] on a local disk, too. Asks the file system: to be called once a folder.
    pub fn of(folder: &Path, durable: bool) -> Self {
        match durable || is_remote(folder) {
            true => Self::Synced,
            false => Self::Accepted,
        }
    }

    /// Waits until what was written to `file` so far is as sure as this says.
    fn wait(self, file: &fs::File) -> io::Result<()> {
        match self {
            Self::Accepted => Ok(()),
            Self::Synced => file.sync_data(),
        }
    }

    /// Makes sure that new names in `folder` outlast a power cut, where this asks for it.
    pub fn sync_folder(self, folder: &Path) -> io::Result<()> {
        if self == Self::Accepted {
            return Ok(());
        }
        match fs::File::open(folder)?.sync_all() {
            // Some file systems have nothing to sync of a folder, and say so.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }
}

/// Makes sure of what was appended to `file`, which stays open.
///
/// # Errors
/// Also those of earlier writes that the file system did not report at once.
pub(crate) fn confirm(file: &fs::File, durability: Durability) -> io::Result<()> {
    durability.wait(file)?;
    // Closing any handle of a file makes network file systems write what they held back.
    close(file.try_clone()?)
}

/// Closes a file and says what the file system said, which dropping one does not.
fn close(file: fs::File) -> io::Result<()> {
    let descriptor = file.into_raw_fd();
    // SAFETY: `into_raw_fd` gave up the descriptor, so that this is the only place that closes it.
    match unsafe { libc::close(descriptor) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Writes `path` so that a reader, or a run that is killed, sees the whole file or none of it.
/// What `write` fails with is returned, and the temporary file is removed.
pub fn write_atomically(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let mut temporary = Temporary::create(path)?;
    write(temporary.file())?;
    temporary.commit(durability)
}

/// A file that is being written, beside the one that it will be. Removed unless committed.
#[derive(Debug)]
pub struct Temporary {
    target: PathBuf,
    // Closed before its name is removed: NFS keeps what is removed while it is open.
    file: fs::File,
    path: TempPath,
}

impl Temporary {
    /// A new, empty file that will be `target`, readable as the umask allows.
    pub fn create(target: &Path) -> io::Result<Self> {
        Self::create_with(target, 0o666)
    }

    /// A new, empty file that will be `target` and that its owner alone can read.
    pub fn create_private(target: &Path) -> io::Result<Self> {
        Self::create_with(target, 0o600)
    }

    fn create_with(target: &Path, mode: u32) -> io::Result<Self> {
        let name = temporary_name(target)?;
        let folder = target.parent().unwrap_or(Path::new(""));
        let (file, path) = tempfile::Builder::new()
            .prefix(&name)
            .rand_bytes(0)
            // What has this name already, be it a link, is not ours.
            .make_in(folder, |path| {
                let mut options = fs::File::options();
                options.write(true).create_new(true).mode(mode).open(path)
            })?
            .into_parts();
        Ok(Self {
            target: target.to_owned(),
            file,
            path,
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

    /// Puts the file in the place of its target, at once and whole, once its bytes are as sure as
    /// `durability` asks for.
    ///
    /// # Errors
    /// Also where an earlier write failed without a word; the target is as it was then.
    pub fn commit(self, durability: Durability) -> io::Result<()> {
        let Self {
            path,
            mut file,
            target,
        } = self;
        file.flush()?;
        durability.wait(&file)?;
        close(file)?;
        Ok(path.persist(target)?)
    }
}

/// Hidden, and with a number that no other file has, so that two that make the same file, in one
/// process or on two nodes, do not write into one.
fn temporary_name(path: &Path) -> io::Result<OsString> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "path has no file name"))?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    temporary.push(format!(".{:016x}{count:08x}{SUFFIX}", process_number()));
    Ok(temporary)
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
    target_of(name) == Some(target)
}

/// The name of the file that a temporary file of this name was to be.
pub fn target_of(name: &str) -> Option<&str> {
    let (target, number) = name
        .strip_prefix('.')?
        .strip_suffix(SUFFIX)?
        .rsplit_once('.')?;
    let is_ours = !number.is_empty() && number.bytes().all(|b| b.is_ascii_hexdigit());
    is_ours.then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("000001.jpg");
        write_atomically(&path, Durability::Synced, |file| file.write_all(b"old")).unwrap();
        let failed = write_atomically(&path, Durability::Accepted, |file| {
            file.write_all(b"half of the new")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_private_file_is_for_its_owner_and_a_committed_one_stays() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("failures.jsonl");
        let temporary = Temporary::create_private(&path).unwrap();
        temporary.commit(Durability::Accepted).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_local_disk_is_synced_only_where_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/yet");
        assert_eq!(Durability::of(&path, false), Durability::Accepted);
        assert_eq!(Durability::of(&path, true), Durability::Synced);
        Durability::Synced.sync_folder(folder.path()).unwrap();
        assert!(Durability::Synced.sync_folder(&path).is_err());
        Durability::Accepted.sync_folder(&path).unwrap();
    }

    #[test]
    fn left_overs_are_told_by_name() {
        let temporary = temporary_name(Path::new("/x/000001.jpg")).unwrap();
        let name = temporary.to_str().unwrap();
        assert!(is_left_over(name, "000001.jpg"));
        assert!(!is_left_over(name, "000002.jpg"));
        assert!(is_being_written(name));
        assert!(!is_being_written(".000001.jpg.00112233445566770000000.tmp"));
        assert!(!is_left_over("000001.jpg", "000001.jpg"));
        assert!(!is_left_over(".000001.jpg.mine.tmp", "000001.jpg"));
    }
}
