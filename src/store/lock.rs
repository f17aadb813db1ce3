//! One run at a time for each share of a tree, and one process for a cache.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Why a run cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another machex is at work on this {what} ({holder}; lock file {path})", path = path.display())]
    Held {
        what: &'static str,
        holder: String,
        path: PathBuf,
    },
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Held while a run works; the operating system lets go of it even when the process is killed.
#[derive(Debug)]
pub struct RunLock {
    _files: Vec<File>,
}

impl RunLock {
    /// Locks a share (`""` for the whole tree) in the state folder: the whole is locked against
    /// everything, a share against the whole and against itself.
    pub fn acquire(state: &Path, share: &str) -> Result<Self, LockError> {
        let mut files = vec![lock(&state.join("lock"), TREE, share.is_empty())?];
        if !share.is_empty() {
            files.push(lock(&state.join(format!("lock{share}")), TREE, true)?);
        }
        Ok(Self { _files: files })
    }
}

/// How often is tried whether a lock is free.
const INTERVAL: Duration = Duration::from_millis(50);

/// What a [`RunLock`] locks, in words.
const TREE: &str = "tree";

/// Locks the file `path`, which stands for `what`, until the file that is returned is dropped.
pub(super) fn lock(path: &Path, what: &'static str, exclusive: bool) -> Result<File, LockError> {
    let io_error = |source| LockError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(io_error)?;
    let locked = if exclusive {
        file.try_lock()
    } else {
        file.try_lock_shared()
    };
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => "its process is not known".to_owned(),
                holder => format!("{holder}{}", state_of(holder)),
            };
            return Err(LockError::Held {
                what,
                holder,
                path: path.to_owned(),
            });
        }
        // Some network file systems have no locks: a missing safeguard is no reason not to work.
        Err(TryLockError::Error(error)) if is_without_locks(&error) => {
            tracing::warn!(path = %path.display(), "this file system has no locks; make sure that only one machex works on this {what}");
            return Ok(file);
        }
        Err(TryLockError::Error(error)) => return Err(io_error(error)),
    }
    // Only to be shown in the error above.
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let holder = format!("process {} on {host}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(holder.as_bytes()))
        .map_err(io_error)?;
    Ok(file)
}

/// Locks the file `path` for this process alone, and gives one that holds it so long to end.
pub(super) fn lock_within(
    limit: Duration,
    path: &Path,
    what: &'static str,
) -> Result<File, LockError> {
    let deadline = Instant::now() + limit;
    loop {
        match lock(path, what, true) {
            Err(LockError::Held { .. }) if Instant::now() < deadline => thread::sleep(INTERVAL),
            result => return result,
        }
    }
}

/// What keeps the holder from ending, if it is a process of this machine: it is stopped, or waits for a
/// disk.
fn state_of(holder: &str) -> String {
    let mut words = holder.split_ascii_whitespace();
    let (Some("process"), Some(number), Some("on"), host) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return String::new();
    };
    let this_host = rustix::system::uname();
    let is_here = host.is_some_and(|host| this_host.nodename().to_string_lossy() == host);
    // proc_pid_stat(5): the state follows the name, which is in parentheses.
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    match state {
        Some('T' | 't') if is_here => format!(
            ", which is stopped: kill -CONT {number} lets it go on, kill -KILL {number} ends it"
        ),
        Some('D') if is_here => {
            format!(", which waits for a disk or a server; kill -KILL {number} ends it")
        }
        _ => String::new(),
    }
}

/// "Not supported", or NFS without a lock daemon.
fn is_without_locks(error: &io::Error) -> bool {
    let no_daemon = rustix::io::Errno::NOLCK.raw_os_error();
    error.kind() == io::ErrorKind::Unsupported || error.raw_os_error() == Some(no_daemon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_exclude_themselves_and_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let first = RunLock::acquire(folder.path(), "-1-of-2").unwrap();
        let second = RunLock::acquire(folder.path(), "-2-of-2").unwrap();
        let again = RunLock::acquire(folder.path(), "-1-of-2").unwrap_err();
        let me = format!("process {}", std::process::id());
        assert!(again.to_string().contains(&me), "{again}");
        assert!(matches!(
            RunLock::acquire(folder.path(), ""),
            Err(LockError::Held { .. })
        ));
        drop((first, second));
        let whole = RunLock::acquire(folder.path(), "").unwrap();
        assert!(RunLock::acquire(folder.path(), "-1-of-2").is_err());
        drop(whole);
    }

    #[test]
    fn a_holder_that_ends_in_time_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = lock(&path, "cache", true).unwrap();
        let short = lock_within(INTERVAL, &path, "cache").unwrap_err();
        assert!(matches!(short, LockError::Held { .. }), "{short}");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| lock_within(Duration::from_secs(60), &path, "cache"));
            drop(held);
            waiting.join().unwrap().unwrap();
        });
    }
}
