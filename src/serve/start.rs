//! From a config to a server at work.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rayon::prelude::*;

use super::dataset::Locations;
use super::silence::{self, Waits};
use super::warm::Warm;
use super::{
    Buffers, ByteBudget, Failing, Flights, IoPool, Pace, Queue, Readahead, ServedDataset, Server,
    Stats, Threads, TreeRoot, Work,
};
use crate::catalog::CatalogError;
use crate::config::Config;
use crate::datasets::{self, why_empty};
use crate::removal;
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::store::StateFolder;
use crate::store::cache::{Cache, CacheError, Limits};
use crate::store::renewal;

/// Threads that read open files of the cache which are not in memory.
const READING: usize = 16;

/// Bytes of sources that wait in memory, for each thread that renders.
const FETCHED_BYTES: u64 = 16 << 20;

/// Bytes of memory for sources that are kept for each thread that renders.
const BUFFERS: usize = 16 << 20;

/// How long threads that wait for a disk or a server are waited for when the mount ends.
const ENDING: Duration = Duration::from_secs(2);

/// What a user chooses besides the config.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServeOptions {
    /// Make what is not there yet whenever workers are idle.
    pub warm: bool,
}

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// All lists that cannot be read.
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
    /// Reads the lists, opens the cache and starts the threads. To be called before anything is
    /// mounted, since the mount may cover the materialized tree.
    pub fn start(
        config: &Config,
        mountpoint: &Path,
        options: ServeOptions,
    ) -> Result<Arc<Self>, ServeError> {
        let limits = Limits {
            bytes: config.cache_size,
            min_free_percent: config.cache_min_free,
        };
        // The lock comes first: no list need be read for a mount that cannot be.
        let doing = format!("opening the cache in {}", config.cache_path.shown());
        let cache = announce_if_slow(doing, || Cache::open(&config.cache_path, limits))?;
        let doing = format!("opening {}", config.machex_path.shown());
        let tree = announce_if_slow(doing, || TreeRoot::open(&config.machex_path));
        let datasets = load(config, tree.as_ref(), mountpoint)?;
        let params = config.render_params();
        let server = Arc::new(Self {
            warm: options
                .warm
                .then(|| Warm::new(datasets.iter().map(|dataset| dataset.catalog.len()))),
            datasets,
            cache,
            params,
            skip_damaged: config.skip_damaged,
            mountpoint: mountpoint.to_owned(),
            workers: config.workers,
            flights: Flights::default(),
            tree,
            pace: Pace::new(),
            cache_io: IoPool::new("read cache", READING),
            cache_waits: Waits::new(),
            renders: Queue::new(),
            budget: Arc::new(ByteBudget::new(
                config.workers as u64 * FETCHED_BYTES,
                config.trees.len(),
            )),
            buffers: Buffers::new(config.workers.saturating_mul(BUFFERS)),
            readahead: Mutex::new(Readahead::new(config.workers)),
            failing: Failing::default(),
            stats: Stats::new(),
            stop: AtomicBool::new(false),
            threads: Threads::default(),
            warming: Threads::default(),
            config_file: config.file.clone(),
            cache_path: config.cache_path.clone(),
            cache_size: config.cache_size,
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
        for pool in pools.chain([&self.cache_io]) {
            pool.start(|work: Work| work())?;
        }
        let start = |name: String, run: fn(&Server)| {
            let server = Arc::clone(self);
            thread::Builder::new()
                .name(name)
                .spawn(move || run(&server))
        };
        // One of each kind must be there. Where the system gives no more (RLIMIT_NPROC, a control
        // group), those that could be started serve, if slower.
        let start_some = |kind: &str, run: fn(&Server), threads: &Threads| {
            for number in 0..self.workers {
                match start(format!("{kind}-{number}"), run) {
                    Err(error) if number == 0 => return Err(error),
                    Err(error) => {
                        let wanted = self.workers;
                        tracing::warn!("{number} of {wanted} {kind} threads started: {error}");
                        break;
                    }
                    Ok(thread) => threads.lock().push(thread),
                }
            }
            Ok(())
        };
        start_some("worker", Server::render_thread, &self.threads)?;
        silence::watch(Arc::downgrade(self));
        if self.warm.is_some() {
            start_some("warm", Server::warm_thread, &self.warming)?;
        }
        Ok(())
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Ends the threads; what is being rendered is finished first.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        for dataset in &self.datasets {
            dataset.locating.close();
            dataset.fetching.close();
            dataset.reading.close();
        }
        self.cache_io.close();
        self.renders.close();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        self.wait_for_warming();
        self.wait_for_io();
        self.flights.abandon();
        self.cache.close();
    }

    /// Threads that warm read sources, too, for which nobody waits.
    fn wait_for_warming(&self) {
        let deadline = Instant::now() + ENDING;
        let threads = std::mem::take(&mut *self.warming.lock());
        while !threads.iter().all(|thread| thread.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Gives threads that wait for a disk or a server a moment: there is nothing for them to lose.
    fn wait_for_io(&self) {
        let deadline = Instant::now() + ENDING;
        for dataset in &self.datasets {
            let has_ended = dataset.locating.wait_until(deadline)
                && dataset.fetching.wait_until(deadline)
                && dataset.reading.wait_until(deadline);
            if !has_ended {
                let root = dataset.tree.root.shown();
                tracing::warn!(dataset = dataset.name(), "{root} does not answer");
            }
        }
        if !self.cache_io.wait_until(deadline) {
            tracing::warn!("the disk of the cache does not answer");
        }
    }
}

/// Reads all catalogs at once, and what is remembered of the materialized tree.
fn load(
    config: &Config,
    tree: Option<&TreeRoot>,
    mountpoint: &Path,
) -> Result<Vec<ServedDataset>, ServeError> {
    // Through the open folder, so that it is reached even below the mount.
    let materialized = tree.map_or_else(|| config.machex_path.clone(), TreeRoot::path);
    let state = StateFolder::of(&config.machex_path);
    let loaded: Vec<_> = config
        .trees
        .par_iter()
        .map(|tree| (tree, datasets::load(tree, Some(&config.cache_path))))
        .collect();
    let (mut datasets, mut faults) = (Vec::new(), Vec::new());
    for (tree, catalog) in loaded {
        match catalog {
            Err(fault) => faults.push(fault),
            Ok(catalog) => {
                let locations = Locations {
                    materialized: &materialized,
                    state: &state,
                    mountpoint,
                    workers: config.workers,
                };
                let params = config.render_params();
                let dataset = ServedDataset::new(tree.clone(), catalog, params, &locations)
                    .map_err(|source| ServeError::Io {
                        path: state.dataset(tree.dataset.folder()),
                        source,
                    })?;
                log_warnings(&dataset);
                datasets.push(dataset);
            }
        }
    }
    match faults.is_empty() {
        true => Ok(datasets),
        false => Err(ServeError::Catalogs(faults)),
    }
}

/// What a person should know of a dataset before it is served.
fn log_warnings(dataset: &ServedDataset) {
    let (name, finished) = (dataset.name(), &dataset.finished);
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

/// When a folder was last changed: seconds since 1970, and nanoseconds.
pub(super) fn modified(path: &Path) -> (i64, u32) {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map_or((0, 0), |metadata| {
        (
            metadata.mtime(),
            u32::try_from(metadata.mtime_nsec()).unwrap_or(0),
        )
    })
}
