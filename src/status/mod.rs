//! The state of a mount, for `.machex/status.json` and, in another format, `.machex/metrics`. It
//! contains numbers, names and causes, but never a report's text.

mod counters;
mod prometheus;
mod timings;

use serde::{Deserialize, Serialize};

pub use counters::{Counter, Counters, Counts};
pub use timings::{Rate, Timings};

/// The state of a mount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of machex.
    pub version: String,
    pub pid: u32,
    pub mountpoint: String,
    pub config: String,
    /// `passthrough` or `reads`: how readers get the bytes of a finished image.
    pub mode: String,
    pub uptime_seconds: f64,
    pub workers: usize,
    pub datasets: Vec<DatasetStatus>,
    #[serde(flatten)]
    pub counts: Counts,
    /// Images rendered in this mount.
    pub renders: u64,
    pub renders_per_second: f64,
    /// Number of files that wait to be made.
    pub queue: usize,
    /// Number of files that are being made.
    pub at_work: usize,
    pub open_files: usize,
    pub render_latency: Latency,
    pub open_latency: Latency,
    pub cache: CacheStatus,
    /// The last errors that readers got.
    pub failures: Vec<FailureNote>,
    /// The last images found to have a damaged source, and the damage.
    #[serde(default)]
    pub damaged: Vec<FailureNote>,
    /// Progress of `--warm`, if it was requested.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warm: Option<WarmStatus>,
}

/// One dataset of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetStatus {
    pub name: String,
    /// Images that the lists name.
    pub images: u32,
    /// Images that can be read without being rendered first: in the cache, or in the materialized
    /// tree.
    pub ready: u64,
    /// Images rendered in this mount.
    pub rendered: u64,
    /// Images of known size that were made from a damaged source.
    #[serde(default)]
    pub damaged: u64,
    /// Images that could not be made when they were last requested.
    pub failing: usize,
    /// Number of files that wait for the dataset's root, including those being looked up or read.
    #[serde(default)]
    pub waiting: usize,
    /// How many seconds the slowest of them has waited for the root to answer.
    #[serde(default)]
    pub waiting_seconds: u64,
}

/// Statistics of how long something took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub count: u64,
    pub p50_seconds: f64,
    pub p99_seconds: f64,
    pub sum_seconds: f64,
}

/// How full the cache is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheStatus {
    pub path: String,
    /// False if the folder cannot be written, so that everything is kept in memory only.
    pub on_disk: bool,
    pub bytes: u64,
    pub limit: u64,
    pub files: usize,
    /// False while the files of earlier mounts are still being counted.
    pub counted: bool,
    pub evictions: u64,
    /// Files that the disk refused, so that they were served from memory.
    pub refused: u64,
}

/// Why an image could not be made, or the damage of its source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureNote {
    /// Seconds since 1970.
    pub time: u64,
    pub dataset: String,
    /// Name of the file in the dataset's folder.
    pub file: String,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub source: String,
    pub cause: String,
}

/// The progress of `--warm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmStatus {
    pub done: u64,
    pub of: u64,
    /// The cache is full: missing images are made when they are read.
    pub cache_is_full: bool,
}
