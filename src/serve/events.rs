//! What happens in a mount: counters, notes for the status, and log lines.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::{Fault, Item, Known, ServedDataset, Server, What};

use crate::catalog::Entry;
use crate::pipeline::Failing;
use crate::shown::Show as _;
use crate::status::{Counters, FailureNote, Rate, Timings};

/// Number of failures, and of damages, that the status shows.
const SHOWN: usize = 10;

/// What happened since the mount began.
pub(super) struct Events {
    started: Instant,
    pub counters: Counters,
    pub render_latency: Timings,
    pub open_latency: Timings,
    rate: Mutex<Rate>,
    /// Files that failed when they were last tried.
    pub failing: Failing,
    failures: Mutex<VecDeque<FailureNote>>,
    damages: Mutex<VecDeque<FailureNote>>,
}

impl Events {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            counters: Counters::default(),
            render_latency: Timings::default(),
            open_latency: Timings::default(),
            rate: Mutex::default(),
            failing: Failing::default(),
            failures: Mutex::default(),
            damages: Mutex::default(),
        }
    }

    pub(super) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Records an image that was rendered in `took`.
    pub(super) fn rendered(&self, took: Duration) {
        self.render_latency.record(took);
        self.rate.lock().add(self.uptime().as_secs());
    }

    /// Recent number of rendered images per second.
    pub(super) fn rate(&self) -> f64 {
        self.rate.lock().get(self.uptime().as_secs_f64())
    }

    /// The last failures.
    pub(super) fn failures(&self) -> Vec<FailureNote> {
        self.failures.lock().iter().cloned().collect()
    }

    /// The last images found to be made from a damaged source.
    pub(super) fn damages(&self) -> Vec<FailureNote> {
        self.damages.lock().iter().cloned().collect()
    }
}

/// Adds a note for the status, and removes the oldest if there are too many.
fn keep(notes: &Mutex<VecDeque<FailureNote>>, mut note: FailureNote) {
    note.time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let mut notes = notes.lock();
    if notes.len() == SHOWN {
        notes.pop_front();
    }
    notes.push_back(note);
}

impl Server {
    /// Remembers what is known of a file. Logs `damage`, which says what is damaged in its source,
    /// the first time it is found.
    pub(super) fn learn(
        &self,
        dataset: &ServedDataset,
        item: Item,
        known: Known,
        damage: Option<&str>,
    ) -> Known {
        let was_damaged = || {
            dataset
                .known(item.what)
                .is_some_and(|known| known.is_damaged)
        };
        if let Some(damage) = damage.filter(|_| !was_damaged()) {
            let note = note(dataset, item, damage);
            warn(dataset, item, &note, "made of a damaged source: ");
            keep(&self.events.damages, note);
        }
        let is_damaged = damage.is_some();
        dataset.learn(
            item.what,
            Known {
                is_damaged,
                ..known
            },
        )
    }

    /// Logs a fault and keeps it for the status, if it is new.
    pub(super) fn report_fault(&self, item: Item, fault: &Fault) {
        if !self.events.failing.insert(item, fault) {
            return;
        }
        let Some(dataset) = self.dataset(item) else {
            return;
        };
        let note = note(dataset, item, &fault.cause);
        warn(dataset, item, &note, "");
        keep(&self.events.failures, note);
    }
}

fn entry_of<'a>(dataset: &'a ServedDataset, item: Item) -> Option<Entry<'a>> {
    match item.what {
        What::Image(number) => dataset.entry(number),
        What::Index | What::Metadata => None,
    }
}

/// The note to show for a file. Its cause can be any text, so it is escaped.
fn note(dataset: &ServedDataset, item: Item, cause: &str) -> FailureNote {
    let source = entry_of(dataset, item).and_then(|entry| entry.source().ok());
    FailureNote {
        time: 0,
        dataset: dataset.name().to_owned(),
        file: ServedDataset::file_name(item.what),
        source: source.map_or_else(String::new, |path| path.shown().to_string()),
        cause: cause.shown().to_string(),
    }
}

fn warn(dataset: &ServedDataset, item: Item, note: &FailureNote, what: &str) {
    let key = entry_of(dataset, item).map_or("", |entry| entry.key());
    tracing::warn!(
        dataset = note.dataset,
        file = note.file,
        key = %format_args!("\"{}\"", key.shown()),
        source = %format_args!("\"{}\"", note.source),
        "{what}{}",
        note.cause
    );
}
