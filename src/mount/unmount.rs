//! Ends a mount from outside. Nothing here depends on an answer of the mount, since its process may
//! be stopped or hang.

use std::fmt;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::UnmountFlags;

use super::fusermount;
use super::holders::{Copy, Holder, copies, holders};
use super::process::{Hindrance, Process};
use super::unmount_error::{Refusal, UnmountError};
use crate::files::{Answer, MountEntry, ask_status, mounted_at};
use crate::status::Status;

/// Time between attempts to unmount a busy mount, and between checks of its process.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long a process usually takes to end once its mount is gone. After that, machex checks what
/// delays it.
const USUAL: Duration = Duration::from_secs(2);

/// How long it may take at most: it finishes the images that it is making.
const ENDING: Duration = Duration::from_secs(30);

/// How much of that it may wait for a disk.
const DISK_SLEEP: Duration = Duration::from_secs(5);

/// How to end a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnmountHow {
    /// Wait at most this long for processes that hold files.
    Wait(Duration),
    /// Detach it now; it ends when the last file is closed.
    Lazy,
}

impl UnmountHow {
    /// For a mount that replaces another: does not wait long.
    pub(super) const REPLACE: Self = Self::Wait(Duration::from_secs(5));
}

/// What a user should know about a mount that was unmounted.
#[derive(Debug)]
pub enum Remark {
    /// Its process is stopped.
    Stopped(Process),
    /// A thread of its process waits for a disk or a server.
    DiskSleep(Process),
    /// It is mounted elsewhere too.
    Copied(Copy),
    /// Its process continues, since the user has mounted a copy in this namespace.
    Serving(Process),
    /// Its process was asked to end, since only copies in other namespaces are left.
    Asked(Process),
    NotAllowedToAsk(Process, io::Error),
    Ended(Process),
    /// Its process has not ended in time.
    StillThere(Process),
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(process) => {
                let number = process.number();
                write!(
                    f,
                    "{process} served the mount and is stopped; it keeps its cache until it goes on \
                     and ends (kill -CONT {number}) or is killed (kill -KILL {number})"
                )
            }
            Self::DiskSleep(process) => write!(
                f,
                "{process} served the mount and waits for a disk or a server that does not answer; it \
                 keeps its cache until that answers or the process is killed (kill -KILL {})",
                process.number()
            ),
            Self::Copied(copy) => copy.fmt(f),
            Self::Serving(process) => write!(
                f,
                "{process} goes on serving that, and keeps its cache; unmount it as well to end the process"
            ),
            Self::Asked(process) => {
                write!(f, "{process} is asked to end; readers of these get errors")
            }
            Self::NotAllowedToAsk(process, error) => {
                write!(
                    f,
                    "{process} still serves these and cannot be ended: {error}"
                )
            }
            Self::Ended(process) => write!(f, "{process} has ended"),
            Self::StillThere(process) => write!(
                f,
                "{process} served the mount and has not ended yet; it keeps its cache until then"
            ),
        }
    }
}

/// Unmounts the machex mount at `path`, which is absolute and without links. Calls `say` with what
/// it finds meanwhile.
pub fn unmount(
    path: &Path,
    how: UnmountHow,
    say: &mut dyn FnMut(Remark),
) -> Result<(), UnmountError> {
    let entry = mounted_at(path).map_err(|source| UnmountError::Io {
        path: path.to_owned(),
        source,
    })?;
    let entry = match entry {
        None => return Err(UnmountError::NotMounted(path.to_owned())),
        Some(entry) if !entry.is_machex() => {
            return Err(UnmountError::Foreign {
                path: path.to_owned(),
                filesystem: entry.filesystem,
            });
        }
        Some(entry) => entry,
    };
    // Find it before the mount is gone.
    let process = Process::of_mount(&entry.device);
    match how {
        UnmountHow::Lazy => {
            detach(&entry)?;
            if let Some(process) = process {
                match process.hindrance() {
                    Some(Hindrance::Stopped) => say(Remark::Stopped(process)),
                    Some(Hindrance::DiskSleep) => say(Remark::DiskSleep(process)),
                    None => {}
                }
            }
        }
        UnmountHow::Wait(limit) => {
            // Some kernels do not tell which process it is.
            let process = process.or_else(|| process_by_status(path));
            take_away_within(limit, &entry)?;
            if let Some(process) = process {
                see_to_end(process, &entry, say);
            }
        }
    }
    Ok(())
}

/// Removes a mount that does not answer. Processes that wait for it get an error.
pub(super) fn evict(path: &Path, say: &mut dyn FnMut(Remark)) -> Result<(), UnmountError> {
    if let Ok(Some(entry)) = mounted_at(path)
        && let Some(number) = entry.device.strip_prefix("0:")
    {
        // The file may be missing, or this user may not write it. Then only detaching is left.
        let file = format!("/sys/fs/fuse/connections/{number}/abort");
        if let Err(error) = std::fs::write(&file, "1") {
            tracing::debug!("{file}: {error}");
        }
    }
    unmount(path, UnmountHow::Lazy, say)
}

fn take_away_within(limit: Duration, entry: &MountEntry) -> Result<(), UnmountError> {
    let deadline = Instant::now() + limit;
    let mut is_first = true;
    loop {
        match take_away(&entry.mountpoint, false) {
            // If its process is gone, nothing in the mount can be read any more, whichever process
            // has it open.
            Err(Refusal::Busy)
                if std::mem::take(&mut is_first)
                    && matches!(ask_status(&entry.mountpoint), Answer::Gone) =>
            {
                return detach(entry);
            }
            Err(Refusal::Busy) if Instant::now() < deadline => thread::sleep(INTERVAL),
            Err(Refusal::Busy) => return Err(busy(entry)),
            Err(Refusal::Other(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
    }
}

fn busy(entry: &MountEntry) -> UnmountError {
    UnmountError::Busy {
        path: entry.mountpoint.clone(),
        holders: holders(entry),
    }
}

/// Waits until the process of a mount that is gone has saved its state and released its cache.
/// Reports what delays it.
fn see_to_end(process: Process, entry: &MountEntry, say: &mut dyn FnMut(Remark)) {
    if process.hindrance() == Some(Hindrance::Stopped) {
        return say(Remark::Stopped(process));
    }
    if process.wait_for(USUAL) {
        return;
    }
    let copies = copies(&entry.device);
    let (is_copied, is_here) = (!copies.is_empty(), copies.iter().any(|copy| copy.is_here));
    for copy in copies {
        say(Remark::Copied(copy));
    }
    if is_here {
        return say(Remark::Serving(process));
    }
    if is_copied {
        match process.terminate() {
            Ok(()) => say(Remark::Asked(process.clone())),
            Err(error) => return say(Remark::NotAllowedToAsk(process, error)),
        }
    }
    let deadline = Instant::now() + ENDING;
    let mut asleep = Duration::ZERO;
    while Instant::now() < deadline {
        if process.wait_for(INTERVAL) {
            if is_copied {
                say(Remark::Ended(process));
            }
            return;
        }
        match process.hindrance() {
            Some(Hindrance::Stopped) => return say(Remark::Stopped(process)),
            Some(Hindrance::DiskSleep) => asleep += INTERVAL,
            None => asleep = Duration::ZERO,
        }
        if asleep >= DISK_SLEEP {
            return say(Remark::DiskSleep(process));
        }
    }
    say(Remark::StillThere(process));
}

/// The process that serves a mount, if it answers.
fn process_by_status(path: &Path) -> Option<Process> {
    let Answer::Status(text) = ask_status(path) else {
        return None;
    };
    let status: Status = serde_json::from_slice(&text).ok()?;
    // In another container, the number may belong to another process.
    Process::find(status.pid)
        .ok()?
        .filter(|process| process.name().contains("mach"))
}

/// Unmounts just this mount, if it is still the one at its path: another may have been mounted
/// there meanwhile. If it is busy, detaches it, so that it ends when the last file is closed.
/// Returns what held it.
pub(super) fn unmount_own(own: &MountEntry) -> Result<Vec<Holder>, UnmountError> {
    let path = &own.mountpoint;
    let is_there = mounted_at(path).is_ok_and(|entry| entry.as_ref() == Some(own));
    if !is_there {
        return Ok(Vec::new());
    }
    match take_away(path, false) {
        Ok(()) => Ok(Vec::new()),
        Err(Refusal::Other(error)) => Err(error),
        Err(Refusal::Busy) => {
            let holders = holders(own);
            detach(own)?;
            Ok(holders)
        }
    }
}

pub(super) fn detach(entry: &MountEntry) -> Result<(), UnmountError> {
    take_away(&entry.mountpoint, true).map_err(|refusal| match refusal {
        Refusal::Other(error) => error,
        Refusal::Busy => busy(entry),
    })
}

/// Unmounts with the system call if that is allowed, as it is for root, else with fusermount3.
fn take_away(path: &Path, lazily: bool) -> Result<(), Refusal> {
    use rustix::io::Errno;
    let flags = if lazily {
        UnmountFlags::NOFOLLOW | UnmountFlags::DETACH
    } else {
        UnmountFlags::NOFOLLOW
    };
    match rustix::mount::unmount(path, flags) {
        Ok(()) => Ok(()),
        Err(Errno::BUSY) => Err(Refusal::Busy),
        Err(Errno::PERM) => fusermount::unmount(path, lazily),
        Err(error) => Err(Refusal::Other(UnmountError::Io {
            path: path.to_owned(),
            source: error.into(),
        })),
    }
}
