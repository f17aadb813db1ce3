//! A mount in the background: this program once more, in a session of its own, which says over a
//! pipe when the mount answers. Starting it anew and not forking keeps threads and locks out of it.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::ready::{READY, STAY};

/// How long a mount may take to come about: lists may lie on a slow network file system.
const LIMIT: Duration = Duration::from_secs(600);

/// A mount that answers.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    pub pid: u32,
}

/// Starts this program with `arguments` in the background and waits until it says that it is ready.
/// `None` if it ended before; it has told the user why, on the error output that it shares. There it
/// also says what it waits for, if that takes long.
///
/// Once it is ready, `settle` is called, from where on no signal must end this process: then the mount
/// is told that it stays. If this process ends before, the mount does, too.
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
    // Without the thread, nobody would hear that it is ready; it ends with this process.
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
            // It ends with this process, and in order, unless it hangs in the kernel.
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
