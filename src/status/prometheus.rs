//! The state of a mount in Prometheus' text format 0.0.4.

use std::fmt::Write;

use super::{DatasetStatus, Latency, Status};

/// Kinds of metrics, as Prometheus names them.
const GAUGE: &str = "gauge";
const COUNTER: &str = "counter";

/// A metric of `T`: name, kind, description, value.
type Figure<T> = (&'static str, &'static str, &'static str, fn(&T) -> f64);

/// Metrics of the mount, besides the counters of [`super::counters`].
const OF_MOUNT: &[Figure<Status>] = &[
    (
        "uptime_seconds",
        GAUGE,
        "Time since the mount began.",
        |status| status.uptime_seconds,
    ),
    ("workers", GAUGE, "Threads that render.", |status| {
        status.workers as f64
    }),
    (
        "passthrough",
        GAUGE,
        "1 if the kernel reads finished images directly.",
        |status| f64::from(u8::from(status.mode == "passthrough")),
    ),
    (
        "renders_per_second",
        GAUGE,
        "Images rendered a second, lately.",
        |status| status.renders_per_second,
    ),
    ("queue", GAUGE, "Files that wait to be made.", |status| {
        status.queue as f64
    }),
    ("at_work", GAUGE, "Files that are being made.", |status| {
        status.at_work as f64
    }),
    ("open_files", GAUGE, "Open files.", |status| {
        status.open_files as f64
    }),
    ("cache_bytes", GAUGE, "Bytes in the cache.", |status| {
        status.cache.bytes as f64
    }),
    (
        "cache_limit_bytes",
        GAUGE,
        "Bytes that the cache may take.",
        |status| status.cache.limit as f64,
    ),
    ("cache_files", GAUGE, "Files in the cache.", |status| {
        status.cache.files as f64
    }),
    (
        "cache_evictions_total",
        COUNTER,
        "Files evicted from the cache.",
        |status| status.cache.evictions as f64,
    ),
    (
        "cache_refused_total",
        COUNTER,
        "Files that the disk did not take.",
        |status| status.cache.refused as f64,
    ),
];

/// Metrics of each dataset.
const OF_DATASET: &[Figure<DatasetStatus>] = &[
    ("images", GAUGE, "Images that the lists name.", |dataset| {
        f64::from(dataset.images)
    }),
    (
        "images_ready",
        GAUGE,
        "Images that need no rendering: in the cache, or in the materialized tree.",
        |dataset| dataset.ready as f64,
    ),
    (
        "images_rendered_total",
        COUNTER,
        "Images rendered in this mount.",
        |dataset| dataset.rendered as f64,
    ),
    (
        "images_damaged",
        GAUGE,
        "Images found in this mount to be made of a damaged source.",
        |dataset| dataset.damaged as f64,
    ),
    (
        "images_failing",
        GAUGE,
        "Images that failed when they were last asked for.",
        |dataset| dataset.failing as f64,
    ),
    (
        "root_waiting",
        GAUGE,
        "Files that wait for the dataset's root.",
        |dataset| dataset.waiting as f64,
    ),
    (
        "root_waiting_seconds",
        GAUGE,
        "How long the slowest of them has been waiting.",
        |dataset| dataset.waiting_seconds as f64,
    ),
];

/// Collects the lines. Writing to a string does not fail.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(
            self.0,
            "# HELP machex_{name} {help}\n# TYPE machex_{name} {kind}"
        );
    }

    fn value(&mut self, name: &str, value: f64) {
        let _ = writeln!(self.0, "machex_{name} {value}");
    }

    fn latency(&mut self, name: &str, help: &str, latency: &Latency) {
        self.head(name, "summary", help);
        let Latency {
            count,
            p50_seconds,
            p99_seconds,
            sum_seconds,
        } = latency;
        let _ = writeln!(
            self.0,
            "machex_{name}{{quantile=\"0.5\"}} {p50_seconds}\n\
             machex_{name}{{quantile=\"0.99\"}} {p99_seconds}\n\
             machex_{name}_sum {sum_seconds}\n\
             machex_{name}_count {count}"
        );
    }
}

impl Status {
    /// The same state in Prometheus' text format.
    pub fn to_prometheus(&self) -> String {
        let mut page = Page::default();
        for (name, kind, help, value) in OF_MOUNT {
            page.head(name, kind, help);
            page.value(name, value(self));
        }
        for (name, help, value) in self.counts.each() {
            let name = format!("{name}_total");
            page.head(&name, COUNTER, help);
            page.value(&name, value as f64);
        }
        for (name, kind, help, value) in OF_DATASET {
            page.head(name, kind, help);
            for dataset in &self.datasets {
                let labelled = format!("{name}{{dataset=\"{}\"}}", dataset.name);
                page.value(&labelled, value(dataset));
            }
        }
        let help = "How long images took to render.";
        page.latency("render_seconds", help, &self.render_latency);
        let help = "How long files took to open.";
        page.latency("open_seconds", help, &self.open_latency);
        page.0
    }
}
