//! Many workers on one dataset.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, Once};
use std::thread;

use super::image::{ImageWorker, Outcome};
use super::plan::DatasetPlan;
use super::tidy::remove_index;
use super::{DatasetSummary, MaterializeError, Progress};
use crate::catalog::Entry;
use crate::store::{ContentKey, Failure, FailureLog, Journal};
use crate::sync::held;

/// What the workers of one dataset share.
pub(super) struct Workers<'a> {
    pub plan: &'a DatasetPlan,
    pub journal: &'a Journal,
    pub failures: &'a FailureLog,
    pub progress: &'a Progress,
    /// Set from outside (Ctrl-C): workers finish the image at hand and end.
    pub stop: &'a AtomicBool,
}

impl Workers<'_> {
    /// Works off the images `range` on `count` threads. Counts what became of them in `summary`
    /// and returns the numbers that failed, sorted. The first error that concerns the run ends it.
    pub(super) fn run(
        &self,
        range: Range<u32>,
        count: usize,
        summary: &mut DatasetSummary,
    ) -> Result<Vec<u32>, MaterializeError> {
        let next = AtomicU32::new(range.start);
        let tally = Mutex::new(Tally::default());
        let broken = AtomicBool::new(false);
        let first_error = Mutex::new(None);
        let index_removed = Once::new();
        thread::scope(|scope| {
            for _ in 0..count.min(range.len().max(1)) {
                scope.spawn(|| {
                    let mut worker = ImageWorker::new(self.plan, self.journal);
                    while !self.stop.load(Ordering::Relaxed) && !broken.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(entry) = self.entry_in(number, range.end) else {
                            break;
                        };
                        let done = worker
                            .process(&entry, || remove_index_once(self.plan, &index_removed))
                            .and_then(|outcome| self.record(&entry, outcome, &tally));
                        if let Err(error) = done {
                            broken.store(true, Ordering::Relaxed);
                            held(&first_error).get_or_insert(error);
                        }
                    }
                });
            }
        });
        let tally = tally
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        summary.new = tally.new;
        summary.skipped = tally.skipped;
        summary.failed = tally.failed.len() as u32;
        match first_error
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
        {
            Some(error) => Err(error),
            None => {
                let mut failed = tally.failed;
                failed.sort_unstable();
                Ok(failed)
            }
        }
    }

    fn entry_in(&self, number: u32, end: u32) -> Option<Entry<'_>> {
        if number < end {
            self.plan.catalog.get(number)
        } else {
            None
        }
    }

    fn record(
        &self,
        entry: &Entry<'_>,
        outcome: Outcome,
        tally: &Mutex<Tally>,
    ) -> Result<(), MaterializeError> {
        let rendered = outcome == Outcome::New;
        match outcome {
            Outcome::New => held(tally).new += 1,
            Outcome::Skipped => held(tally).skipped += 1,
            Outcome::Failed { cause, content } => {
                held(tally).failed.push(entry.number());
                let failure = failure(self.plan, entry, cause, content);
                let path = self.failures.path();
                self.failures
                    .append(&failure)
                    .map_err(MaterializeError::io(path))?;
            }
        }
        self.progress.advance(rendered);
        Ok(())
    }
}

/// The line of `failures.jsonl` for an entry.
pub(super) fn failure(
    plan: &DatasetPlan,
    entry: &Entry<'_>,
    cause: String,
    content: Option<ContentKey>,
) -> Failure {
    Failure {
        dataset: plan.tree.dataset.folder().to_owned(),
        image: entry.number(),
        key: entry.key().to_owned(),
        source: entry.source().ok(),
        cause,
        content,
    }
}

/// Takes the old index away before the first finished image is replaced: from then on it may name
/// other images than the tree holds (another `FRONTAL_ONLY`, say). It is written anew at the end.
fn remove_index_once(plan: &DatasetPlan, once: &Once) -> Result<(), MaterializeError> {
    let mut removed = Ok(());
    once.call_once(|| removed = remove_index(plan));
    removed
}

#[derive(Default)]
struct Tally {
    new: u32,
    skipped: u32,
    failed: Vec<u32>,
}
