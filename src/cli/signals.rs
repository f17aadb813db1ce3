//! Signals: those that ask for the end, and those that must not end a process that others rely on.

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

/// Ask for the end.
const ENDING: [i32; 5] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGXCPU];

/// Would end the process, though hardly anybody sends them for that.
const IGNORED: [i32; 6] = [SIGUSR1, SIGUSR2, SIGALRM, SIGIO, SIGPROF, SIGVTALRM];

/// Power, and a coprocessor that no machine has: only Linux has them.
const IGNORED_ON_LINUX: [i32; 2] = [libc::SIGPWR, libc::SIGSTKFLT];

/// Has a write beyond the limit on file sizes (`ulimit -f`) fail with EFBIG, as on a full disk, and not
/// end the process. For every command, before it writes anything. Programs that are started are not
/// concerned, as they would be if the signal were ignored.
pub fn survive_limits_on_file_sizes() -> io::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Has this process come to its end by itself, which is near: what it has done cannot be undone by a
/// signal any more, and its exit status must say so.
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

/// How often the end was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// For an end in order.
    Once,
    /// Again: at once.
    Again,
}

/// Calls `end` on a thread of its own for each signal that asks for the end, and ignores all others that
/// would end the process.
pub fn on_end(mut end: impl FnMut(Asked) + Send + 'static) -> anyhow::Result<()> {
    let real_time = libc::SIGRTMIN()..=libc::SIGRTMAX();
    let ignored = IGNORED.into_iter().chain(IGNORED_ON_LINUX).chain(real_time);
    // `nohup` means this one. SIGINT is ignored in whatever a script starts with `&`, and means the end
    // all the same.
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

/// A flag that the first signal sets, for an end in order; a second one ends the process at once. `doing`
/// is what is done after the first.
pub fn stop_in_order(doing: &'static str) -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    on_end(move |asked| {
        if asked == Asked::Again {
            std::process::exit(130);
        }
        seen.store(true, Ordering::Relaxed);
        let _ = writeln!(io::stderr(), "\nmachex: {doing} (again to end at once)");
    })?;
    Ok(stop)
}
