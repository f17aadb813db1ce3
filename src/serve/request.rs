//! What is asked for, and by whom it is answered: at once where the file is at hand, else once it has gone
//! through the steps.

use std::sync::Arc;

use super::tasks::{FetchTask, Rescue};
use super::{Fault, Item, Known, ServedDataset, Server, What};
use crate::pipeline::{Priority, Waiter};
use crate::store::tier::{Patience, Want};
use crate::store::{Body, ContentKey};

impl Server {
    /// What is known of a file in this mount, without looking anywhere.
    pub fn known(&self, item: Item) -> Option<Known> {
        self.dataset(item)?.known(item.what)
    }

    /// Finds out the exact size of a file, which may mean to make it, and calls `reply`.
    pub fn size(
        self: &Arc<Self>,
        item: Item,
        reply: impl FnOnce(Result<Known, Fault>) + Send + 'static,
    ) {
        match self.known(item) {
            Some(known) => reply(Ok(known)),
            None => self.join(item, Waiter::Size(Box::new(reply))),
        }
    }

    /// The bytes of a file that has been opened in this mount before and is still at hand. Does not
    /// wait for more than the opening of a local file.
    pub fn open_at_hand(&self, item: Item) -> Option<(Known, Body)> {
        let known = self.known(item)?;
        let body = self.reopen(item, &known, Patience::None)?;
        self.count_open(item, known);
        Some((known, body))
    }

    /// Gets the bytes of a file, which may mean to make it, and calls `reply`.
    pub fn open(
        self: &Arc<Self>,
        item: Item,
        reply: impl FnOnce(Result<(Known, Body), Fault>) + Send + 'static,
    ) {
        self.join(item, Waiter::Body(Box::new(reply)));
    }

    fn join(&self, item: Item, waiter: Waiter) {
        let Some(dataset) = self.dataset(item) else {
            return;
        };
        if !self.making.flights.join(item, waiter) {
            return self.promote(dataset, item);
        }
        let mut is_settled = false;
        if self.making.pace.is_fast() {
            self.making
                .pace
                .measure(|| is_settled = self.locate_at_once(item));
        }
        if !is_settled {
            dataset.locating.push(item, Priority::Demand);
        }
    }

    /// Renders an image for the reader of an open file of it that cannot be read any more, which was
    /// made of what `key` stands for. Nothing is kept: the disk has just shown what it is worth.
    pub fn rescue(
        &self,
        item: Item,
        key: ContentKey,
        reply: impl FnOnce(Result<Arc<[u8]>, Fault>) + Send + 'static,
    ) {
        let reply = Box::new(reply);
        match self.dataset(item) {
            Some(dataset) => {
                let task = FetchTask::Rescue(item, Rescue { key, reply });
                dataset.fetching.push(task, Priority::Demand);
            }
            None => reply(Err(Fault::new("no such dataset"))),
        }
    }

    /// Does something with an open file that may wait for a disk, on another thread; `of_tree`: with a
    /// file of the materialized tree.
    pub fn aside(&self, item: Item, of_tree: bool, work: impl FnOnce() + Send + 'static) {
        let tree = || {
            let waits = self.tiers.tree.waits(usize::from(item.dataset))?;
            Some((&self.dataset(item)?.reading, waits))
        };
        let (pool, waits) = of_tree
            .then(tree)
            .flatten()
            .unwrap_or((&self.making.cache_io, self.tiers.cache.waits()));
        let waits = Arc::clone(waits);
        let work = move || {
            let _waiting = waits.begin();
            work();
        };
        pool.push(Box::new(work), Priority::Demand);
    }

    /// Has what a reader waits for be done before what may be asked for next.
    pub(super) fn promote(&self, dataset: &ServedDataset, item: Item) {
        if !self.making.flights.is_awaited(item) {
            return;
        }
        let is_it = |task: &FetchTask| matches!(task, FetchTask::Make(making) if *making == item);
        dataset.locating.promote(|waiting| *waiting == item);
        dataset.fetching.promote(is_it);
        self.making.renders.promote(|job| job.item == item);
    }

    /// What is asked for now goes before what may be asked for next.
    pub(super) fn priority(&self, item: Item) -> Priority {
        if self.making.flights.is_awaited(item) {
            Priority::Demand
        } else {
            Priority::Ahead
        }
    }

    /// Whether nothing is being rendered.
    pub fn is_resting(&self) -> bool {
        self.making.renders.load() == (0, 0)
    }

    /// Takes note that a reader asks for the size of an image, and has the next ones made if it goes in
    /// order.
    pub fn note_stat(&self, item: Item) {
        self.note(item, Want::Size);
    }

    /// Takes note that a reader opens an image, and has the next ones made if it goes in order.
    pub fn note_read(&self, item: Item) {
        self.note(item, Want::Body);
    }

    fn note(&self, item: Item, want: Want) {
        let What::Image(number) = item.what else {
            return;
        };
        let Some(dataset) = self.dataset(item) else {
            return;
        };
        let room = self.tiers.in_use().capacity() / self.settings.params.estimated_bytes().max(1);
        let plan = self.readahead.lock().note(item.dataset, number, room);
        for number in plan {
            let next = Item::image(item.dataset, number);
            let is_done = match want {
                Want::Size => self.known(next).is_some(),
                Want::Body => false,
            };
            if !is_done && !self.is_there(next) && self.making.flights.begin(next, want) {
                dataset.locating.push(next, Priority::Ahead);
            }
        }
    }

    /// Whether nothing needs to be done for an image before it is read, as far as is known.
    pub(super) fn is_there(&self, item: Item) -> bool {
        let Some(dataset) = self.dataset(item) else {
            return true;
        };
        match dataset.known(item.what) {
            Some(known) => self.tiers.contains(known.tier, item.file(known.key)),
            // Of no image, and of one that is left out, there is nothing to be made.
            None => matches!(item.what, What::Image(number) if !dataset.catalog.has(number)),
        }
    }
}
