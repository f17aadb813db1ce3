//! Gathers the state of the mount.

use super::{ServedDataset, Server};
use crate::shown::Show as _;
use crate::status::{CacheStatus, DatasetStatus, Status};

impl Server {
    /// The state of the mount. `mode` and `open_files` come from the file system.
    pub fn status(&self, mode: &str, open_files: usize) -> Status {
        let (settings, events) = (&self.settings, &self.events);
        let usage = self.tiers.cache.usage();
        let (waiting_renders, rendering) = self.making.renders.load();
        let pools = self.datasets.iter().map(ServedDataset::load);
        let pools = pools.chain([self.making.cache_io.load()]);
        let (waiting_io, doing_io) =
            pools.fold((0, 0), |sum, load| (sum.0 + load.0, sum.1 + load.1));
        let render_latency = events.render_latency.summary();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            mountpoint: settings.mountpoint.shown().to_string(),
            config: settings.config_file.shown().to_string(),
            mode: mode.to_owned(),
            uptime_seconds: events.uptime().as_secs_f64(),
            workers: settings.workers,
            datasets: self.dataset_statuses(),
            counts: events.counters.counts(),
            renders: render_latency.count,
            renders_per_second: events.rate(),
            queue: waiting_io + waiting_renders,
            at_work: doing_io + rendering,
            open_files,
            render_latency,
            open_latency: events.open_latency.summary(),
            cache: CacheStatus {
                path: settings.cache_path.shown().to_string(),
                on_disk: self.tiers.cache.is_on_disk(),
                bytes: usage.bytes,
                limit: settings.cache_size,
                files: usage.files,
                counted: usage.is_complete,
                evictions: usage.evictions,
                refused: self.tiers.cache.refused(),
            },
            failures: events.failures(),
            damaged: events.damages(),
            warm: self.warm.as_ref().map(|warm| warm.status()),
        }
    }

    /// How many images of a dataset need no rendering. Those that are both in the cache and in the
    /// materialized tree count twice, since only looking at their sources would tell.
    fn ready(&self, at: usize, dataset: &ServedDataset) -> u64 {
        let count = self.tiers.cache.count_of(dataset.group) + self.tiers.tree.count_of(at);
        count.min(dataset.catalog.present().into())
    }

    fn dataset_statuses(&self) -> Vec<DatasetStatus> {
        let number = |at: usize| u8::try_from(at).unwrap_or(u8::MAX);
        self.datasets
            .iter()
            .enumerate()
            .map(|(at, dataset)| DatasetStatus {
                name: dataset.name().to_owned(),
                images: dataset.catalog.present(),
                ready: self.ready(at, dataset),
                rendered: dataset.rendered.get(),
                damaged: dataset.damaged_count(),
                failing: self.events.failing.count(number(at)),
                waiting: {
                    let (waiting, busy) = dataset.load();
                    waiting + busy
                },
                waiting_seconds: dataset.root_waits.longest().as_secs(),
            })
            .collect()
    }
}
