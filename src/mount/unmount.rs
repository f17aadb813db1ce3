//! Ending a mount from outside.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::UnmountFlags;

use super::holders::{Holder, holders};
use super::process::Process;
use super::{MountEntry, is_disconnected, mounted_at};
use crate::serve::status::Status;

/// How often a busy mount is tried.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long a process may take to end once its mount is gone: an image at hand is finished.
const ENDING: Duration = Duration::from_secs(30);

/// Holders that are named in an error.
const NAMED: usize = 10;

/// How to end a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnmountHow {
    /// Wait so long for those who hold files.
    Wait(Duration),
    /// Take it out of the tree of folders now; it ends when the last file is closed.
    Lazy,
}

impl UnmountHow {
    /// What replaces a mount does not wait long.
    pub(super) const REPLACE: Self = Self::Wait(Duration::from_secs(5));
}

/// Why a mount is still there.
#[derive(Debug, thiserror::Error)]
pub enum UnmountError {
    #[error("{path} is not a mount", path = .0.display())]
    NotMounted(PathBuf),
    #[error("{path} is a mount of type {filesystem}, not of machex", path = path.display())]
    Foreign { path: PathBuf, filesystem: String },
    #[error("{path} is busy{}; close these, or unmount with --lazy", named(holders), path = path.display())]
    Busy { path: PathBuf, holders: Vec<Holder> },
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: {text}", path = path.display())]
    Fusermount { path: PathBuf, text: String },
}

fn named(holders: &[Holder]) -> String {
    if holders.is_empty() {
        return " (by processes of other users)".to_owned();
    }
    let mut text: String = holders
        .iter()
        .take(NAMED)
        .map(|holder| format!("\n  {holder}"))
        .collect();
    if holders.len() > NAMED {
        text += &format!("\n  and {} more", holders.len() - NAMED);
    }
    text.replacen('\n', ":\n", 1)
}

/// Unmounts the machex mount at `path`, which is absolute and without links.
pub fn unmount(path: &Path, how: UnmountHow) -> Result<(), UnmountError> {
    let entry = mounted_at(path).map_err(|source| UnmountError::Io {
        path: path.to_owned(),
        source,
    })?;
    match entry {
        None => return Err(UnmountError::NotMounted(path.to_owned())),
        Some(entry) if !entry.is_machex() => {
            return Err(UnmountError::Foreign {
                path: path.to_owned(),
                filesystem: entry.filesystem,
            });
        }
        Some(_) => {}
    }
    // Of a mount whose process has gone nothing can be read any more, whoever has it open.
    let is_stale = rustix::fs::statvfs(path).is_err_and(|error| is_disconnected(&error.into()));
    let limit = match how {
        UnmountHow::Wait(limit) if !is_stale => limit,
        _ => return detach(path),
    };
    let process = process_of(path);
    let deadline = Instant::now() + limit;
    loop {
        match take_away(path, false) {
            Err(Refusal::Busy) if Instant::now() < deadline => thread::sleep(INTERVAL),
            Err(Refusal::Busy) => {
                return Err(UnmountError::Busy {
                    path: path.to_owned(),
                    holders: holders(path),
                });
            }
            Err(Refusal::Other(error)) => return Err(error),
            Ok(()) => break,
        }
    }
    if let Some(process) = process {
        // Until it has written down what it knows and let go of its cache.
        process.wait_for(ENDING);
    }
    Ok(())
}

/// The process that serves a mount, if it answers.
fn process_of(path: &Path) -> Option<Process> {
    let text = std::fs::read(path.join(".machex/status.json")).ok()?;
    let status: Status = serde_json::from_slice(&text).ok()?;
    // In another container the number may be somebody else's.
    Process::find(status.pid)
        .ok()?
        .filter(|process| process.name().contains("mach"))
}

/// Unmounts just this mount, if it is still the one at its path: somebody else may have unmounted
/// it and mounted another there. One that is busy is detached: it ends when the last file is closed.
/// Returns who held files.
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
            let holders = holders(path);
            detach(path)?;
            Ok(holders)
        }
    }
}

fn detach(path: &Path) -> Result<(), UnmountError> {
    take_away(path, true).map_err(|refusal| match refusal {
        Refusal::Other(error) => error,
        Refusal::Busy => UnmountError::Busy {
            path: path.to_owned(),
            holders: holders(path),
        },
    })
}

enum Refusal {
    Busy,
    Other(UnmountError),
}

/// By the system call where that is allowed, which is to root, and else by fusermount3.
fn take_away(path: &Path, lazily: bool) -> Result<(), Refusal> {
    use rustix::io::Errno;
    let flags = match lazily {
        true => UnmountFlags::NOFOLLOW | UnmountFlags::DETACH,
        false => UnmountFlags::NOFOLLOW,
    };
    match rustix::mount::unmount(path, flags) {
        Ok(()) => Ok(()),
        Err(Errno::BUSY) => Err(Refusal::Busy),
        Err(Errno::PERM) => by_fusermount(path, lazily),
        Err(error) => Err(Refusal::Other(UnmountError::Io {
            path: path.to_owned(),
            source: error.into(),
        })),
    }
}

fn by_fusermount(path: &Path, lazily: bool) -> Result<(), Refusal> {
    let fault = |text: String| {
        Refusal::Other(UnmountError::Fusermount {
            path: path.to_owned(),
            text,
        })
    };
    for program in ["fusermount3", "fusermount"] {
        let mut command = Command::new(program);
        command
            .arg("-u")
            .args(lazily.then_some("-z"))
            .arg("--")
            .arg(path);
        match command.output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(fault(format!("{program}: {error}"))),
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(match text.contains("busy") {
                    true => Refusal::Busy,
                    false => fault(text),
                });
            }
        }
    }
    Err(fault(
        "without root, unmounting needs fusermount3: install the package fuse3".to_owned(),
    ))
}
