//! Renders every image of every dataset, in parallel, resumable.
//!
//! ```text
//! plan (one dataset) ─► workers (render, write, record) ─► metadata.parquet ─► index.json ─► summary
//! ```
//!
//! A run processes the datasets one after another; within a dataset, workers take images from a
//! shared counter. Finished images (see [`crate::store`]) are skipped. A failed image is recorded
//! and left out of `index.json`, and the run continues. A full disk ends the run, since every
//! further image would fail too; all finished images are kept, and the next run continues from
//! there.
//!
//! Nothing is changed before all lists, all records and the state folder have been checked: a run
//! that would remove finished images because their sources are gone is refused.

mod error;
mod fetch;
mod finish;
mod image;
mod logs;
mod plan;
mod run;
mod share;
mod summary;
mod table;
mod tidy;
mod workers;

pub use error::{MaterializeError, UnwrittenTable};
pub use finish::{Missing, finish};
pub use plan::{DatasetPlan, Forecast, ImageState, plan};
pub use run::run;
pub use share::{Share, ShareError};
pub use summary::{DatasetSummary, Summary};

use std::collections::BTreeSet;

use crate::config::Config;
use crate::datasets::RawTree;

/// The part of a config to materialize.
#[derive(Clone)]
pub struct Job {
    pub config: Config,
    /// Folder names of the datasets to process; all of the config if empty.
    pub datasets: BTreeSet<String>,
    pub workers: usize,
    pub share: Share,
    /// Write `metadata.parquet` beside each index.
    pub metadata: bool,
    /// Continue although finished images are removed because their sources are gone.
    pub allow_removal: bool,
}

impl Job {
    /// The raw trees to process, in the order of the config.
    pub fn trees(&self) -> impl Iterator<Item = &RawTree> {
        self.config.trees.iter().filter(|tree| {
            self.datasets.is_empty() || self.datasets.contains(tree.dataset.folder())
        })
    }
}
