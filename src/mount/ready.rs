//! Saying that the mount answers.

use std::env;
use std::io::{self, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What a process in the background says to the one that started it.
pub(super) const READY: &str = "ready";

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
