//! Work that may wait for a disk or a server: if it takes long, machex tells the user what it is
//! waiting for.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::progress::above_bars;
use crate::shown::Show as _;

/// Time until the first message; the time doubles after each message.
const LONG: Duration = Duration::from_secs(10);

/// The thread that prints the messages; `None` if it could not be started, so that none are
/// printed.
static WATCH: OnceLock<Option<Watch>> = OnceLock::new();

thread_local! {
    /// Whether the current work of this thread is already watched.
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Does `work` on this thread. If it takes long, prints lines to the error output that say so, with
/// `doing` as the description, such as `reading the lists of MIMIC_ROOT, /data/mimic`: a server
/// that does not answer may block this thread without any error, and no signal ends it.
///
/// Only the outermost of nested calls prints. It does not use the log, which may not be open yet,
/// or may itself be on a disk that does not answer.
pub fn announce_if_slow<T>(doing: impl Into<String>, work: impl FnOnce() -> T) -> T {
    if IS_WATCHED.replace(true) {
        return work();
    }
    let _reset = Reset;
    let watch = WATCH.get_or_init(|| Watch::start(LONG, say).ok());
    let _watched = watch.as_ref().map(|watch| watch.begin(doing.into()));
    work()
}

/// Resets the flag, also after a panic.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        IS_WATCHED.set(false);
    }
}

fn say(line: &str) {
    // Best effort: this only informs the user.
    let _ = above_bars(|| writeln!(io::stderr(), "{}", line.shown()));
}

/// The thread that watches slow work. Its output may be a pipe without a reader, so no thread waits
/// for it.
struct Watch {
    first: Duration,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    doings: Mutex<Vec<Arc<Doing>>>,
    added: Condvar,
}

/// Work in progress.
struct Doing {
    what: String,
    begun: Instant,
    /// When its next message is due.
    due: Mutex<Instant>,
}

/// Ends the watch when the work ends.
struct Watched<'a> {
    shared: &'a Shared,
    doing: Arc<Doing>,
}

impl Watch {
    fn start(first: Duration, tell: impl Fn(&str) + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let watched = Arc::clone(&shared);
        thread::Builder::new()
            .name("announce".to_owned())
            .spawn(move || {
                loop {
                    for line in watched.wait() {
                        tell(&line);
                    }
                }
            })?;
        Ok(Self { first, shared })
    }

    fn begin(&self, what: String) -> Watched<'_> {
        let begun = Instant::now();
        let doing = Arc::new(Doing {
            what,
            begun,
            due: Mutex::new(begun + self.first),
        });
        let mut doings = self.shared.doings.lock();
        doings.push(Arc::clone(&doing));
        // The thread may be waiting for others that are due later.
        let is_first = doings
            .iter()
            .all(|other| *other.due.lock() >= begun + self.first);
        if is_first {
            self.shared.added.notify_one();
        }
        Watched {
            shared: &self.shared,
            doing,
        }
    }
}

impl Shared {
    /// Waits until a message is due or work is added; returns the messages that are due.
    fn wait(&self) -> Vec<String> {
        let mut doings = self.doings.lock();
        let due = doings.iter().map(|doing| *doing.due.lock()).min();
        match due {
            None => self.added.wait(&mut doings),
            Some(due) => {
                self.added.wait_until(&mut doings, due);
            }
        }
        let now = Instant::now();
        doings
            .iter_mut()
            .filter_map(|doing| doing.line(now))
            .collect()
    }
}

impl Doing {
    fn line(&self, now: Instant) -> Option<String> {
        let mut due = self.due.lock();
        if now < *due {
            return None;
        }
        let passed = now.saturating_duration_since(self.begun);
        *due = now + passed;
        let (what, seconds) = (&self.what, passed.as_secs());
        Some(format!("machex: still {what}, for {seconds} seconds now"))
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.shared
            .doings
            .lock()
            .retain(|doing| !Arc::ptr_eq(doing, &self.doing));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(first: Duration, work: Duration) -> Vec<String> {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let said = Arc::clone(&lines);
        let tell = move |line: &str| said.lock().push(line.to_owned());
        let watch = Watch::start(first, tell).unwrap();
        let watched = watch.begin("looking".to_owned());
        thread::sleep(work);
        drop(watched);
        lines.lock().clone()
    }

    #[test]
    fn what_takes_long_is_told_again_and_again_and_ever_more_rarely() {
        assert!(told(LONG, Duration::from_millis(50)).is_empty());
        let lines = told(Duration::from_millis(50), Duration::from_secs(1));
        // At 50, 100, 200, 400 and 800 ms, or later on a busy machine.
        assert!((1..=8).contains(&lines.len()), "{lines:?}");
        assert!(
            lines[0].starts_with("machex: still looking, for "),
            "{lines:?}"
        );
    }

    #[test]
    fn each_of_several_is_told() {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let said = Arc::clone(&lines);
        let tell = move |line: &str| said.lock().push(line.to_owned());
        let watch = Watch::start(Duration::from_millis(20), tell).unwrap();
        let first = watch.begin("one".to_owned());
        thread::sleep(Duration::from_millis(5));
        let second = watch.begin("two".to_owned());
        let deadline = Instant::now() + Duration::from_secs(60);
        let is_told = |name: &str| lines.lock().iter().any(|line| line.contains(name));
        while !(is_told("one") && is_told("two")) {
            assert!(Instant::now() < deadline);
            thread::sleep(Duration::from_millis(5));
        }
        drop((first, second));
        assert!(watch.shared.doings.lock().is_empty());
    }

    #[test]
    fn an_output_that_nobody_reads_holds_nothing_up() {
        let (release, hangs) = std::sync::mpsc::channel::<()>();
        let tell = move |_: &str| {
            let _ = hangs.recv();
        };
        let watch = Watch::start(Duration::from_millis(1), tell).unwrap();
        for _ in 0..3 {
            let _watched = watch.begin("looking".to_owned());
            thread::sleep(Duration::from_millis(20));
        }
        drop(release);
    }
}
