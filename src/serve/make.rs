//! The threads that find files out and make them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::find::Found;
use super::flights::{Outcome, Want};
use super::known::{Known, Place};
use super::queue::Priority;
use super::{Errand, Fault, Item, Job, Server, What, index};
use crate::render::RenderError;
use crate::source::{DevelopError, Developer, Source};
use crate::store::ContentKey;
use crate::store::cache::{Body, Kept};

impl Server {
    /// What a thread does that finds out where files are, and else waits for disks.
    pub(super) fn errand_thread(&self) {
        while let Some(errand) = self.errands.next() {
            match errand {
                Errand::Look(item) => self.guarded(item, || self.look(item)),
                // Who asked is answered with an error when the closure is dropped.
                Errand::Other(work) => drop(catch_unwind(AssertUnwindSafe(work))),
            }
            self.errands.done();
        }
    }

    pub(super) fn look(&self, item: Item) {
        let want = self.flights.want(item);
        match self.find(item, want) {
            Found::Outcome(outcome) => {
                if let Ok((known, Some(_))) = outcome {
                    self.count_open(item, known);
                }
                self.land(item, outcome);
            }
            Found::Nowhere => self.renders.push(Job::Make(item), Priority::Demand),
        }
    }

    /// What a worker does.
    pub(super) fn work_thread(&self) {
        let mut developer = Developer::new(self.params);
        while let Some(job) = self.renders.next() {
            match job {
                Job::Make(item) => self.guarded(item, || {
                    self.stats.misses.add_one();
                    let outcome = self.make(item, &mut developer);
                    self.mark_fresh(item, &outcome);
                    self.land(item, outcome);
                }),
                Job::FindOrMake(item) => self.guarded(item, || {
                    let outcome = match self.find(item, self.flights.want(item)) {
                        Found::Outcome(outcome) => outcome,
                        Found::Nowhere => self.make(item, &mut developer),
                    };
                    self.land(item, outcome);
                }),
            }
            self.renders.done();
        }
    }

    /// Remembers that the first opening of a file that was made for a stat is no hit.
    fn mark_fresh(&self, item: Item, outcome: &Outcome) {
        let is_for_size = outcome.is_ok() && self.flights.want(item) == Want::Size;
        if let (true, Some(dataset)) = (is_for_size, self.dataset(item)) {
            dataset.set_fresh(item.what, true);
        }
    }

    /// Tells those who wait, and goes on if some of them need more.
    pub(super) fn land(&self, item: Item, outcome: Outcome) {
        match &outcome {
            Ok(_) => self.failing.remove(item),
            Err(fault) => self.report_fault(item, fault),
        }
        if !self.flights.land(item, &outcome) {
            self.errands.push(Errand::Look(item), Priority::Demand);
        }
    }

    /// A panic must not leave those waiting who wait for this file.
    pub(super) fn guarded(&self, item: Item, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.land(
                item,
                Err(Fault::new("machex crashed on this file; please report it")),
            );
        }
    }

    /// Makes a file and keeps it.
    pub(super) fn make(&self, item: Item, developer: &mut Developer) -> Outcome {
        match item.what {
            What::Image(number) => self.make_image(item, number, developer),
            What::Index => self.make_index(item),
        }
        .map(|(known, body)| (known, Some(body)))
    }

    fn make_image(
        &self,
        item: Item,
        number: u32,
        developer: &mut Developer,
    ) -> Result<(Known, Body), Fault> {
        let started = Instant::now();
        let dataset = self
            .dataset(item)
            .ok_or_else(|| Fault::new("no such dataset"))?;
        let entry = dataset
            .entry(number)
            .ok_or_else(|| Fault::new("no such image"))?;
        let path = entry
            .source()
            .map_err(|fault| Fault::new(fault.to_string()))?;
        let developed = developer.develop(&path).map_err(|error| match error {
            // A lack of memory passes, whatever the bytes.
            DevelopError::Read(_) | DevelopError::Render(RenderError::NoMemory { .. }) => {
                Fault::new(error.to_string())
            }
            DevelopError::Render(_) => match Source::look(&entry, self.params) {
                Ok(source) => Fault::of_bytes(source.key, error.to_string()),
                Err(_) => Fault::new(error.to_string()),
            },
        })?;
        // Taken as unchanging, but if it did change there is only the new one to be had.
        let source = developed.source;
        let kept = self
            .cache
            .put(source.key, |out| out.write_all(&developed.jpeg))
            .map_err(|error| Fault::new(error.to_string()))?;
        let made = made(source.key, source.modified, &kept);
        let known = dataset.learn(item.what, made);
        dataset.rendered.add_one();
        self.stats.rendered(started.elapsed());
        Ok((known, kept.body))
    }

    fn make_index(&self, item: Item) -> Result<(Known, Body), Fault> {
        let dataset = self
            .dataset(item)
            .ok_or_else(|| Fault::new("no such dataset"))?;
        let key = index::key(dataset, &self.mountpoint);
        let kept = self
            .cache
            .put(key, |out| index::write(out, dataset, &self.mountpoint))
            .map_err(|error| Fault::new(error.to_string()))?;
        let made = made(key, dataset.modified(), &kept);
        Ok((dataset.learn(item.what, made), kept.body))
    }
}

/// What is known of a file that has just been made.
fn made(key: ContentKey, modified: (i64, u32), kept: &Kept) -> Known {
    Known {
        key,
        size: kept.body.size(),
        modified,
        place: Place::Compared(kept.fingerprint),
        sum: Some(kept.sum),
        revision: 0,
        is_fresh: false,
    }
}
