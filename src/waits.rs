//! For how long somebody has been waiting for a disk or a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Who has not answered for so long is said to be silent, and how often that is said.
const SILENT: Duration = Duration::from_secs(30);
const COMPLAINT: Duration = Duration::from_secs(60);

/// Of [`Waiting::since`]: it is something else that is waited for.
const NOT_WAITING: u64 = u64::MAX;

/// Those who wait for one disk or server.
pub struct Waits {
    /// From where times are counted.
    begin: Instant,
    /// Since when each of them waits, in milliseconds.
    waiting: Mutex<Vec<Arc<AtomicU64>>>,
    /// When it was last said that nobody answers.
    complained: Mutex<Option<Instant>>,
}

/// Somebody who waits, until this is dropped.
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

    /// The caller waits from now on.
    pub fn begin(self: &Arc<Self>) -> Waiting {
        let since = Arc::new(AtomicU64::new(self.now()));
        self.waiting.lock().push(Arc::clone(&since));
        Waiting {
            waits: Arc::clone(self),
            since,
        }
    }

    /// For how long the one who waits the longest has had no answer.
    pub fn longest(&self) -> Duration {
        let now = self.now();
        let waiting = self.waiting.lock();
        let since = waiting.iter().map(|since| since.load(Ordering::Relaxed));
        let first = since.min().unwrap_or(NOT_WAITING);
        // One who has begun after `now` has not waited at all.
        Duration::from_millis(now.saturating_sub(first))
    }

    /// For how long nobody has answered, if that is to be said now.
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
    /// There was an answer, and the next one is waited for.
    pub fn answered(&self) {
        self.since.store(self.waits.now(), Ordering::Relaxed);
    }

    /// Does something that has nothing to do with the disk or server.
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
