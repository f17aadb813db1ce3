//! Images, indexes and metadata on demand: machex makes each file once, when something first needs
//! it.
//!
//! ```text
//! request ─► locate ─────► fetch ──────► render ─► keep ─► reply
//!            stat the      read the      pixels    tiers   all waiters
//!            source; ask   source, or               ▲
//!            the tiers     the reports ─► index ────┘
//! ```
//!
//! Each step has its own file and hands over to the next; a file that `locate` finds goes straight
//! to `reply`. Requests never wait here: the caller passes a closure, which is called with the
//! outcome, perhaps on another thread. Each root has its own threads for work that may wait for its
//! disk or network, so a server that is down delays only the readers of its own files. Workers
//! render and keep; they never read a source. machex stats each source once per mount and assumes
//! that it does not change. Threads that warm (`warm`) do all steps in turn.

mod dataset;
mod events;
mod fetch;
mod index;
mod keep;
mod locate;
mod metadata;
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
mod whole_dataset;

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

/// Work for threads that may wait, other than locating and making files.
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
    /// Do not serve images of damaged sources.
    skip_damaged: bool,
    /// The start of every `path` in an index.
    mountpoint: PathBuf,
    workers: usize,
    config_file: PathBuf,
    cache_path: PathBuf,
    cache_size: u64,
}

/// The files that are being made.
struct Making {
    flights: Flights,
    /// Decides whether the thread that takes requests may locate files.
    pace: Pace,
    /// Sources in memory that wait for a worker.
    renders: Queue<RenderJob>,
    /// Limits the total size of these.
    budget: Arc<ByteBudget>,
    buffers: Buffers,
    /// Threads for work that may wait for the disk of the cache.
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

    /// The places of finished files.
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
