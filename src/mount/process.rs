//! Follows another process until it ends.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use crate::shown::Show as _;

/// Time between reads of `/proc` if there is no pidfd.
const INTERVAL: Duration = Duration::from_millis(100);

/// A process of this machine. Its pidfd, or else its start time, distinguishes it from a later
/// process with the same number.
#[derive(Debug, Clone)]
pub struct Process {
    stat: Stat,
    /// `None` before Linux 5.3, in a sandbox that forbids it, and if this process has no file
    /// descriptor left.
    pidfd: Option<Arc<OwnedFd>>,
}

/// What `/proc` says of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    number: u32,
    name: String,
    /// In clock ticks since the machine started.
    start: u64,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stat { number, name, .. } = &self.stat;
        write!(f, "process {number} ({})", name.shown())
    }
}

impl Stat {
    /// See [`Process::find`].
    fn read(number: u32) -> io::Result<Option<Self>> {
        match fs::read(format!("/proc/{number}/stat")) {
            Ok(bytes) => Ok(Self::parse(number, &String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == ErrorKind::NotFound || is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Parses `stat`, see proc_pid_stat(5): number, name in parentheses (which may contain any
    /// characters), state, and more. Field 20 is the number of threads, field 22 the start time.
    fn parse(number: u32, stat: &str) -> Option<Self> {
        let (before, after) = stat.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let mut fields = after.split_ascii_whitespace();
        let is_dead = matches!(fields.next()?, "Z" | "X" | "x");
        let threads: u32 = fields.nth(16)?.parse().ok()?;
        let start = fields.nth(1)?.parse().ok()?;
        // The first thread may end before the others.
        let has_ended = is_dead && threads <= 1;
        (!has_ended).then(|| Self {
            number,
            name: name.to_owned(),
            start,
        })
    }
}

impl Process {
    /// The process with this number. `None` if there is none, or if it has ended and its parent has
    /// not reaped it yet.
    ///
    /// # Errors
    /// If it cannot be examined, such as processes of other users where `/proc` hides them.
    pub fn find(number: u32) -> io::Result<Option<Self>> {
        // Open this first: if its process still runs after `/proc` was read, both belong to the
        // same process.
        let pidfd = process_id(number)
            .and_then(|id| pidfd_open(id, PidfdFlags::empty()).ok())
            .map(Arc::new);
        let found = Stat::read(number)?.map(|stat| Self { stat, pidfd });
        Ok(found.filter(|process| !process.has_ended()))
    }

    /// The process that serves the mount with this device number, if the kernel tells; else the
    /// only machex process that serves a mount. The mount is not accessed.
    pub(super) fn of_mount(device: &str) -> Option<Self> {
        let connection = device.strip_prefix("0:")?;
        let (mut told, mut servers) = (None, Vec::new());
        for number in numbers() {
            let connections = fuse_connections(number);
            if connections.is_empty() {
                continue;
            }
            let Ok(Some(process)) = Self::find(number) else {
                continue;
            };
            // Another program may still have a file of an earlier connection that had this number.
            if !process.name().contains("mach") {
                continue;
            }
            if connections.iter().any(|found| found == connection) {
                told = Some(process);
            } else if connections.iter().all(String::is_empty) {
                servers.push(process);
            }
        }
        match (told, servers.len()) {
            (Some(process), _) => Some(process),
            (None, 1) => servers.pop(),
            _ => None,
        }
    }

    pub fn number(&self) -> u32 {
        self.stat.number
    }

    /// The name as the kernel keeps it: at most 15 bytes.
    pub(super) fn name(&self) -> &str {
        &self.stat.name
    }

    /// What visibly keeps it from answering, if anything.
    pub(super) fn hindrance(&self) -> Option<Hindrance> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.stat.number)).ok()?;
        let states = threads.flatten().filter_map(|thread| {
            let stat = fs::read(thread.path().join("stat")).ok()?;
            let stat = String::from_utf8_lossy(&stat).into_owned();
            stat.rsplit_once(") ")?.1.chars().next()
        });
        let states: Vec<char> = states.collect();
        if states.iter().any(|state| matches!(state, 'T' | 't')) {
            return Some(Hindrance::Stopped);
        }
        states.contains(&'D').then_some(Hindrance::DiskSleep)
    }

    /// Asks it to end, with SIGTERM.
    pub(super) fn terminate(&self) -> io::Result<()> {
        if let Some(pidfd) = &self.pidfd {
            return match pidfd_send_signal(pidfd, Signal::TERM) {
                Ok(()) | Err(Errno::SRCH) => Ok(()),
                Err(error) => Err(error.into()),
            };
        }
        let id = process_id(self.stat.number).ok_or(ErrorKind::NotFound)?;
        if self.has_ended() {
            return Ok(());
        }
        Ok(kill_process(id, Signal::TERM)?)
    }

    pub(super) fn has_ended(&self) -> bool {
        if let Some(pidfd) = &self.pidfd {
            let now = Timespec::default();
            return poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&now)) == Ok(1);
        }
        // Names are not compared, since `exec` changes them. If this process cannot read the file,
        // say for lack of a file descriptor, that says nothing about the other process.
        Stat::read(self.stat.number)
            .is_ok_and(|now| now.is_none_or(|now| now.start != self.stat.start))
    }

    /// Waits until it has ended.
    pub fn wait(&self) {
        while !self.has_ended() {
            self.sleep(INTERVAL, None);
        }
    }

    /// Waits until it has ended, but at most for `limit`. Returns whether it has ended.
    pub(super) fn wait_for(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while !self.has_ended() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            // Check more often, since a caller waits.
            self.sleep(INTERVAL / 10, Some(left));
        }
        true
    }

    /// Sleeps until it ends, but at most for `limit`. Without a pidfd, just sleeps for `interval`.
    fn sleep(&self, interval: Duration, limit: Option<Duration>) {
        if let Some(pidfd) = &self.pidfd {
            let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
            match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], limit.as_ref()) {
                Ok(_) | Err(Errno::INTR) => return,
                Err(_) => {}
            }
        }
        thread::sleep(interval);
    }
}

fn process_id(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}

/// Why a process does not continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// A signal such as SIGSTOP has stopped it.
    Stopped,
    /// At least one of its threads waits for a disk or a server.
    DiskSleep,
}

/// Numbers of all processes that this one can see.
pub(super) fn numbers() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.collect()
}

/// Numbers of the FUSE connections that a process serves; empty strings before Linux 6.17.
fn fuse_connections(process: u32) -> Vec<String> {
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return Vec::new();
    };
    let of_file = |file: fs::DirEntry| {
        let target = fs::read_link(file.path()).ok()?;
        if target != std::path::Path::new("/dev/fuse") {
            return None;
        }
        let number = file.file_name().into_string().ok()?;
        let text = fs::read_to_string(format!("/proc/{process}/fdinfo/{number}")).ok()?;
        let told = text
            .lines()
            .find_map(|line| line.strip_prefix("fuse_connection:"));
        Some(told.unwrap_or_default().trim().to_owned())
    };
    files.flatten().filter_map(of_file).collect()
}

/// Whether the process ended while its file was open.
fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command, Stdio};

    /// Both ways to follow a process; without pidfds, they are the same.
    fn find_both(number: u32) -> [Process; 2] {
        let found = Process::find(number).unwrap().unwrap();
        let by_proc = Process {
            pidfd: None,
            ..found.clone()
        };
        [found, by_proc]
    }

    fn spawn_cat() -> Child {
        Command::new("cat").stdin(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn it_is_there_until_it_has_ended() {
        for way in [0, 1] {
            let mut child = spawn_cat();
            let process = &find_both(child.id())[way];
            assert!(!process.has_ended());
            assert!(!process.wait_for(Duration::from_millis(20)));
            drop(child.stdin.take());
            // Although its parent has not reaped it yet.
            process.wait();
            assert!(Process::find(child.id()).unwrap().is_none());
            child.wait().unwrap();
            assert!(process.has_ended() && process.wait_for(Duration::ZERO));
        }
    }

    #[test]
    fn it_ends_when_it_is_asked_to() {
        for way in [0, 1] {
            let mut child = spawn_cat();
            let process = &find_both(child.id())[way];
            process.terminate().unwrap();
            assert!(process.wait_for(Duration::from_secs(60)));
            let status = child.wait().unwrap();
            assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
            process.terminate().unwrap();
        }
    }

    #[test]
    fn a_later_process_of_the_same_number_is_another() {
        for way in [0, 1] {
            let mut first = spawn_cat();
            let mut process = find_both(first.id())[way].clone();
            drop(first.stdin.take());
            first.wait().unwrap();
            // Pretend that it got the number of the first one.
            let mut later = spawn_cat();
            process.stat.number = later.id();
            process.stat.start -= 1;
            assert!(process.has_ended());
            process.terminate().unwrap();
            drop(later.stdin.take());
            assert!(later.wait().unwrap().success(), "it was not signalled");
        }
    }

    #[test]
    fn a_name_may_change() {
        for mut process in find_both(std::process::id()) {
            process.stat.name = "name before exec".to_owned();
            assert!(!process.has_ended());
        }
    }

    #[test]
    fn names_may_hold_anything() {
        let fields: Vec<String> = (4..=52).map(|field| field.to_string()).collect();
        let stat = format!("7 (a) b (c) S {}\n", fields.join(" "));
        let parsed = Stat::parse(7, &stat).unwrap();
        assert_eq!((parsed.name.as_str(), parsed.start), ("a) b (c", 22));
        let process = Process {
            stat: parsed.clone(),
            pidfd: None,
        };
        assert_eq!(process.to_string(), "process 7 (a) b (c)");
        let dead = stat.replace(" S ", " Z ");
        assert_eq!(Stat::parse(7, &dead), Some(parsed), "of 20 threads");
        assert_eq!(Stat::parse(7, &dead.replace(" 20 ", " 1 ")), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Stat::parse(1, &text);
        }
    }
}
