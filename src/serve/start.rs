//! Starts a server from a config.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use rayon::prelude::*;

use super::events::Events;
use super::readahead::Readahead;
use super::stop::Threads;
use super::warm::Warm;
use super::{Making, ServedDataset, Server, Settings, Work, silence};
use crate::catalog::CatalogError;
use crate::config::Config;
use crate::datasets::{self, why_empty};
use crate::pipeline::{Buffers, ByteBudget, Flights, IoPool, Pace, Queue};
use crate::removal;
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::store::cache::{Cache, CacheError, Limits};
use crate::store::{FinishedTree, MaterializedTree, StateFolder, Tiers, renewal};

/// Maximum number of threads that read files of the cache from its disk.
const READING: usize = 16;

/// Limit on the bytes of sources that wait in memory, per worker.
const FETCHED_BYTES: u64 = 16 << 20;

/// Limit on reusable memory for sources in bytes, per worker.
const BUFFERS: usize = 16 << 20;

/// Options besides the config.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServeOptions {
    /// Make missing images whenever workers are idle.
    pub warm: bool,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// One error for each dataset whose lists cannot be read.
    #[error("{}", as_lines(.0))]
    Catalogs(Vec<CatalogError>),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("{path}: {source}", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
    #[error("starting a thread: {0}")]
    Thread(io::Error),
}

fn as_lines(errors: &[CatalogError]) -> String {
    errors
        .iter()
        .map(|error| error.to_string().shown().to_string())
        .collect::<Vec<_>>()
        .join("\n  ")
}

impl Server {
    /// Reads the lists, opens the cache and starts the threads. Call this before mounting, since
    /// the mount may cover the materialized tree.
    pub fn start(
        config: &Config,
        mountpoint: &Path,
        options: ServeOptions,
    ) -> Result<Arc<Self>, ServeError> {
        let limits = Limits {
            bytes: config.cache_size,
            min_free_percent: config.cache_min_free,
        };
        // This takes the lock of the cache. It comes first, so that a mount that cannot start reads
        // no lists.
        let doing = format!("opening the cache in {}", config.cache_path.shown());
        let cache = announce_if_slow(doing, || {
            Cache::open(&config.cache_path, mountpoint, limits)
        })?;
        let doing = format!("opening {}", config.machex_path.shown());
        let tree = announce_if_slow(doing, || MaterializedTree::open(&config.machex_path));
        let (datasets, tree) = load(config, tree, mountpoint)?;
        let server = Arc::new(Self {
            warm: options
                .warm
                .then(|| Warm::new(datasets.iter().map(|dataset| dataset.catalog.len()))),
            settings: Settings {
                params: config.render_params(),
                skip_damaged: config.skip_damaged,
                mountpoint: mountpoint.to_owned(),
                workers: config.workers,
                config_file: config.file.clone(),
                cache_path: config.cache_path.clone(),
                cache_size: config.cache_size,
            },
            datasets,
            tiers: Tiers::new(cache, tree),
            making: Making {
                flights: Flights::default(),
                pace: Pace::new(),
                renders: Queue::new(),
                budget: Arc::new(ByteBudget::new(
                    config.workers as u64 * FETCHED_BYTES,
                    config.trees.len(),
                )),
                buffers: Buffers::new(config.workers.saturating_mul(BUFFERS)),
                cache_io: IoPool::new("read cache", READING),
            },
            readahead: Mutex::new(Readahead::new(config.workers)),
            events: Events::new(),
            threads: Threads::default(),
        });
        server.start_threads().map_err(ServeError::Thread)?;
        Ok(server)
    }

    fn start_threads(self: &Arc<Self>) -> io::Result<()> {
        for number in 0..self.datasets.len() {
            let (server, dataset) = (Arc::downgrade(self), &self.datasets[number]);
            dataset.locating.start(move |item| {
                if let Some(server) = server.upgrade() {
                    server.locate(item);
                }
            })?;
            let server = Arc::downgrade(self);
            dataset.fetching.start(move |task| {
                if let Some(server) = server.upgrade() {
                    server.fetch(task);
                }
            })?;
        }
        let pools = self.datasets.iter().map(|dataset| &dataset.reading);
        for pool in pools.chain([&self.making.cache_io]) {
            pool.start(|work: Work| work())?;
        }
        let start = |name: String, run: fn(&Server)| {
            let server = Arc::clone(self);
            thread::Builder::new()
                .name(name)
                .spawn(move || run(&server))
        };
        // At least one thread of each kind must start. If the system allows no more (RLIMIT_NPROC,
        // a control group), those that did start serve, but more slowly.
        let start_some = |kind: &str, run: fn(&Server), threads: &Mutex<Vec<JoinHandle<()>>>| {
            for number in 0..self.settings.workers {
                match start(format!("{kind}-{number}"), run) {
                    Err(error) if number == 0 => return Err(error),
                    Err(error) => {
                        let wanted = self.settings.workers;
                        tracing::warn!("{number} of {wanted} {kind} threads started: {error}");
                        break;
                    }
                    Ok(thread) => threads.lock().push(thread),
                }
            }
            Ok(())
        };
        start_some("worker", Server::render_thread, &self.threads.workers)?;
        silence::watch(Arc::downgrade(self));
        if self.warm.is_some() {
            start_some("warm", Server::warm_thread, &self.threads.warming)?;
        }
        Ok(())
    }
}

/// Reads all catalogs in parallel, and the records of the materialized tree.
fn load(
    config: &Config,
    mut tree: MaterializedTree,
    mountpoint: &Path,
) -> Result<(Vec<ServedDataset>, MaterializedTree), ServeError> {
    let state = StateFolder::of(&config.machex_path);
    let loaded: Vec<_> = config
        .trees
        .par_iter()
        .map(|tree| (tree, datasets::load(tree, Some(&config.cache_path))))
        .collect();
    let (mut datasets, mut faults) = (Vec::new(), Vec::new());
    for (raw, catalog) in loaded {
        match catalog {
            Err(fault) => faults.push(fault),
            Ok(catalog) => {
                let name = raw.dataset.folder();
                let finished = tree.add(name, &state).map_err(|source| ServeError::Io {
                    path: state.dataset(name),
                    source,
                })?;
                let dataset = ServedDataset::new(
                    raw.clone(),
                    catalog,
                    config.render_params(),
                    mountpoint,
                    config.workers,
                );
                log_warnings(&dataset, finished);
                datasets.push(dataset);
            }
        }
    }
    if faults.is_empty() {
        Ok((datasets, tree))
    } else {
        Err(ServeError::Catalogs(faults))
    }
}

/// Logs what a user should know of a dataset before it is served.
fn log_warnings(dataset: &ServedDataset, finished: &FinishedTree) {
    let name = dataset.name();
    for warning in dataset.catalog.warnings() {
        tracing::warn!(dataset = name, "{warning}");
    }
    if let Some(why) = why_empty(&dataset.tree, &dataset.catalog) {
        tracing::warn!(dataset = name, "{why}");
    }
    let absent = dataset.catalog.absent_count();
    if absent > 0 {
        let all = dataset.catalog.len();
        tracing::info!(
            dataset = name,
            "{absent} of {all} images are not there and are left out"
        );
    }
    for fault in finished.faults() {
        tracing::warn!(dataset = name, "{fault}");
    }
    let older = finished.made_by_older_version(dataset.catalog.len());
    if older > 0 {
        tracing::warn!(dataset = name, "{} when they are read", renewal(older));
    }
    if let Some(removal) = removal::judge(&dataset.tree, &dataset.catalog, finished) {
        tracing::warn!(dataset = name, "{removal}");
    }
}
