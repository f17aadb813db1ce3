//! The state of a mount in Prometheus' text format 0.0.4.

use std::fmt::Write;

use super::status::{DatasetStatus, Latency, Status};

/// Kinds of figures, as Prometheus names them.
const GAUGE: &str = "gauge";
const COUNTER: &str = "counter";

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

    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "machex_{name} {value}");
    }

    fn datasets(
        &mut self,
        status: &Status,
        (name, kind, help): (&str, &str, &str),
        value: impl Fn(&DatasetStatus) -> f64,
    ) {
        self.head(name, kind, help);
        for dataset in &status.datasets {
            let _ = writeln!(
                self.0,
                "machex_{name}{{dataset=\"{}\"}} {}",
                dataset.name,
                value(dataset)
            );
        }
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
    /// The same figures in Prometheus' text format.
    pub fn to_prometheus(&self) -> String {
        let mut page = Page::default();
        let number = |value: u64| value as f64;
        let size = |value: usize| value as f64;
        page.one(
            "uptime_seconds",
            GAUGE,
            "Time since the mount began.",
            self.uptime_seconds,
        );
        page.one("workers", GAUGE, "Threads that render.", size(self.workers));
        let passthrough = f64::from(u8::from(self.mode == "passthrough"));
        let help = "1 if the kernel reads finished images by itself.";
        page.one("passthrough", GAUGE, help, passthrough);
        let head = ("images", GAUGE, "Images that the lists name.");
        page.datasets(self, head, |dataset| f64::from(dataset.images));
        let head = (
            "images_known",
            GAUGE,
            "Images whose size is known in this mount.",
        );
        page.datasets(self, head, |dataset| number(dataset.known));
        let head = (
            "images_rendered_total",
            COUNTER,
            "Images rendered in this mount.",
        );
        page.datasets(self, head, |dataset| number(dataset.rendered));
        let head = (
            "images_damaged",
            GAUGE,
            "Images found in this mount to be made of a damaged source.",
        );
        page.datasets(self, head, |dataset| number(dataset.damaged));
        let head = (
            "images_failing",
            GAUGE,
            "Images that failed when they were last asked for.",
        );
        page.datasets(self, head, |dataset| size(dataset.failing));
        let head = (
            "root_waiting",
            GAUGE,
            "Files that wait for the dataset's root.",
        );
        page.datasets(self, head, |dataset| size(dataset.waiting));
        let head = (
            "root_waiting_seconds",
            GAUGE,
            "How long the slowest of them has been waiting.",
        );
        page.datasets(self, head, |dataset| number(dataset.waiting_seconds));
        let help = "Opened files whose bytes were there.";
        page.one("hits_total", COUNTER, help, number(self.hits));
        let help = "Opened files that had to be made first.";
        page.one("misses_total", COUNTER, help, number(self.misses));
        let help = "Times that a reader got an error.";
        page.one("errors_total", COUNTER, help, number(self.errors));
        let help = "Images rendered a second, lately.";
        page.one("renders_per_second", GAUGE, help, self.renders_per_second);
        page.one(
            "queue",
            GAUGE,
            "Files that wait to be made.",
            size(self.queue),
        );
        page.one(
            "at_work",
            GAUGE,
            "Files that are being made.",
            size(self.at_work),
        );
        page.one("open_files", GAUGE, "Open files.", size(self.open_files));
        page.latency(
            "render_seconds",
            "How long images took to render.",
            &self.render_latency,
        );
        page.latency(
            "open_seconds",
            "How long files took to open.",
            &self.open_latency,
        );
        let cache = &self.cache;
        page.one(
            "cache_bytes",
            GAUGE,
            "Bytes in the cache.",
            number(cache.bytes),
        );
        page.one(
            "cache_limit_bytes",
            GAUGE,
            "Bytes that the cache may take.",
            number(cache.limit),
        );
        page.one(
            "cache_files",
            GAUGE,
            "Files in the cache.",
            size(cache.files),
        );
        let help = "Files evicted from the cache.";
        page.one(
            "cache_evictions_total",
            COUNTER,
            help,
            number(cache.evictions),
        );
        let help = "Files that the disk did not take.";
        page.one("cache_refused_total", COUNTER, help, number(cache.refused));
        page.0
    }
}
