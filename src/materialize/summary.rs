//! What a run did.

use std::path::PathBuf;
use std::time::Duration;

/// What a run did to one dataset.
#[derive(Debug, Clone, Default)]
pub struct DatasetSummary {
    /// Folder name of the dataset.
    pub dataset: &'static str,
    /// Images of this run's share.
    pub images: u32,
    pub new: u32,
    pub skipped: u32,
    pub failed: u32,
    pub elapsed: Duration,
    /// What a person should know about lists and reports.
    pub warnings: Vec<String>,
    /// Reports that are there and could not be read.
    pub unreadable_reports: u32,
}

impl DatasetSummary {
    /// Rendered images a second; `None` when nothing was rendered.
    pub fn rate(&self) -> Option<f64> {
        (self.new > 0).then(|| f64::from(self.new) / self.elapsed.as_secs_f64().max(1e-9))
    }

    /// Images that the run did not come to.
    pub fn left(&self) -> u32 {
        self.images
            .saturating_sub(self.new + self.skipped + self.failed)
    }
}

/// What a run did to all datasets.
#[derive(Debug, Default)]
pub struct Summary {
    pub datasets: Vec<DatasetSummary>,
    /// Ended by the user before it was done.
    pub interrupted: bool,
    /// Where failures are recorded.
    pub failure_log: PathBuf,
}

impl Summary {
    /// Whether everything that was come to is in the tree and its indexes.
    pub fn is_good(&self) -> bool {
        self.failed() == 0 && self.unreadable_reports() == 0
    }

    /// How many reports could not be read.
    pub fn unreadable_reports(&self) -> u32 {
        let reports = self.datasets.iter();
        reports.map(|dataset| dataset.unreadable_reports).sum()
    }

    /// How many images could not be rendered.
    pub fn failed(&self) -> u32 {
        self.datasets.iter().map(|dataset| dataset.failed).sum()
    }
}
