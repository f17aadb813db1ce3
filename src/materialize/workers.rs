//! Runs many workers on one dataset.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;

use super::fetch::{Fetching, StoragePace, Tasks};
use super::image::{ImageOutcome, ImageWorker};
use super::logs::Logs;
use super::plan::DatasetPlan;
use super::tidy::remove_index;
use super::{DatasetSummary, MaterializeError};
use crate::catalog::Entry;
use crate::progress::Progress;
use crate::store::Journal;
use crate::workers::{self, Worked};

/// State shared by the workers of one dataset.
pub(super) struct Workers<'a> {
    pub plan: &'a DatasetPlan,
    pub journal: &'a Journal,
    pub logs: &'a Logs<'a>,
    pub progress: &'a Progress,
    /// Set from outside (Ctrl-C): workers finish their current image and end.
    pub stop: &'a AtomicBool,
}

impl Workers<'_> {
    /// Processes the images `range` on `count` threads. Counts the results in `summary`, and
    /// returns the sorted numbers of images that failed or were left out. The first error of the
    /// run ends it.
    pub(super) fn run(
        &self,
        range: Range<u32>,
        count: usize,
        summary: &mut DatasetSummary,
    ) -> Result<Vec<u32>, MaterializeError> {
        let tally = Mutex::new(Tally::default());
        let broken = AtomicBool::new(false);
        let first_error = Mutex::new(None);
        let break_off = |error: MaterializeError| {
            broken.store(true, Ordering::Relaxed);
            first_error.lock().get_or_insert(error);
        };
        let index_removed = Once::new();
        let is_wanted = || !self.stop.load(Ordering::Relaxed) && !broken.load(Ordering::Relaxed);
        let wanted = count.min(range.len().max(1));
        let fetching = Fetching::new(self.plan, range, wanted);
        let (tasks, begun, pace) = (Tasks::new(), Once::new(), StoragePace::default());
        let run = || {
            thread::scope(|scope| {
                let work = |threads| {
                    let new_worker = || ImageWorker::new(self.plan, self.journal, &fetching);
                    let mut worker = new_worker();
                    while is_wanted() {
                        // Where the system starts no more threads, there is none for reading ahead.
                        if pace.is_slow() && threads == wanted {
                            begun.call_once(|| fetching.start(scope, &tasks, &is_wanted));
                        }
                        let started = Instant::now();
                        let Some(task) = tasks.next(&fetching) else {
                            break;
                        };
                        let (reading, entry) = (started.elapsed(), task.entry);
                        let removes = || remove_index_once(self.plan, &index_removed);
                        let done =
                            survived(|| worker.process(task, removes)).unwrap_or_else(|| {
                                // After a panic, its state is not trusted any more.
                                worker = new_worker();
                                Ok(ImageOutcome::crashed())
                            });
                        let done = done.and_then(|outcome| self.record(&entry, outcome, &tally));
                        pace.note(reading, started.elapsed().saturating_sub(reading));
                        if let Err(error) = done {
                            break_off(error);
                        }
                    }
                };
                let worked = survived(|| workers::run("worker", wanted, work));
                tasks.close();
                worked
            })
        };
        match survived(run).flatten() {
            Some(Worked {
                threads,
                refused: Some(error),
            }) => summary.warnings.push(format!(
                "only {threads} of {wanted} workers ran, since the system cannot start more threads: \
                 {error}"
            )),
            Some(_) => {}
            None => break_off(MaterializeError::Crashed),
        }
        let tally = tally.into_inner();
        summary.new = tally.new;
        summary.skipped = tally.skipped;
        summary.failed = tally.failed;
        summary.damaged = tally.damaged;
        summary.left_out = tally.left_out;
        summary.overlays = tally.overlays;
        match first_error.into_inner() {
            Some(error) => Err(error),
            None => {
                let mut excluded = tally.excluded;
                excluded.sort_unstable();
                Ok(excluded)
            }
        }
    }

    fn record(
        &self,
        entry: &Entry<'_>,
        outcome: ImageOutcome,
        tally: &Mutex<Tally>,
    ) -> Result<(), MaterializeError> {
        self.logs.record(self.plan, entry, &outcome)?;
        tally.lock().add(entry.number(), &outcome);
        let rendered = matches!(outcome, ImageOutcome::New(_));
        self.progress.advance(rendered);
        Ok(())
    }
}

/// Runs the work on one image; `None` if it panicked, which must affect only this image.
fn survived<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Removes the old index before the first finished image is replaced: from then on it may not match
/// the images in the tree (for example with another `FRONTAL_ONLY`). It is rewritten at the end.
fn remove_index_once(plan: &DatasetPlan, once: &Once) -> Result<(), MaterializeError> {
    let mut removed = Ok(());
    once.call_once(|| removed = remove_index(plan));
    removed
}

#[derive(Default)]
struct Tally {
    new: u32,
    skipped: u32,
    failed: u32,
    damaged: u32,
    left_out: u32,
    overlays: u32,
    /// Images to leave out of the index.
    excluded: Vec<u32>,
}

impl Tally {
    fn add(&mut self, number: u32, outcome: &ImageOutcome) {
        match outcome {
            ImageOutcome::New(_) => self.new += 1,
            ImageOutcome::Skipped(_) => self.skipped += 1,
            ImageOutcome::Failed { .. } => self.failed += 1,
            ImageOutcome::LeftOut { .. } => self.left_out += 1,
        }
        match outcome {
            ImageOutcome::New(remarks) | ImageOutcome::Skipped(remarks) => {
                self.damaged += u32::from(remarks.damage.is_some());
                self.overlays += u32::from(remarks.has_overlay_bits);
            }
            ImageOutcome::Failed { .. } | ImageOutcome::LeftOut { .. } => {
                self.excluded.push(number)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_of_one_image() {
        assert_eq!(survived(|| 7), Some(7));
        assert_eq!(survived::<u32>(|| panic!("for the test")), None);
        assert!(
            matches!(ImageOutcome::crashed(), ImageOutcome::Failed { cause, .. } if cause.contains("crashed"))
        );
    }
}
