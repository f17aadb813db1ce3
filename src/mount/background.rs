//! A mount in the background: starts this program again, in a session of its own, and waits until
//! it reports over a pipe that the mount is ready. A new process, unlike a fork, inherits no
//! threads and no locks.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::ready::{READY, STAY};

/// How long a mount may take to become ready: lists may be on a slow network file system.
const LIMIT: Duration = Duration::from_secs(600);

/// A mount that is ready.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    pub pid: u32,
}

/// Starts this program with `arguments` in the background and waits until it is ready. `None` if it
/// ended before that; it has told the user why on the standard error that both share. It also
/// reports there what it waits for, if that takes long.
///
/// Once it is ready, calls `settle`, after which no signal may end this process, and then tells the
/// mount to stay. If this process ends before that, so does the mount.
pub fn start_in_background(
    arguments: &[OsString],
    settle: impl FnOnce() -> io::Result<()>,
) -> io::Result<Option<Started>> {
    let program = std::env::current_exe()?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    let output = child.stdout.take();
    let waiting = thread::Builder::new().spawn(move || {
        let is_ready = output.is_some_and(|output| {
            BufReader::new(output)
                .lines()
                .map_while(Result::ok)
                .any(|line| line == READY)
        });
        // The receiver may have given up.
        let _ = sender.send(is_ready);
    });
    // Without the thread, this process would not notice that the mount is ready. The mount ends
    // with this process.
    waiting?;
    match receiver.recv_timeout(LIMIT) {
        Ok(true) => {
            settle()?;
            let told = child
                .stdin
                .take()
                .map(|mut input| writeln!(input, "{STAY}"));
            if matches!(told, Some(Ok(()))) {
                return Ok(Some(Started { pid }));
            }
            let _ = writeln!(io::stderr(), "machex: the mount has ended again");
            Ok(None)
        }
        Ok(false) => {
            if let Some(signal) = child.wait()?.signal() {
                // Best effort: the exit status says that there is no mount.
                let _ = writeln!(io::stderr(), "machex: signal {signal} ended the mount");
            }
            Ok(None)
        }
        Err(_) => {
            // The mount ends with this process, and in order unless it hangs in the kernel.
            let seconds = LIMIT.as_secs();
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "the mount did not come about in {seconds} seconds; \
                     try --foreground -v to see where it waits"
                ),
            ))
        }
    }
}
