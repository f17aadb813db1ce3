//! Files on demand: each image and each index is made once, when it is first needed.
//!
//! ```text
//! request ─► known and at hand? ─► answer at once
//!              │ no
//!              ▼
//!            flight ─► locate (stat the source; tree? cache?) ─► answer
//!            (one a file)   │ nowhere
//!                           ▼
//!                         fetch (read the source) ─► render ─► keep ─► answer
//! ```
//!
//! Requests never wait in here: who asks hands over a closure that is called with the outcome, on
//! another thread if need be. An index is written where its reports are read. What may wait for a disk or a network is done by threads of the root
//! that it belongs to ([`io_pool`]), so that a server that is down keeps nobody else waiting. Sources
//! are looked at once in a mount and taken as unchanging; what was found is in [`Known`]. Threads that
//! warm do all steps by themselves, for which nobody waits ([`warm`]).

mod budget;
mod buffers;
mod dataset;
mod fault;
mod find;
mod flights;
mod index;
mod io_pool;
mod item;
mod known;
mod make;
mod metrics;
#[cfg(all(test, feature = "model-check"))]
mod model;
mod pace;
mod queue;
mod readahead;
mod report;
mod silence;
mod start;
mod stats;
pub mod status;
mod tree_root;
mod warm;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use parking_lot::Mutex;

pub use dataset::ServedDataset;
pub use fault::Fault;
pub use item::{Item, What};
pub use known::{Known, Place};
pub use start::{ServeError, ServeOptions};
pub use stats::Stats;

use crate::render::RenderParams;
use crate::store::Body;
use crate::store::cache::Cache;
use budget::ByteBudget;
use buffers::Buffers;
use fault::Failing;
use find::Patience;
use flights::{Flights, Waiter, Want};
use io_pool::IoPool;
use make::RenderJob;
use pace::Pace;
use queue::{Priority, Queue};
use readahead::Readahead;
use silence::Waits;
use tree_root::TreeRoot;
use warm::Warm;

/// What is done by threads that may wait, besides finding and making files.
type Work = Box<dyn FnOnce() + Send>;

type Threads = Mutex<Vec<JoinHandle<()>>>;

/// Everything that a mount serves, and the threads that make it.
pub struct Server {
    datasets: Vec<ServedDataset>,
    cache: Cache,
    /// The materialized tree, if there is one.
    tree: Option<TreeRoot>,
    params: RenderParams,
    /// Images of damaged sources are not served.
    skip_damaged: bool,
    /// The root that stands in every `path` of an index.
    mountpoint: PathBuf,
    workers: usize,
    flights: Flights,
    /// Whether it is found out where a file is on the thread that asks.
    pace: Pace,
    /// What may wait for the disk of the cache.
    cache_io: IoPool<Work>,
    /// Those who wait for it.
    cache_waits: Arc<Waits>,
    /// Sources in memory that wait for a worker.
    renders: Queue<RenderJob>,
    /// How many bytes these may have.
    budget: Arc<ByteBudget>,
    buffers: Buffers,
    readahead: Mutex<Readahead>,
    failing: Failing,
    stats: Stats,
    warm: Option<Warm>,
    stop: AtomicBool,
    threads: Threads,
    /// Those that make what nobody has asked for.
    warming: Threads,
    config_file: PathBuf,
    cache_path: PathBuf,
    cache_size: u64,
}

impl Server {
    /// The datasets, in the order of the config.
    pub fn datasets(&self) -> &[ServedDataset] {
        &self.datasets
    }

    pub fn dataset(&self, item: Item) -> Option<&ServedDataset> {
        self.datasets.get(usize::from(item.dataset))
    }

    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    pub fn mountpoint(&self) -> &Path {
        &self.mountpoint
    }

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
        let body = self.at_hand(item, &known, Patience::None)?;
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

    /// Does something with an open file that may wait for a disk, on another thread; `of_tree`: with a
    /// file of the materialized tree.
    pub fn aside(&self, item: Item, of_tree: bool, work: impl FnOnce() + Send + 'static) {
        let (pool, waits) = match self.dataset(item) {
            Some(dataset) if of_tree => (&dataset.reading, &dataset.tree_waits),
            _ => (&self.cache_io, &self.cache_waits),
        };
        let waits = Arc::clone(waits);
        let work = move || {
            let _waiting = waits.begin();
            work();
        };
        pool.push(Box::new(work), Priority::Demand);
    }

    /// Counts an open of what was there. One that follows the stat for which the file was made has
    /// been counted as a miss.
    fn count_open(&self, item: Item, known: Known) {
        let was_fresh = known.is_fresh
            && self
                .dataset(item)
                .is_some_and(|dataset| dataset.set_fresh(item.what, false));
        if !was_fresh {
            self.stats.hits.add_one();
        }
    }

    fn join(&self, item: Item, waiter: Waiter) {
        let Some(dataset) = self.dataset(item) else {
            return;
        };
        if !self.flights.join(item, waiter) {
            return self.promote(dataset, item);
        }
        let mut is_settled = false;
        if self.pace.is_fast() {
            self.pace
                .measure(|| is_settled = self.locate_without_waiting(item));
        }
        if !is_settled {
            dataset.locating.push(item, Priority::Demand);
        }
    }

    /// Whether nothing is being rendered.
    pub fn is_resting(&self) -> bool {
        self.renders.load() == (0, 0)
    }

    /// Takes note that somebody asks for the size of an image, and has the next ones made if he goes
    /// in order.
    pub fn note_stat(&self, item: Item) {
        self.note(item, Want::Size);
    }

    /// Takes note that somebody reads an image, and has the next ones made if he goes in order.
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
        let room = self.cache.capacity() / self.params.estimated_bytes().max(1);
        let plan = self.readahead.lock().note(item.dataset, number, room);
        for number in plan {
            let next = Item::image(item.dataset, number);
            let is_done = match want {
                Want::Size => self.known(next).is_some(),
                Want::Body => false,
            };
            if !is_done && !self.is_there(next) && self.flights.begin(next, want) {
                dataset.locating.push(next, Priority::Ahead);
            }
        }
    }

    /// Whether nothing needs to be done for an image before it is read, as far as is known.
    fn is_there(&self, item: Item) -> bool {
        let Some(dataset) = self.dataset(item) else {
            return true;
        };
        match dataset.known(item.what) {
            Some(known) => match known.place {
                Place::Tree => true,
                Place::Cache | Place::Compared(_) => self.cache.contains(known.key),
            },
            // Of no image, and of one that is left out, there is nothing to be made.
            None => matches!(item.what, What::Image(number) if !dataset.catalog.has(number)),
        }
    }
}
