//! Files on demand: each image and each index is made once, when it is first needed.
//!
//! ```text
//! request ─► locate ─────► fetch ──────► render ─► keep ─► reply
//!            stat the      read the      pixels    tiers   all who wait
//!            source; ask   source, or               ▲
//!            the tiers     the reports ─► index ────┘
//! ```
//!
//! One file a step; each step hands over to the next, and a file that is found when it is located goes to
//! the last at once. Requests never wait in here: who asks hands over a closure that is called with the
//! outcome, on another thread if need be. What may wait for a disk or a network is done by threads of the
//! root that it belongs to, so that a server that is down keeps nobody else waiting; workers render and
//! keep, and never read a source. Sources are looked at once in a mount and taken as unchanging. Threads
//! that warm ([`warm`]) do all steps one after the other.

mod dataset;
mod events;
mod fetch;
mod index;
mod keep;
mod locate;
mod readahead;
mod render;
mod reply;
mod request;
mod silence;
mod start;
mod status;
mod stop;
mod tasks;
mod warm;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

pub use crate::pipeline::{Fault, Item, Known, What};
pub use dataset::ServedDataset;
pub use start::{ServeError, ServeOptions};

use crate::pipeline::{Buffers, ByteBudget, Flights, IoPool, Pace, Queue};
use crate::render::RenderParams;
use crate::status::{Counters, Timings};
use crate::store::Tiers;
use events::Events;
use readahead::Readahead;
use stop::Threads;
use tasks::RenderJob;
use warm::Warm;

/// What is done by threads that may wait, besides finding and making files.
type Work = Box<dyn FnOnce() + Send>;

/// Everything that a mount serves, and the threads that make it.
pub struct Server {
    settings: Settings,
    datasets: Vec<ServedDataset>,
    tiers: Tiers,
    making: Making,
    readahead: Mutex<Readahead>,
    warm: Option<Warm>,
    events: Events,
    threads: Threads,
}

/// What the user chose.
struct Settings {
    params: RenderParams,
    /// Images of damaged sources are not served.
    skip_damaged: bool,
    /// The root that stands in every `path` of an index.
    mountpoint: PathBuf,
    workers: usize,
    config_file: PathBuf,
    cache_path: PathBuf,
    cache_size: u64,
}

/// The files that are being made.
struct Making {
    flights: Flights,
    /// Whether files are located on the thread that asks.
    pace: Pace,
    /// Sources in memory that wait for a worker.
    renders: Queue<RenderJob>,
    /// How many bytes these may have.
    budget: Arc<ByteBudget>,
    buffers: Buffers,
    /// What may wait for the disk of the cache.
    cache_io: IoPool<Work>,
}

impl Server {
    /// The datasets, in the order of the config.
    pub fn datasets(&self) -> &[ServedDataset] {
        &self.datasets
    }

    pub fn dataset(&self, item: Item) -> Option<&ServedDataset> {
        self.datasets.get(usize::from(item.dataset))
    }

    /// Where finished files are.
    pub fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    pub fn counters(&self) -> &Counters {
        &self.events.counters
    }

    /// How long files took to open.
    pub fn open_latency(&self) -> &Timings {
        &self.events.open_latency
    }

    pub fn mountpoint(&self) -> &Path {
        &self.settings.mountpoint
    }
}
