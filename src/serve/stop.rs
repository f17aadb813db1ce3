//! The threads of a server, and how they stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Server;
use crate::shown::Show as _;

/// How long threads that wait for a disk or a server may delay the end of a mount.
const ENDING: Duration = Duration::from_secs(2);

/// The threads that render, and the flag that stops them.
#[derive(Default)]
pub(super) struct Threads {
    stop: AtomicBool,
    pub workers: Mutex<Vec<JoinHandle<()>>>,
    /// The threads of `--warm`.
    pub warming: Mutex<Vec<JoinHandle<()>>>,
}

impl Server {
    pub(super) fn is_stopping(&self) -> bool {
        self.threads.stop.load(Ordering::Relaxed)
    }

    /// Set once the threads are to stop.
    pub(super) fn stop_flag(&self) -> &AtomicBool {
        &self.threads.stop
    }

    /// Stops the threads. Workers finish the images that they are rendering.
    pub fn stop(&self) {
        self.threads.stop.store(true, Ordering::Relaxed);
        for dataset in &self.datasets {
            dataset.locating.close();
            dataset.fetching.close();
            dataset.reading.close();
        }
        self.making.cache_io.close();
        self.making.renders.close();
        let threads = std::mem::take(&mut *self.threads.workers.lock());
        for thread in threads {
            // A panic has already been reported.
            let _ = thread.join();
        }
        self.wait_for_warming();
        self.wait_for_io();
        self.making.flights.abandon();
        self.tiers.cache.close();
    }

    /// Gives warming threads a moment: they read sources too, and no reader waits for them.
    fn wait_for_warming(&self) {
        let deadline = Instant::now() + ENDING;
        let threads = std::mem::take(&mut *self.threads.warming.lock());
        while !threads.iter().all(|thread| thread.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Gives threads that wait for a disk or a server a moment. Nothing is lost if they do not end.
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
        if !self.making.cache_io.wait_until(deadline) {
            tracing::warn!("the disk of the cache does not answer");
        }
    }
}
