//! Requests for files: answered at once if the file is at hand, else after the steps.

use std::sync::Arc;

use super::tasks::{FetchTask, Rescue};
use super::{Fault, Item, Known, ServedDataset, Server, What};
use crate::pipeline::{Priority, Waiter};
use crate::store::tier::{Patience, Want};
use crate::store::{Body, ContentKey};

impl Server {
    /// What this mount knows of a file, without accessing anything.
    pub fn known(&self, item: Item) -> Option<Known> {
        self.dataset(item)?.known(item.what)
    }

    /// Calls `reply` with the exact size of a file, which may have to be made first.
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

    /// The bytes of a file that this mount knows and that is still at hand. Waits for no more than
    /// opening a local file.
    pub fn open_at_hand(&self, item: Item) -> Option<(Known, Body)> {
        let known = self.known(item)?;
        let body = self.reopen(item, &known, Patience::None)?;
        self.count_open(item, known);
        Some((known, body))
    }

    /// Calls `reply` with the bytes of a file, which may have to be made first.
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

    /// Renders an image again for the reader of an open file that can no longer be read. `key` is
    /// the content key of that file. The result is kept only in memory, since a disk has just
    /// failed.
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

    /// Does `work`, which may wait for a disk, on another thread. `of_tree`: it uses a file of the
    /// materialized tree, not of the cache.
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

    /// If a reader waits for a file, moves it ahead of files that are made by readahead.
    pub(super) fn promote(&self, dataset: &ServedDataset, item: Item) {
        if !self.making.flights.is_awaited(item) {
            return;
        }
        let is_it = |task: &FetchTask| matches!(task, FetchTask::Make(making) if *making == item);
        dataset.locating.promote(|waiting| *waiting == item);
        dataset.fetching.promote(is_it);
        self.making.renders.promote(|job| job.item == item);
    }

    /// The priority of a file: whether a reader waits for it.
    pub(super) fn priority(&self, item: Item) -> Priority {
        if self.making.flights.is_awaited(item) {
            Priority::Demand
        } else {
            Priority::Ahead
        }
    }

    /// Whether no image is being rendered or waits to be.
    pub fn is_resting(&self) -> bool {
        self.making.renders.load() == (0, 0)
    }

    /// Records that a reader stats an image. If it goes in order, starts to make the next ones.
    pub fn note_stat(&self, item: Item) {
        self.note(item, Want::Size);
    }

    /// Records that a reader opens an image. If it goes in order, starts to make the next ones.
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

    /// Whether an image needs no work before it is read, as far as is known.
    pub(super) fn is_there(&self, item: Item) -> bool {
        let Some(dataset) = self.dataset(item) else {
            return true;
        };
        match dataset.known(item.what) {
            Some(known) => self.tiers.contains(known.tier, item.file(known.key)),
            // There is nothing to make for a number without an image.
            None => matches!(item.what, What::Image(number) if !dataset.catalog.has(number)),
        }
    }
}
