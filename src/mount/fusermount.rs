//! Unmounting without root, by the program fusermount3, which is setuid root.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::unmount_error::{Refusal, UnmountError};

/// How long it may take: it looks at the mount point, which may not answer.
const LIMIT: Duration = Duration::from_secs(5);

/// How often is looked whether it has ended.
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

/// Whether it succeeded, and what it said. One that hangs is left behind.
fn finish(child: &mut Child) -> io::Result<(bool, String)> {
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= deadline {
            // It may belong to root, or hang in the kernel: then it ends later.
            let _ = child.kill();
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(INTERVAL);
    };
    let mut text = Vec::new();
    if let Some(output) = child.stderr.take() {
        // What it says is one line, which its pipe holds.
        output.take(4096).read_to_end(&mut text)?;
    }
    Ok((
        status.success(),
        String::from_utf8_lossy(&text).trim().to_owned(),
    ))
}
