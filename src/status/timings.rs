//! Measures how long events take, and how often they happen.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::Latency;

/// The period of a rate, in seconds.
const RATE_SECONDS: u64 = 10;

/// Longest latency that is distinguished from longer ones, in microseconds.
const LONGEST: u64 = 3_600_000_000;

/// How long events of one kind took.
pub struct Timings {
    /// In microseconds, with two significant digits.
    histogram: Mutex<Option<Histogram<u64>>>,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            histogram: Mutex::new(Histogram::new_with_bounds(1, LONGEST, 2).ok()),
        }
    }
}

impl Timings {
    pub fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST);
        if let Some(histogram) = self.histogram.lock().as_mut() {
            histogram.saturating_record(micros.max(1));
        }
    }

    pub fn summary(&self) -> Latency {
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

/// Counts the events of the last seconds.
#[derive(Debug, Default)]
pub struct Rate {
    /// Seconds since the start, and the number of events in each.
    seconds: VecDeque<(u64, u64)>,
}

impl Rate {
    /// Counts an event in this second since the start.
    pub fn add(&mut self, second: u64) {
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

    /// Events per second, `now` seconds after the start.
    pub fn get(&mut self, now: f64) -> f64 {
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
        let timings = Timings::default();
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
