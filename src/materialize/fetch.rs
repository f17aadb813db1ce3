//! The first steps of each image: what is there already, and the bytes of its source. Where storage is
//! slow, threads of their own do them ahead of the workers, so that it keeps no worker waiting.

use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, Scope};
use std::time::Duration;

use parking_lot::Mutex;

use super::plan::{DatasetPlan, ImageState};
use crate::catalog::Entry;
use crate::pipeline::{Buffers, ByteBudget, Share};
use crate::source::{FetchError, Fetched, fetch};
use crate::store::ContentKey;

/// Threads that read sources, for each worker.
const THREADS: usize = 2;

/// Decides whether so many bytes may be read now, for which it may wait. They count until the share is
/// dropped, if there is one.
type Admit<'a> = dyn Fn(u64) -> io::Result<Option<Share>> + 'a;

/// Most threads that read: they wait for disks and networks, not for processors.
const MOST_THREADS: usize = 16;

/// Bytes of sources that wait in memory, for each worker.
const FETCHED_BYTES: u64 = 16 << 20;

/// Bytes of memory for sources that are kept for each worker.
const BUFFERS: usize = 16 << 20;

/// An image for a worker.
pub(super) struct Task<'a> {
    pub entry: Entry<'a>,
    pub step: Step,
}

/// How far an image is.
pub(super) enum Step {
    /// There is nothing to be rendered.
    Settled(ImageState),
    /// It has to be rendered. The bytes of its source count until the worker has taken them.
    Due {
        /// What the image follows from, as its source was when it was looked at.
        key: ContentKey,
        fetched: Result<(Fetched, Option<Share>), FetchError>,
    },
    /// machex panicked.
    Crashed,
}

/// Reads the sources of a range of images, in order.
pub(super) struct Fetching<'a> {
    plan: &'a DatasetPlan,
    next: AtomicU32,
    end: u32,
    budget: Arc<ByteBudget>,
    buffers: Buffers,
    workers: usize,
}

/// Whether storage is so slow that reading ahead pays: to hand an image over to another thread costs more
/// than to read it from a fast disk.
#[derive(Default)]
pub(super) struct StoragePace {
    images: AtomicU64,
    /// Time that workers spent on reading, and on all else, in nanoseconds.
    reading: AtomicU64,
    working: AtomicU64,
}

/// Reading an image takes longer than this on average, where storage is slow...
const SLOW: Duration = Duration::from_micros(200);

/// ...and this part of all other work on it.
const SLOW_PART: u64 = 8;

impl StoragePace {
    /// Takes note of one image that a worker read itself.
    pub(super) fn note(&self, reading: Duration, working: Duration) {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.images.fetch_add(1, Ordering::Relaxed);
        self.reading
            .fetch_add(nanoseconds(reading), Ordering::Relaxed);
        self.working
            .fetch_add(nanoseconds(working), Ordering::Relaxed);
    }

    pub(super) fn is_slow(&self) -> bool {
        let images = self.images.load(Ordering::Relaxed);
        let reading = self.reading.load(Ordering::Relaxed);
        let mean = Duration::from_nanos(reading.checked_div(images).unwrap_or(0));
        mean > SLOW && reading.saturating_mul(SLOW_PART) > self.working.load(Ordering::Relaxed)
    }
}

/// Where workers get their images: those that have been read ahead, and else the next ones, which they
/// read themselves.
pub(super) struct Tasks<'a> {
    /// `None` if no thread reads ahead.
    ahead: Mutex<Option<Receiver<Task<'a>>>>,
}

impl<'a> Fetching<'a> {
    pub(super) fn new(plan: &'a DatasetPlan, range: Range<u32>, workers: usize) -> Self {
        Self {
            plan,
            next: AtomicU32::new(range.start),
            end: range.end,
            budget: Arc::new(ByteBudget::new(workers as u64 * FETCHED_BYTES, 1)),
            buffers: Buffers::new(workers.saturating_mul(BUFFERS)),
            workers,
        }
    }

    /// Starts the threads that read ahead. They end after the last image, when `is_wanted` is false, and
    /// when the tasks are closed.
    pub(super) fn start<'scope, 'env>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        tasks: &Tasks<'a>,
        is_wanted: &'env (dyn Fn() -> bool + Sync),
    ) where
        'a: 'env,
        'a: 'scope,
    {
        let count = self.workers.saturating_mul(THREADS).clamp(1, MOST_THREADS);
        let (sender, receiver) = mpsc::sync_channel(count);
        *tasks.ahead.lock() = Some(receiver);
        tracing::info!("sources are slow to read: up to {count} threads read ahead");
        for number in 0..count {
            let sender = sender.clone();
            let thread = thread::Builder::new().name(format!("fetch-{number}"));
            let started = thread.spawn_scoped(scope, move || self.fetch_all(&sender, is_wanted));
            if started.is_err() {
                // What the system still has is for the workers.
                break;
            }
        }
    }

    fn fetch_all(&self, sender: &SyncSender<Task<'a>>, is_wanted: &(dyn Fn() -> bool + Sync)) {
        while is_wanted()
            && let Some(task) = self.fetch_next(&|bytes| {
                let share = self.budget.take(0, bytes);
                // The run may have ended meanwhile.
                if is_wanted() {
                    Ok(Some(share))
                } else {
                    Err(io::ErrorKind::Interrupted.into())
                }
            })
            && sender.send(task).is_ok()
        {}
    }

    /// The next image; `None` after the last.
    fn fetch_next(&self, admit: &Admit<'_>) -> Option<Task<'a>> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.end {
                // So that it never begins again from the first.
                self.next.store(self.end, Ordering::Relaxed);
                return None;
            }
            let entry = self.plan.catalog.get(number)?;
            if self.plan.catalog.is_absent(number) {
                continue;
            }
            let step = catch_unwind(AssertUnwindSafe(|| self.fetch(&entry, admit)));
            let step = step.unwrap_or(Step::Crashed);
            return Some(Task { entry, step });
        }
    }

    fn fetch(&self, entry: &Entry<'_>, admit: &Admit<'_>) -> Step {
        let plan = self.plan;
        match plan.state_of(entry) {
            ImageState::Due { source, key } => {
                let fetched = fetch(&plan.tree, source, plan.params, |bytes| {
                    let share = admit(bytes)?;
                    Ok((self.buffers.take(bytes), share))
                });
                Step::Due { key, fetched }
            }
            settled => Step::Settled(settled),
        }
    }

    /// Takes memory back.
    pub(super) fn give(&self, fetched: Fetched) {
        self.buffers.give(fetched.bytes);
    }
}

impl<'a> Tasks<'a> {
    pub(super) fn new() -> Self {
        Self {
            ahead: Mutex::new(None),
        }
    }

    /// The next image; `None` when there are no more.
    pub(super) fn next(&self, fetching: &Fetching<'a>) -> Option<Task<'a>> {
        let ahead = || self.ahead.lock().as_ref()?.try_recv().ok();
        // What a worker reads itself does not wait for the budget: shares of it may be in tasks that only
        // workers take.
        ahead()
            .or_else(|| fetching.fetch_next(&|_| Ok(None)))
            .or_else(|| self.ahead.lock().as_ref()?.recv().ok())
    }

    /// Lets the threads that read ahead end.
    pub(super) fn close(&self) {
        drop(self.ahead.lock().take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slow_storage_is_read_ahead() {
        let pace = |reading, working| {
            let pace = StoragePace::default();
            assert!(!pace.is_slow(), "nothing is known");
            pace.note(
                Duration::from_micros(reading),
                Duration::from_micros(working),
            );
            pace.is_slow()
        };
        assert!(!pace(150, 5000), "a fast disk");
        assert!(!pace(500, 5000), "a part of the work that does not matter");
        assert!(pace(5000, 5000));
        assert!(!pace(10, 5), "nothing but fast looks");
        assert!(pace(1000, 5), "slow looks at finished images");
    }
}
