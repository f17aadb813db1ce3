//! Unmounts without root, with the setuid program fusermount3.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::unmount_error::{Refusal, UnmountError};

/// How long fusermount3 may take: it accesses the mount point, which may not answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Time between checks whether it has ended.
const INTERVAL: Duration = Duration::from_millis(5);

pub(super) fn unmount(path: &Path, lazily: bool) -> Result<(), Refusal> {
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
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let done = match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => Err(error),
            Ok(mut child) => finish(&mut child),
        };
        return match done {
            Err(error) => Err(fault(format!("{program}: {error}"))),
            Ok((true, _)) => Ok(()),
            Ok((false, text)) if text.contains("busy") => Err(Refusal::Busy),
            Ok((false, text)) => Err(fault(text)),
        };
    }
    Err(fault(
        "without root, unmounting needs fusermount3: install the package fuse3".to_owned(),
    ))
}

/// Waits for the program. Returns whether it succeeded, and its error output. If it hangs, leaves
/// it behind.
fn finish(child: &mut Child) -> io::Result<(bool, String)> {
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= deadline {
            // It may run as root or hang in the kernel; then it ends later.
            let _ = child.kill();
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(INTERVAL);
    };
    let mut text = Vec::new();
    if let Some(output) = child.stderr.take() {
        // The output is one line, which fits into the pipe.
        output.take(4096).read_to_end(&mut text)?;
    }
    Ok((
        status.success(),
        String::from_utf8_lossy(&text).trim().to_owned(),
    ))
}
