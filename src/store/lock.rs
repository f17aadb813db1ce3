//! One run at a time for each share of a tree, and one process for a cache.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use crate::files::{PrivateFolder, no_follow};

use super::lock_holder::LockHolder;
use crate::shown::Show as _;

/// Why a run cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "another machex is at work on this {what} ({holder}; lock file {path}): {advice}{other}",
        holder = holder.name.shown(), path = path.shown(), advice = holder.advice(),
        other = if *what == CACHE { "; or choose another cache with --cache-path" } else { "" }
    )]
    Held {
        what: &'static str,
        holder: LockHolder,
        path: PathBuf,
    },
    #[error(
        "the cache {cache} is in use by the mount at {mountpoint} ({holder}): read from that mount, \
         or end it with: machex unmount {mountpoint}; two mounts need two caches, and --cache-path \
         DIR gives this one its own",
        cache = cache.shown(), mountpoint = mountpoint.shown(), holder = holder.shown()
    )]
    CacheOfMount {
        cache: PathBuf,
        mountpoint: PathBuf,
        holder: String,
    },
    #[error(
        "another machex is at work on share {share} of this tree ({holder}; lock file {path}), and \
         all shares that run at the same time must have the same N: use --part K/{of}, or {advice}",
        holder = holder.name.shown(), path = path.shown(), advice = holder.advice()
    )]
    OtherShares {
        share: String,
        of: u32,
        holder: LockHolder,
        path: PathBuf,
    },
    #[error("{path}: {source}", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
}

/// How often to try the lock again: the longest delay before a mount that follows another.
const INTERVAL: Duration = Duration::from_millis(5);

/// How long to wait for a cache whose mount is up: a mount that has been asked to end stays in the
/// mount table for a moment.
const MOUNTED_TIME: Duration = Duration::from_secs(1);

/// What a [`RunLock`] locks, for messages.
const TREE: &str = "tree";

/// What [`lock_cache`] locks.
const CACHE: &str = "cache";

/// Locked while a run takes its other locks, so that shares of different numbers that start at the
/// same time see each other. A share that does not get it within [`GATE_TIME`] gives up.
const GATE: &str = "lock.gate";

const GATE_TIME: Duration = Duration::from_secs(30);

/// Held while a run works; the operating system releases it even when the process is killed.
#[derive(Debug)]
pub struct RunLock {
    locks: Vec<Lock>,
}

impl RunLock {
    /// Locks a share (`""` for the whole tree, `"-3-of-8"` for a share) in the state folder. The
    /// whole tree excludes everything; a share excludes the whole tree, itself, and shares of
    /// another number, which would overlap with it.
    pub fn acquire(state: &PrivateFolder, share: &str) -> Result<Self, LockError> {
        if share.is_empty() {
            let locks = vec![lock(state, "lock", TREE, true)?];
            return Ok(Self { locks });
        }
        let _gate = take_within(GATE_TIME, state, GATE, TREE)?;
        let mut locks = vec![lock(state, "lock", TREE, false)?];
        refuse_other_shares(state, share)?;
        locks.push(lock(state, &format!("lock{share}"), TREE, true)?);
        Ok(Self { locks })
    }

    /// Whether no other process can be at work: false if the file system has no locks.
    pub fn is_exclusive(&self) -> bool {
        self.locks.iter().all(|lock| lock.is_held)
    }
}

/// Returns an error if a share of another number is at work.
fn refuse_other_shares(state: &PrivateFolder, share: &str) -> Result<(), LockError> {
    let io_error = |name: &str| {
        let path = state.path().join(name);
        move |source| LockError::Io { path, source }
    };
    let wanted = parts_of(share).map(|(_, of)| of);
    for name in no_follow::names(state, "lock-", "").map_err(io_error(""))? {
        let Some((part, of)) = name.strip_prefix("lock").and_then(parts_of) else {
            continue;
        };
        if Some(of) == wanted {
            continue;
        }
        let mut file = state
            .open_file(&name, OFlags::RDWR)
            .map_err(io_error(&name))?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(LockError::OtherShares {
                share: format!("{part}/{of}"),
                of,
                holder: LockHolder::in_file(&mut file),
                path: state.path().join(&name),
            });
        }
    }
    Ok(())
}

/// K and N of `-K-of-N`.
fn parts_of(share: &str) -> Option<(u32, u32)> {
    let (part, of) = share.strip_prefix('-')?.split_once("-of-")?;
    Some((part.parse().ok()?, of.parse().ok()?))
}

/// An open lock file.
#[derive(Debug)]
struct Lock {
    file: File,
    /// False if the file system has no locks.
    is_held: bool,
}

/// Locks the file `name` in `folder`, which stands for `what`, until the lock is dropped.
fn lock(
    folder: &PrivateFolder,
    name: &str,
    what: &'static str,
    exclusive: bool,
) -> Result<Lock, LockError> {
    let path = || folder.path().join(name);
    let io_error = |source| LockError::Io {
        path: path(),
        source,
    };
    let mut file = folder
        .open_file(name, OFlags::RDWR | OFlags::CREATE)
        .map_err(io_error)?;
    let locked = if exclusive {
        file.try_lock()
    } else {
        file.try_lock_shared()
    };
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = LockHolder::in_file(&mut file);
            return Err(match holder.mounted_at() {
                Some(mountpoint) if what == CACHE => LockError::CacheOfMount {
                    cache: folder.path().to_owned(),
                    mountpoint: mountpoint.to_owned(),
                    holder: holder.name,
                },
                _ => LockError::Held {
                    what,
                    holder,
                    path: path(),
                },
            });
        }
        // Some network file systems have no locks; machex works without this safeguard.
        Err(TryLockError::Error(error)) if is_without_locks(&error) => {
            tracing::warn!(path = %path().shown(), "this file system has no locks; make sure that only one machex works on this {what}");
            return Ok(Lock {
                file,
                is_held: false,
            });
        }
        Err(TryLockError::Error(error)) => return Err(io_error(error)),
    }
    // Only shown in the error above.
    LockHolder::write_this_process(&mut file).map_err(io_error)?;
    Ok(Lock {
        file,
        is_held: true,
    })
}

/// Locks the file `name` in `folder` for this process alone, and waits up to `limit` for its holder
/// to end.
fn take_within(
    limit: Duration,
    folder: &PrivateFolder,
    name: &str,
    what: &'static str,
) -> Result<Lock, LockError> {
    let start = Instant::now();
    loop {
        let result = lock(folder, name, what, true);
        let limit = match result {
            Err(LockError::Held { .. }) => limit,
            Err(LockError::CacheOfMount { .. }) => limit.min(MOUNTED_TIME),
            _ => return result,
        };
        if start.elapsed() >= limit {
            return result;
        }
        thread::sleep(INTERVAL);
    }
}

/// Locks a cache for the mount at `mountpoint`: locks the file `name` in `folder` until the returned
/// file is dropped, and waits up to `limit` for its holder to end.
pub(super) fn lock_cache(
    limit: Duration,
    folder: &PrivateFolder,
    name: &str,
    mountpoint: &Path,
) -> Result<File, LockError> {
    let Lock { mut file, is_held } = take_within(limit, folder, name, CACHE)?;
    if is_held {
        LockHolder::write_mountpoint(&mut file, mountpoint).map_err(|source| LockError::Io {
            path: folder.path().join(name),
            source,
        })?;
    }
    Ok(file)
}

/// "Not supported", or NFS without a lock daemon.
fn is_without_locks(error: &io::Error) -> bool {
    let no_daemon = rustix::io::Errno::NOLCK.raw_os_error();
    error.kind() == io::ErrorKind::Unsupported || error.raw_os_error() == Some(no_daemon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Trust, is_not_ours};

    fn state() -> (tempfile::TempDir, PrivateFolder) {
        let folder = tempfile::tempdir().unwrap();
        let state = PrivateFolder::open(folder.path(), Trust::Group).unwrap();
        (folder, state)
    }

    #[test]
    fn shares_exclude_themselves_and_the_whole() {
        let (_folder, state) = state();
        let first = RunLock::acquire(&state, "-1-of-2").unwrap();
        let second = RunLock::acquire(&state, "-2-of-2").unwrap();
        let again = RunLock::acquire(&state, "-1-of-2").unwrap_err();
        let me = format!("process {}", std::process::id());
        assert!(again.to_string().contains(&me), "{again}");
        assert!(matches!(
            RunLock::acquire(&state, ""),
            Err(LockError::Held { .. })
        ));
        drop((first, second));
        let whole = RunLock::acquire(&state, "").unwrap();
        assert!(RunLock::acquire(&state, "-1-of-2").is_err());
        drop(whole);
    }

    #[test]
    fn a_holder_that_ends_in_time_is_waited_for() {
        let (_folder, state) = state();
        let point = Path::new("/nowhere");
        let held = lock_cache(INTERVAL, &state, "lock", point).unwrap();
        let short = lock_cache(INTERVAL, &state, "lock", point).unwrap_err();
        assert!(matches!(short, LockError::Held { .. }), "{short}");
        thread::scope(|scope| {
            let waiting =
                scope.spawn(|| lock_cache(Duration::from_secs(60), &state, "lock", point));
            drop(held);
            waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn shares_of_another_number_are_refused_with_who_holds_them() {
        let (_folder, state) = state();
        let half = RunLock::acquire(&state, "-1-of-2").unwrap();
        assert!(half.is_exclusive());
        let error = RunLock::acquire(&state, "-1-of-4").unwrap_err().to_string();
        let number = std::process::id();
        let (me, kill) = (format!("process {number}"), format!("kill {number}"));
        for words in ["share 1/2", "--part K/2", &me, &kill] {
            assert!(error.contains(words), "no \"{words}\" in: {error}");
        }
        RunLock::acquire(&state, "-2-of-2").unwrap();
        drop(half);
        RunLock::acquire(&state, "-1-of-4").unwrap();
    }

    #[test]
    fn of_shares_of_many_numbers_that_begin_at_a_time_one_number_wins() {
        let (_folder, state) = state();
        for _ in 0..20 {
            let begin = std::sync::Barrier::new(4);
            let won: Vec<Result<RunLock, LockError>> = thread::scope(|scope| {
                let runs: Vec<_> = ["-1-of-2", "-1-of-4", "-2-of-2", "-2-of-4"]
                    .map(|share| {
                        let (begin, state) = (&begin, &state);
                        scope.spawn(move || {
                            begin.wait();
                            RunLock::acquire(state, share)
                        })
                    })
                    .into_iter()
                    .collect();
                runs.into_iter().map(|run| run.join().unwrap()).collect()
            });
            let is_won: Vec<bool> = won.iter().map(Result::is_ok).collect();
            assert_eq!(is_won[0], is_won[2], "{won:?}");
            assert_eq!(is_won[1], is_won[3], "{won:?}");
            assert_ne!(is_won[0], is_won[1], "{won:?}");
        }
    }

    #[test]
    fn a_planted_link_is_not_truncated() {
        let (folder, state) = state();
        let precious = folder.path().join("precious");
        std::fs::write(&precious, "mine").unwrap();
        std::os::unix::fs::symlink(&precious, folder.path().join("lock")).unwrap();
        match RunLock::acquire(&state, "") {
            Err(LockError::Io { source, .. }) => assert!(is_not_ours(&source), "{source}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(std::fs::read(&precious).unwrap(), b"mine");
    }
}
