//! Complete files or none: a temporary file in the same folder, then a rename.

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

/// How safely written bytes must be stored before a file counts as finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The file system has accepted them: every write and the close succeeded. A full local disk
    /// reports an error by then.
    Accepted,
    /// They have also reached the disk or the server. Network file systems and quotas report only
    /// then that there is no space.
    Synced,
}

impl Durability {
    /// What files in `folder`, or in its nearest existing parent, need. `durable` asks for
    /// [`Self::Synced`] on a local disk too. It queries the file system: call it once per folder.
    pub fn of(folder: &Path, durable: bool) -> Self {
        if durable || is_remote(folder) {
            Self::Synced
        } else {
            Self::Accepted
        }
    }

    /// Waits until everything written to `file` so far is stored as safely as this says.
    fn wait(self, file: &fs::File) -> io::Result<()> {
        match self {
            Self::Accepted => Ok(()),
            Self::Synced => file.sync_data(),
        }
    }

    /// If this asks for it, makes sure that new names in `folder` survive a power failure.
    pub fn sync_folder(self, folder: &Path) -> io::Result<()> {
        if self == Self::Accepted {
            return Ok(());
        }
        match fs::File::open(folder)?.sync_all() {
            // Some file systems cannot sync a folder, and say so.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }
}

/// Makes sure that everything appended to `file`, which stays open, is stored.
///
/// # Errors
/// Also errors of earlier writes that the file system did not report at once.
pub(crate) fn confirm(file: &fs::File, durability: Durability) -> io::Result<()> {
    durability.wait(file)?;
    // Closing any handle of a file makes network file systems write what they have buffered.
    close(file.try_clone()?)
}

/// Closes a file and returns the error of the file system, which dropping it would ignore.
fn close(file: fs::File) -> io::Result<()> {
    let descriptor = file.into_raw_fd();
    // SAFETY: `into_raw_fd` gave up the descriptor, so that this is the only place that closes it.
    match unsafe { libc::close(descriptor) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Writes `path` so that a reader sees the complete file or none, even if this process is killed.
/// If `write` fails, returns its error and removes the temporary file.
pub fn write_atomically(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let mut temporary = Temporary::create(path)?;
    write(temporary.file())?;
    temporary.commit(durability)
}

/// A file that is being written beside its target. Removed unless committed.
#[derive(Debug)]
pub struct Temporary {
    target: PathBuf,
    // Closed before its name is removed, since NFS keeps files that are removed while open.
    file: fs::File,
    path: TempPath,
}

impl Temporary {
    /// Creates an empty file that will be `target`, readable as the umask allows.
    pub fn create(target: &Path) -> io::Result<Self> {
        Self::create_with(target, 0o666)
    }

    /// Creates an empty file that will be `target`, readable only by its owner.
    pub fn create_private(target: &Path) -> io::Result<Self> {
        Self::create_with(target, 0o600)
    }

    fn create_with(target: &Path, mode: u32) -> io::Result<Self> {
        let name = temporary_name(target)?;
        let folder = target.parent().unwrap_or(Path::new(""));
        let (file, path) = tempfile::Builder::new()
            .prefix(&name)
            .rand_bytes(0)
            // Anything that has this name already, even a link, is not ours.
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

    /// The file to write to.
    pub fn file(&mut self) -> &mut fs::File {
        &mut self.file
    }

    /// Opens the file for reading.
    pub fn reopen(&self) -> io::Result<fs::File> {
        fs::File::open(&self.path)
    }

    /// Atomically replaces the target with this file, once its bytes are stored as safely as
    /// `durability` asks for.
    ///
    /// # Errors
    /// Also if an earlier write failed unreported. The target is unchanged then.
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

/// A hidden name with a unique number, so that two writers of the same file, in one process or on
/// two nodes, use different files.
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

/// The process number alone is not enough: containers often share it.
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

/// Whether a file of this name is being written by this process.
pub fn is_being_written(name: &str) -> bool {
    name.ends_with(SUFFIX) && name.contains(&format!(".{:016x}", process_number()))
}

/// Whether a file of this name is left from a killed [`write_atomically`] for `target`.
pub fn is_left_over(name: &str, target: &str) -> bool {
    target_of(name) == Some(target)
}

/// The target's name of a temporary file of this name.
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
