//! Reports that the mount is ready.

use std::env;
use std::io::{self, BufRead, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The message of a process in the background to the one that started it, and the reply.
pub(super) const READY: &str = "ready";
pub(super) const STAY: &str = "stay";

/// Reports readiness to the process that started this one in the background (`on_stdout`), and to
/// systemd (sd_notify(3)) if a unit has `Type=notify`.
///
/// # Errors
/// If the process that started this one is gone, for example because its user interrupted it.
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

/// Checks that the process that started this one in the background still exists.
///
/// # Errors
/// If it has ended.
pub fn check_parent() -> io::Result<()> {
    let stdout = io::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec::default();
    // No process has the reading end of the pipe open any more.
    match poll(&mut polled, Some(&now)) {
        Ok(1) if polled[0].revents().contains(PollFlags::ERR) => {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        _ => Ok(()),
    }
}

/// Waits until the process that started this one in the background accepts the mount. There is no
/// limit, since its user may have stopped it.
///
/// # Errors
/// If it ends before it has answered: its exit status says that there is no mount.
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
