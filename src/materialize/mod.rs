//! Every image of every dataset, in parallel, resumable.
//!
//! ```text
//! plan (one dataset) ─► workers (render, write, record) ─► index.json ─► summary
//! ```
//!
//! A run does the datasets one after the other; within one, workers take image after image from a
//! shared counter. What is finished (see [`crate::store`]) is skipped. A failed image is recorded
//! and left out of `index.json`; the rest goes on. A full disk ends the run, since every further
//! image would fail as well; everything whole is kept and the next run goes on from there.
//!
//! Nothing is touched before all lists, all records and the state folder have been looked at: a run
//! that would remove finished images, since their sources have gone, is refused.

mod error;
mod fetch;
mod finish;
mod image;
mod logs;
mod plan;
mod run;
mod share;
mod summary;
mod tidy;
mod workers;

pub use error::MaterializeError;
pub use finish::{Missing, finish};
pub use plan::{DatasetPlan, Forecast, ImageState, plan};
pub use run::run;
pub use share::{Share, ShareError};
pub use summary::{DatasetSummary, Summary};

use std::collections::BTreeSet;

use crate::config::Config;
use crate::datasets::RawTree;

/// What to materialize of a config.
#[derive(Clone)]
pub struct Job {
    pub config: Config,
    /// Folder names of the datasets to work on; all of the config when empty.
    pub datasets: BTreeSet<String>,
    pub workers: usize,
    pub share: Share,
    /// Go on where finished images are removed, since their sources have gone.
    pub allow_removal: bool,
}

impl Job {
    /// The raw trees to work on, in the order of the config.
    pub fn trees(&self) -> impl Iterator<Item = &RawTree> {
        self.config.trees.iter().filter(|tree| {
            self.datasets.is_empty() || self.datasets.contains(tree.dataset.folder())
        })
    }
}
