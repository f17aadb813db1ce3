//! What happened since the mount began, counted as it happens.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::status::{FailureNote, Latency};

/// Causes that are kept to be shown.
const SHOWN_FAILURES: usize = 10;

/// Seconds over which a rate is taken.
const RATE_SECONDS: u64 = 10;

/// Longest latency that is told from longer ones, in microseconds.
const LONGEST: u64 = 3_600_000_000;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts of one mount.
pub struct Stats {
    started: Instant,
    /// Opened files whose bytes were there.
    pub hits: Counter,
    /// Opened files that had to be made first.
    pub misses: Counter,
    /// Times that a file could not be had.
    pub errors: Counter,
    pub render_latency: Timings,
    pub open_latency: Timings,
    rate: Mutex<Rate>,
    failures: Mutex<VecDeque<FailureNote>>,
    damages: Mutex<VecDeque<FailureNote>>,
}

impl Stats {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            hits: Counter::default(),
            misses: Counter::default(),
            errors: Counter::default(),
            render_latency: Timings::new(),
            open_latency: Timings::new(),
            rate: Mutex::default(),
            failures: Mutex::default(),
            damages: Mutex::default(),
        }
    }

    pub(super) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Takes note of an image that was rendered in `took`.
    pub(super) fn rendered(&self, took: Duration) {
        self.render_latency.record(took);
        self.rate.lock().add(self.uptime().as_secs());
    }

    /// Rendered images a second, lately.
    pub(super) fn rate(&self) -> f64 {
        self.rate.lock().get(self.uptime().as_secs_f64())
    }

    /// Keeps a cause to be shown; the oldest goes.
    pub(super) fn failed(&self, note: FailureNote) {
        keep(&self.failures, note);
    }

    pub(super) fn failures(&self) -> Vec<FailureNote> {
        self.failures.lock().iter().cloned().collect()
    }

    /// The same of images that are made of a damaged source.
    pub(super) fn damaged(&self, note: FailureNote) {
        keep(&self.damages, note);
    }

    pub(super) fn damages(&self) -> Vec<FailureNote> {
        self.damages.lock().iter().cloned().collect()
    }
}

fn keep(notes: &Mutex<VecDeque<FailureNote>>, mut note: FailureNote) {
    note.time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let mut notes = notes.lock();
    if notes.len() == SHOWN_FAILURES {
        notes.pop_front();
    }
    notes.push_back(note);
}

/// How long things took.
pub struct Timings {
    /// In microseconds, with two digits.
    histogram: Mutex<Option<Histogram<u64>>>,
}

impl Timings {
    fn new() -> Self {
        Self {
            histogram: Mutex::new(Histogram::new_with_bounds(1, LONGEST, 2).ok()),
        }
    }

    pub fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST);
        if let Some(histogram) = self.histogram.lock().as_mut() {
            histogram.saturating_record(micros.max(1));
        }
    }

    pub(super) fn summary(&self) -> Latency {
        match self.histogram.lock().as_ref() {
            None => Latency::default(),
            Some(histogram) => Latency {
                count: histogram.len(),
                p50_seconds: histogram.value_at_quantile(0.50) as f64 / 1e6,
                p99_seconds: histogram.value_at_quantile(0.99) as f64 / 1e6,
                sum_seconds: histogram.mean() * histogram.len() as f64 / 1e6,
            },
        }
    }
}

/// Events of the last seconds.
#[derive(Debug, Default)]
struct Rate {
    /// Second since the start, and events in it.
    seconds: VecDeque<(u64, u64)>,
}

impl Rate {
    fn add(&mut self, second: u64) {
        match self.seconds.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => self.seconds.push_back((second, 1)),
        }
        self.forget(second);
    }

    fn forget(&mut self, second: u64) {
        while self
            .seconds
            .front()
            .is_some_and(|(old, _)| old + RATE_SECONDS < second)
        {
            self.seconds.pop_front();
        }
    }

    fn get(&mut self, now: f64) -> f64 {
        self.forget(now as u64);
        let count: u64 = self.seconds.iter().map(|(_, count)| count).sum();
        count as f64 / now.clamp(1.0, RATE_SECONDS as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_the_last_seconds() {
        let mut rate = Rate::default();
        for second in 0..5 {
            for _ in 0..10 {
                rate.add(second);
            }
        }
        assert_eq!(rate.get(5.0), 10.0);
        assert_eq!(rate.get(10.0), 5.0);
        assert_eq!(rate.get(60.0), 0.0);
    }

    #[test]
    fn quantiles_are_in_seconds() {
        let timings = Timings::new();
        assert_eq!(timings.summary().count, 0);
        for millis in 1..=100 {
            timings.record(Duration::from_millis(millis));
        }
        let summary = timings.summary();
        assert_eq!(summary.count, 100);
        assert!((summary.p50_seconds - 0.05).abs() < 0.002, "{summary:?}");
        assert!((summary.p99_seconds - 0.099).abs() < 0.002, "{summary:?}");
        assert!((summary.sum_seconds - 5.05).abs() < 0.1, "{summary:?}");
    }
}
