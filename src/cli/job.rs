//! Shared steps of subcommands: reading the config, starting threads, selecting datasets.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, bail};
use parking_lot::Mutex;
use rayon::ThreadPoolBuilder;

use crate::config::Config;
use crate::datasets::KnownDatasets;
use crate::shown::Show as _;
use crate::workers::look_for_room;

/// Reads the config file.
pub fn load_config(
    argument: &super::ConfigArgument,
    known: KnownDatasets,
) -> anyhow::Result<Config> {
    let path = argument.path();
    Config::load(&path, known).with_context(|| format!("config file {}", path.shown()))
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

/// Checks that the config has a dataset with each of these folder names.
pub fn select_datasets(config: &Config, names: &[String]) -> anyhow::Result<BTreeSet<String>> {
    let known = config.trees.iter().map(|tree| tree.dataset.folder());
    select("the config", known, names)
}

/// Checks that `place` has all of these names.
pub fn select<'a>(
    place: &str,
    known: impl Iterator<Item = &'a str>,
    names: &[String],
) -> anyhow::Result<BTreeSet<String>> {
    let known: Vec<&str> = known.collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!(
            "--dataset {}: {place} has {} (a config file goes before --dataset, or with -c)",
            unknown.shown(),
            known.join(", ").shown()
        );
    }
    Ok(names.iter().cloned().collect())
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
