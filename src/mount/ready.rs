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
pub fn say_ready(on_stdout: bool) {
    if on_stdout {
        // Who waited may have gone; that is no reason to end the mount.
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{READY}").and_then(|()| out.flush());
    }
    if let Err(error) = notify_systemd() {
        tracing::debug!("telling systemd: {error}");
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
