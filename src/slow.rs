//! Work that may wait for a disk or a server: where it takes long, somebody is told what it waits for.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::shown::Show as _;

/// After how long it is said first; then after twice as long each time.
const LONG: Duration = Duration::from_secs(10);

/// The thread that tells; `None` where there was none to be had, so that nobody is told.
static WATCH: OnceLock<Option<Watch>> = OnceLock::new();

thread_local! {
    /// Whether somebody is told already if what this thread does takes long.
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Does `work` on this thread. While that takes long, lines on the error output say so, with `doing`
/// for what it does, such as `reading the lists of MIMIC_ROOT, /data/mimic`: a server that does not
/// answer may hold this thread where no signal ends it, without an error ever.
///
/// Of calls within one another, the outermost tells. Not by the log, which may not have been opened yet,
/// or may be on a disk that does not answer.
pub fn announce_if_slow<T>(doing: impl Into<String>, work: impl FnOnce() -> T) -> T {
    if IS_WATCHED.replace(true) {
        return work();
    }
    let _reset = Reset;
    let watch = WATCH.get_or_init(|| Watch::start(LONG, say).ok());
    let _watched = watch.as_ref().map(|watch| watch.begin(doing.into()));
    work()
}

/// Also after a panic.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        IS_WATCHED.set(false);
    }
}

fn say(line: &str) {
    // Best effort: this is for a person who wonders.
    let _ = writeln!(io::stderr(), "{}", line.shown());
}

/// A thread that waits for what takes long. Its output may be a pipe that nobody reads: nobody waits
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

/// What is being done.
struct Doing {
    what: String,
    begun: Instant,
    /// When it is to be said next.
    due: Mutex<Instant>,
}

/// Ends with the work.
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
        // The thread may wait for others that are due later.
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
    /// Waits until something is due, at most; the lines that are to be said by then.
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
