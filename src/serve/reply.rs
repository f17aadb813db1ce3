//! The last step: all who wait for a file are told what became of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Fault, Item, Known, Server};
use crate::pipeline::{Outcome, Priority};
use crate::store::tier::Want;

impl Server {
    /// Tells of a file that was there.
    pub(super) fn reply_found(&self, item: Item, outcome: Outcome) {
        if let Ok((known, Some(_))) = outcome {
            self.count_open(item, known);
        }
        self.reply(item, outcome);
    }

    /// Tells of a file that had to be made; `is_demanded`: since somebody asked for it.
    pub(super) fn reply_made(&self, item: Item, is_demanded: bool, outcome: Outcome) {
        if is_demanded {
            self.events.counters.misses.add_one();
            // The first opening of a file that was made for a stat is no hit.
            let is_for_size = outcome.is_ok() && self.making.flights.want(item) == Want::Size;
            if let (true, Some(dataset)) = (is_for_size, self.dataset(item)) {
                dataset.set_fresh(item.what, true);
            }
        }
        self.reply(item, outcome);
    }

    /// Tells those who wait, and goes on if some of them need more.
    pub(super) fn reply(&self, item: Item, outcome: Outcome) {
        match &outcome {
            Ok(_) => self.events.failing.remove(item),
            Err(fault) => self.report_fault(item, fault),
        }
        if !self.making.flights.land(item, &outcome)
            && let Some(dataset) = self.dataset(item)
        {
            dataset.locating.push(item, Priority::Demand);
        }
    }

    /// A panic must not leave those waiting who wait for this file.
    pub(super) fn guarded(&self, item: Item, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            let cause = "machex crashed on this file; please report it";
            self.reply(item, Err(Fault::new(cause)));
        }
    }

    /// Counts an open of what was there. One that follows the stat for which the file was made has
    /// been counted as a miss.
    pub(super) fn count_open(&self, item: Item, known: Known) {
        let was_fresh = known.is_fresh
            && self
                .dataset(item)
                .is_some_and(|dataset| dataset.set_fresh(item.what, false));
        if !was_fresh {
            self.events.counters.hits.add_one();
        }
    }
}
