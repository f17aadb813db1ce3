//! Measures how long threads wait for a disk or a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Time without an answer until a disk or server counts as silent, and time between messages about
/// it.
const SILENT: Duration = Duration::from_secs(30);
const COMPLAINT: Duration = Duration::from_secs(60);

/// Value of [`Waiting::since`] while the thread does something else.
const NOT_WAITING: u64 = u64::MAX;

/// The threads that wait for one disk or server.
pub struct Waits {
    /// Times are relative to this.
    begin: Instant,
    /// When each of them started to wait, in milliseconds.
    waiting: Mutex<Vec<Arc<AtomicU64>>>,
    /// When the last complaint was made.
    complained: Mutex<Option<Instant>>,
}

/// A waiting thread, until this is dropped.
pub struct Waiting {
    waits: Arc<Waits>,
    since: Arc<AtomicU64>,
}

impl Waits {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            begin: Instant::now(),
            waiting: Mutex::default(),
            complained: Mutex::default(),
        })
    }

    /// Registers the caller as waiting from now on.
    pub fn begin(self: &Arc<Self>) -> Waiting {
        let since = Arc::new(AtomicU64::new(self.now()));
        self.waiting.lock().push(Arc::clone(&since));
        Waiting {
            waits: Arc::clone(self),
            since,
        }
    }

    /// How long the longest-waiting thread has had no answer.
    pub fn longest(&self) -> Duration {
        let now = self.now();
        let waiting = self.waiting.lock();
        let since = waiting.iter().map(|since| since.load(Ordering::Relaxed));
        let first = since.min().unwrap_or(NOT_WAITING);
        // A wait that began after `now` counts as zero.
        Duration::from_millis(now.saturating_sub(first))
    }

    /// The time without an answer, if a complaint is due now.
    pub fn complaint(&self) -> Option<Duration> {
        let wait = self.longest();
        let mut complained = self.complained.lock();
        let is_due = complained.is_none_or(|time| time.elapsed() > COMPLAINT);
        (wait > SILENT && is_due).then(|| {
            *complained = Some(Instant::now());
            wait
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(NOT_WAITING - 1)
    }
}

impl Waiting {
    /// Records an answer; the next wait starts now.
    pub fn answered(&self) {
        self.since.store(self.waits.now(), Ordering::Relaxed);
    }

    /// Does `work`, which does not count as waiting.
    pub fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        self.since.store(NOT_WAITING, Ordering::Relaxed);
        let done = work();
        self.answered();
        done
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.waits
            .waiting
            .lock()
            .retain(|since| !Arc::ptr_eq(since, &self.since));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn the_longest_wait_counts_and_answers_begin_it_anew() {
        let waits = Waits::new();
        assert_eq!(waits.longest(), Duration::ZERO);
        let (first, second) = (waits.begin(), waits.begin());
        thread::sleep(Duration::from_millis(5));
        assert!(waits.longest() >= Duration::from_millis(4));
        second.aside(|| {
            first.answered();
            assert!(waits.longest() < Duration::from_secs(60));
            first.aside(|| assert_eq!(waits.longest(), Duration::ZERO));
        });
        drop((first, second));
        assert_eq!(waits.longest(), Duration::ZERO);
        assert!(waits.waiting.lock().is_empty());
    }

    #[test]
    fn silence_is_complained_of_once_in_a_while() {
        let waits = Arc::new(Waits {
            begin: Instant::now() - SILENT * 2,
            waiting: Mutex::default(),
            complained: Mutex::default(),
        });
        let waiting = waits.begin();
        assert_eq!(waits.complaint(), None);
        waiting.since.store(0, Ordering::Relaxed);
        assert!(waits.complaint().is_some_and(|wait| wait >= SILENT * 2));
        assert_eq!(waits.complaint(), None, "just said");
        *waits.complained.lock() = Some(Instant::now() - COMPLAINT * 2);
        assert!(waits.complaint().is_some());
        *waits.complained.lock() = None;
        waiting.aside(|| assert_eq!(waits.complaint(), None));
        assert_eq!(waits.complaint(), None, "answered");
    }
}
