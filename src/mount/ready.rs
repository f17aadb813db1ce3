//! Saying that the mount answers.

use std::env;
use std::io::{self, BufRead, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a process in the background says to the one that started it, and what that answers.
pub(super) const READY: &str = "ready";
pub(super) const STAY: &str = "stay";

/// How long the answer may take.
const ANSWERING: Duration = Duration::from_secs(10);

/// Tells whoever waits for the mount: the process that started this one in the background
/// (`on_stdout`), and systemd (sd_notify(3)) where a unit has `Type=notify`.
///
/// # Errors
/// When the process that started this one has gone, or goes before it has answered: its user has thought
/// better of it, and was told so by its exit status.
pub fn say_ready(on_stdout: bool) -> io::Result<()> {
    if on_stdout {
        let mut out = io::stdout().lock();
        writeln!(out, "{READY}").and_then(|()| out.flush())?;
        wait_for_answer()?;
    }
    if let Err(error) = notify_systemd() {
        tracing::debug!("telling systemd: {error}");
    }
    Ok(())
}

fn wait_for_answer() -> io::Result<()> {
    let stdin = io::stdin();
    let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
    let limit = Timespec {
        tv_sec: ANSWERING.as_secs().cast_signed(),
        tv_nsec: 0,
    };
    if poll(&mut polled, Some(&limit))? == 0 {
        // It is stopped, and may go on.
        return Ok(());
    }
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
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
