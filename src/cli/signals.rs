//! Signals: those that end the process, and those that must not end it while others rely on it.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Context;
use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM,
    SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator::Signals;

use crate::progress::above_bars;

/// Signals that ask the process to end.
const ENDING: [i32; 5] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGXCPU];

/// Signals that end a process by default, but are hardly ever sent for that.
const IGNORED: [i32; 6] = [SIGUSR1, SIGUSR2, SIGALRM, SIGIO, SIGPROF, SIGVTALRM];

/// More of these, which only Linux has.
const IGNORED_ON_LINUX: [i32; 2] = [libc::SIGPWR, libc::SIGSTKFLT];

/// Makes a write beyond the file size limit (`ulimit -f`) fail with EFBIG, as on a full disk,
/// instead of ending the process. Every command calls this before it writes anything. It installs a
/// handler and does not ignore the signal, since child processes would inherit that.
pub fn survive_limits_on_file_sizes() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Ignores signals in a process that is about to end: its work cannot be undone any more, and its
/// exit status must say so.
pub fn ignore_until_the_end() -> io::Result<()> {
    for signal in ENDING {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    Ok(())
}

/// Whether this process was started with a signal ignored.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// How often the process was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The first time: end cleanly.
    Once,
    /// Again: end at once.
    Again,
}

/// Calls `end` on a separate thread for each signal that asks the process to end, and ignores all
/// other signals that would end it.
pub fn on_end(mut end: impl FnMut(Asked) + Send + 'static) -> anyhow::Result<()> {
    let real_time = libc::SIGRTMIN()..=libc::SIGRTMAX();
    let ignored = IGNORED.into_iter().chain(IGNORED_ON_LINUX).chain(real_time);
    // `nohup` ignores SIGHUP on purpose. SIGINT is ignored in every command that a script starts
    // with `&`, and still has to end the process.
    let stays_ignored = |signal: i32| signal == SIGHUP && is_ignored(signal);
    let ending = ENDING.into_iter().filter(|signal| !stays_ignored(*signal));
    let mut signals = Signals::new(ending.chain(ignored)).context("catching signals")?;
    let listen = move || {
        let mut asked = Asked::Once;
        for signal in signals.forever() {
            if !ENDING.contains(&signal) {
                tracing::debug!("signal {signal} is ignored");
                continue;
            }
            end(asked);
            asked = Asked::Again;
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen)
        .context("catching signals")?;
    Ok(())
}

/// Returns a flag that the first signal sets, to end cleanly; a second signal ends the process at
/// once. `doing` says what the program does after the first.
pub fn stop_in_order(doing: &'static str) -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    on_end(move |asked| {
        if asked == Asked::Again {
            std::process::exit(130);
        }
        seen.store(true, Ordering::Relaxed);
        // Ctrl-C itself is shown on the line of the cursor.
        let tell = || writeln!(io::stderr(), "\nmachex: {doing} (again to end at once)");
        let _ = above_bars(tell);
    })?;
    Ok(stop)
}
