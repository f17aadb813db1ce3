//! What is told to people: log lines of what failed, and the state of the mount.

use super::status::{CacheStatus, DatasetStatus, FailureNote, Status};
use super::{Fault, Item, Known, ServedDataset, Server, What};

use crate::catalog::Entry;
use crate::shown::Show as _;

impl Server {
    /// Remembers what was found out of a file. That its source is damaged, in these words, is logged when
    /// that is found out first.
    pub(super) fn learn(
        &self,
        dataset: &ServedDataset,
        item: Item,
        known: Known,
        damage: Option<&str>,
    ) -> Known {
        let was_damaged = || {
            dataset
                .known(item.what)
                .is_some_and(|known| known.is_damaged)
        };
        if let Some(damage) = damage.filter(|_| !was_damaged()) {
            let note = note(dataset, item, damage);
            warn(dataset, item, &note, "made of a damaged source: ");
            self.stats.damaged(note);
        }
        let is_damaged = damage.is_some();
        dataset.learn(
            item.what,
            Known {
                is_damaged,
                ..known
            },
        )
    }

    /// Logs a fault and keeps it for the status, unless it is known.
    pub(super) fn report_fault(&self, item: Item, fault: &Fault) {
        if !self.failing.insert(item, fault) {
            return;
        }
        let Some(dataset) = self.dataset(item) else {
            return;
        };
        let note = note(dataset, item, &fault.cause);
        warn(dataset, item, &note, "");
        self.stats.failed(note);
    }

    /// The state of the mount; `mode` and `open_files` are the file system's part.
    pub fn status(&self, mode: &str, open_files: usize) -> Status {
        let usage = self.cache.usage();
        let (waiting_renders, rendering) = self.renders.load();
        let pools = self.datasets.iter().map(ServedDataset::load);
        let pools = pools.chain([self.cache_io.load()]);
        let (waiting_io, doing_io) =
            pools.fold((0, 0), |sum, load| (sum.0 + load.0, sum.1 + load.1));
        let render_latency = self.stats.render_latency.summary();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            mountpoint: self.mountpoint.shown().to_string(),
            config: self.config_file.shown().to_string(),
            mode: mode.to_owned(),
            uptime_seconds: self.stats.uptime().as_secs_f64(),
            workers: self.workers,
            datasets: self.dataset_statuses(),
            hits: self.stats.hits.get(),
            misses: self.stats.misses.get(),
            renders: render_latency.count,
            renders_per_second: self.stats.rate(),
            queue: waiting_io + waiting_renders,
            at_work: doing_io + rendering,
            open_files,
            render_latency,
            open_latency: self.stats.open_latency.summary(),
            cache: CacheStatus {
                path: self.cache_path.shown().to_string(),
                on_disk: self.cache.is_on_disk(),
                bytes: usage.bytes,
                limit: self.cache_size,
                files: usage.files,
                counted: usage.is_complete,
                evictions: usage.evictions,
                refused: self.cache.refused(),
            },
            errors: self.stats.errors.get(),
            failures: self.stats.failures(),
            damaged: self.stats.damages(),
            warm: self.warm.as_ref().map(|warm| warm.status()),
        }
    }

    fn dataset_statuses(&self) -> Vec<DatasetStatus> {
        let number = |at: usize| u8::try_from(at).unwrap_or(u8::MAX);
        self.datasets
            .iter()
            .enumerate()
            .map(|(at, dataset)| DatasetStatus {
                name: dataset.name().to_owned(),
                images: dataset.catalog.present(),
                known: dataset.known_count(),
                rendered: dataset.rendered.get(),
                damaged: dataset.damaged_count(),
                failing: self.failing.count(number(at)),
                waiting: {
                    let (waiting, busy) = dataset.load();
                    waiting + busy
                },
                waiting_seconds: dataset.root_waits.longest().as_secs(),
            })
            .collect()
    }
}

fn entry_of<'a>(dataset: &'a ServedDataset, item: Item) -> Option<Entry<'a>> {
    match item.what {
        What::Image(number) => dataset.entry(number),
        What::Index => None,
    }
}

/// What is shown of a file; its cause comes from anywhere.
fn note(dataset: &ServedDataset, item: Item, cause: &str) -> FailureNote {
    let source = entry_of(dataset, item).and_then(|entry| entry.source().ok());
    FailureNote {
        time: 0,
        dataset: dataset.name().to_owned(),
        file: ServedDataset::file_name(item.what),
        source: source.map_or_else(String::new, |path| path.shown().to_string()),
        cause: cause.shown().to_string(),
    }
}

fn warn(dataset: &ServedDataset, item: Item, note: &FailureNote, what: &str) {
    let key = entry_of(dataset, item).map_or("", |entry| entry.key());
    tracing::warn!(
        dataset = note.dataset,
        file = note.file,
        key = %format_args!("\"{}\"", key.shown()),
        source = %format_args!("\"{}\"", note.source),
        "{what}{}",
        note.cause
    );
}
