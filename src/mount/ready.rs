//! Saying that the mount answers.

use std::env;
use std::io::{self, BufRead, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a process in the background says to the one that started it, and what that answers.
pub(super) const READY: &str = "ready";
pub(super) const STAY: &str = "stay";

/// Tells whoever waits for the mount: the process that started this one in the background
/// (`on_stdout`), and systemd (sd_notify(3)) where a unit has `Type=notify`.
///
/// # Errors
/// When the process that started this one has gone: its user has thought better of it.
pub fn say_ready(on_stdout: bool) -> io::Result<()> {
    if on_stdout {
        let mut out = io::stdout().lock();
        writeln!(out, "{READY}").and_then(|()| out.flush())?;
    }
    if let Err(error) = notify_systemd() {
        tracing::debug!("telling systemd: {error}");
    }
    Ok(())
}

/// Looks whether the process that started this one in the background is still there.
///
/// # Errors
/// When it is not.
pub fn check_parent() -> io::Result<()> {
    let stdout = io::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec::default();
    // The end of a pipe that nobody reads any more.
    match poll(&mut polled, Some(&now)) {
        Ok(1) if polled[0].revents().contains(PollFlags::ERR) => {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        _ => Ok(()),
    }
}

/// Waits until the process that started this one in the background accepts the mount. That may be
/// stopped for as long as its user likes.
///
/// # Errors
/// When it ends before it has answered: its exit status says that there is no mount.
pub fn wait_until_accepted() -> io::Result<()> {
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim_end() {
        STAY => Ok(()),
        _ => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

fn notify_systemd() -> io::Result<()> {
    let Some(name) = env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address)?;
    Ok(())
}
