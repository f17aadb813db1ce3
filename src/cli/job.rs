//! Shared steps of subcommands: reading the config, starting threads, selecting datasets.

use std::path::Path;
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, bail};
use parking_lot::Mutex;
use rayon::ThreadPoolBuilder;

use crate::config::Config;
use crate::datasets::KnownDatasets;
use crate::files::machex_mountpoints;
use crate::shown::Show as _;
use crate::workers::look_for_room;

/// Reads the config file.
pub fn load_config(
    argument: &super::ConfigArgument,
    known: KnownDatasets,
) -> anyhow::Result<Config> {
    load_config_file(&argument.path(), known)
}

/// Reads the config file `path`.
pub fn load_config_file(path: &Path, known: KnownDatasets) -> anyhow::Result<Config> {
    let is_name = known
        .iter()
        .any(|dataset| path == Path::new(dataset.folder()));
    if is_name && !path.exists() {
        let name = path.shown();
        bail!(
            "there is no config file {name}; several datasets are given as --dataset NAME,{name}"
        );
    }
    Config::load(path, known).with_context(|| format!("config file {}", path.shown()))
}

/// What could have been meant by something that is not a machex mount.
pub fn other_mounts() -> String {
    let mounts = machex_mountpoints();
    let mounts: Vec<String> = mounts.iter().map(|path| path.shown().to_string()).collect();
    match mounts.as_slice() {
        [] => "nothing is mounted: machex mount CONFIG MOUNTPOINT mounts a tree".to_owned(),
        mounts => format!("machex mounts: {}", mounts.join(", ")),
    }
}

/// Starts rayon's pool and returns how many workers to use: `wanted`, unless the system cannot
/// start that many threads. If it can start hardly any, the calling thread does the pool's work.
pub fn start_threads(wanted: usize) -> anyhow::Result<usize> {
    let available = startable(wanted);
    let (workers, pool) = if available < wanted {
        // Leaves some threads unused: a mount has more threads than workers, and if it is memory
        // that limits the number of threads, workers need some too.
        let workers = (available / 4).max(1);
        tracing::warn!("the system starts only {available} threads: {workers} of {wanted} workers");
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (workers, cores.min(available / 4))
    } else {
        (wanted, wanted)
    };
    let builder = match pool {
        0 => ThreadPoolBuilder::new().num_threads(1).use_current_thread(),
        _ => ThreadPoolBuilder::new().num_threads(pool),
    };
    builder.build_global().context("starting worker threads")?;
    Ok(workers)
}

/// How many threads can be started at the moment, up to `most`. It tries, since rayon's pool starts
/// either completely or not at all, and a failed start cannot be repeated.
fn startable(most: usize) -> usize {
    let (end, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    thread::scope(|scope| {
        let mut count = 0;
        while count < most {
            // Waits for the lock, or while holding it, until the sender is dropped.
            let wait = || gate.lock().recv().is_ok();
            let started =
                look_for_room().and_then(|()| thread::Builder::new().spawn_scoped(scope, wait));
            if started.is_err() {
                break;
            }
            count += 1;
        }
        drop(end);
        count
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_threads_can_be_started_and_are_gone_afterwards() {
        assert_eq!(startable(0), 0);
        assert_eq!(startable(5), 5);
    }
}
