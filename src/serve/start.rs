//! From a config to a server at work.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rayon::prelude::*;

use super::warm::Warm;
use super::{Failing, Flights, Pace, Queue, Readahead, ServedDataset, Server, Stats};
use crate::catalog::{self, CatalogError};
use crate::config::Config;
use crate::datasets::RawTree;
use crate::store::cache::{Cache, CacheError, Limits, RecentFiles};
use crate::store::{StateFolder, is_remote};
use crate::sync::held;

/// Threads that find out where files are and read what is not in memory: they wait for disks and
/// networks, not for processors.
const ERRAND_THREADS: usize = 16;

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
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("starting a thread: {0}")]
    Thread(io::Error),
}

fn as_lines(errors: &[CatalogError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
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
        let cache = Cache::open(&config.cache_path, limits)?;
        let tree_root = open_folder(&config.machex_path);
        let datasets = load(config, tree_root.as_ref())?;
        let (remote_cache, remote_tree) = (
            is_remote(&config.cache_path),
            is_remote(&config.machex_path),
        );
        let mut sources = config.trees.iter().flat_map(RawTree::folders);
        let is_local = !remote_cache && !remote_tree && !sources.any(is_remote);
        let params = config.render_params();
        let room = config.cache_size / params.estimated_bytes().max(1);
        let server = Arc::new(Self {
            warm: options
                .warm
                .then(|| Warm::new(datasets.iter().map(|dataset| dataset.catalog.len()))),
            datasets,
            cache,
            params,
            mountpoint: mountpoint.to_owned(),
            workers: config.workers,
            flights: Flights::default(),
            tree_files: RecentFiles::new(),
            remote_cache,
            remote_tree,
            pace: Pace::new(is_local),
            errands: Queue::new(),
            renders: Queue::new(),
            readahead: Mutex::new(Readahead::new(config.workers, room)),
            failing: Failing::default(),
            stats: Stats::new(),
            stop: AtomicBool::new(false),
            threads: Mutex::default(),
            config_file: config.file.clone(),
            cache_path: config.cache_path.clone(),
            cache_size: config.cache_size,
            _tree_root: tree_root,
        });
        server.start_threads().map_err(ServeError::Thread)?;
        Ok(server)
    }

    fn start_threads(self: &Arc<Self>) -> io::Result<()> {
        let start = |name: String, run: fn(&Server)| {
            let server = Arc::clone(self);
            let thread = thread::Builder::new()
                .name(name)
                .spawn(move || run(&server))?;
            held(&self.threads).push(thread);
            Ok::<(), io::Error>(())
        };
        // One of each kind must be there. Where the system gives no more (RLIMIT_NPROC, a control
        // group), those that could be started serve, if slower.
        let start_some = |kind: &str, numbers: Range<usize>, run: fn(&Server)| {
            for number in numbers.clone() {
                match start(format!("{kind}-{number}"), run) {
                    Err(error) if number == 0 => return Err(error),
                    Err(error) => {
                        let wanted = numbers.end;
                        tracing::warn!("{number} of {wanted} {kind} threads started: {error}");
                        break;
                    }
                    Ok(()) => {}
                }
            }
            Ok(())
        };
        start_some("worker", 0..1, Server::work_thread)?;
        start_some("errand", 0..ERRAND_THREADS, Server::errand_thread)?;
        start_some("worker", 1..self.workers, Server::work_thread)?;
        if self.warm.is_some() {
            start_some("warm", 0..self.workers, Server::warm_thread)?;
        }
        Ok(())
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Ends the threads; what is being made is finished first.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.errands.close();
        self.renders.close();
        let threads = std::mem::take(&mut *held(&self.threads));
        for thread in threads {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        self.cache.close();
    }
}

fn open_folder(path: &Path) -> Option<OwnedFd> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

/// Reads all catalogs at once, and what is remembered of the materialized tree.
fn load(config: &Config, tree_root: Option<&OwnedFd>) -> Result<Vec<ServedDataset>, ServeError> {
    // Through the open folder, so that it is reached even below the mount.
    let materialized = tree_root.map_or_else(
        || config.machex_path.clone(),
        |root| PathBuf::from(format!("/proc/self/fd/{}", root.as_raw_fd())),
    );
    let state = StateFolder::of(&config.machex_path);
    let loaded: Vec<_> = config
        .trees
        .par_iter()
        .map(|tree| (tree, catalog::load(tree, Some(&config.cache_path))))
        .collect();
    let (mut datasets, mut faults) = (Vec::new(), Vec::new());
    for (tree, catalog) in loaded {
        match catalog {
            Err(fault) => faults.push(fault),
            Ok(catalog) => {
                let dataset = ServedDataset::new(
                    tree.clone(),
                    catalog,
                    config.render_params(),
                    &materialized,
                    &state,
                )
                .map_err(|source| ServeError::Io {
                    path: state.dataset(tree.dataset.folder()),
                    source,
                })?;
                for warning in dataset.catalog.warnings() {
                    tracing::warn!(dataset = dataset.name(), "{warning}");
                }
                datasets.push(dataset);
            }
        }
    }
    match faults.is_empty() {
        true => Ok(datasets),
        false => Err(ServeError::Catalogs(faults)),
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
