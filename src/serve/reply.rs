//! The last step: gives the outcome to all waiters of a file.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Fault, Item, Known, Server};
use crate::pipeline::{Outcome, Priority};
use crate::store::tier::Want;

impl Server {
    /// Replies after `locate`: the file was found, or cannot be made.
    pub(super) fn reply_found(&self, item: Item, outcome: Outcome) {
        if let Ok((known, Some(_))) = outcome {
            self.count_open(item, known);
        }
        self.reply(item, outcome);
    }

    /// Replies after a file was made, or failed. `is_demanded`: a reader waited for it.
    pub(super) fn reply_made(&self, item: Item, is_demanded: bool, outcome: Outcome) {
        if is_demanded {
            self.events.counters.misses.add_one();
            // The first open of a file that was made for a stat is not a hit.
            let is_for_size = outcome.is_ok() && self.making.flights.want(item) == Want::Size;
            if let (true, Some(dataset)) = (is_for_size, self.dataset(item)) {
                dataset.set_fresh(item.what, true);
            }
        }
        self.reply(item, outcome);
    }

    /// Gives the outcome to all waiters. If some still need the bytes, locates the file again.
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

    /// Does `work`. If it panics, the waiters of this file get an error.
    pub(super) fn guarded(&self, item: Item, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            let cause = "machex crashed on this file; please report it";
            self.reply(item, Err(Fault::new(cause)));
        }
    }

    /// Counts an open of an existing file as a hit. The first open after the stat for which the
    /// file was made does not count: that stat was counted as a miss.
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
