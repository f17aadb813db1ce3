//! The results of a run.

use std::path::PathBuf;
use std::time::Duration;

use super::UnwrittenTable;

/// The results of a run for one dataset.
#[derive(Debug, Clone, Default)]
pub struct DatasetSummary {
    /// Folder name of the dataset.
    pub dataset: &'static str,
    /// Images of this run's share.
    pub images: u32,
    /// The dataset has no image of any view; the warnings suggest what to do.
    pub is_empty: bool,
    pub new: u32,
    pub skipped: u32,
    pub failed: u32,
    /// Images in the tree that were made from a damaged source.
    pub damaged: u32,
    /// Images that `SKIP_DAMAGED` left out.
    pub left_out: u32,
    /// DICOM files with bits set above their HighBit.
    pub overlays: u32,
    pub elapsed: Duration,
    /// Warnings for the user about lists and reports.
    pub warnings: Vec<String>,
    /// Reports that exist but could not be read.
    pub unreadable_reports: u32,
    /// Why its table of metadata was not written, although it was wanted.
    pub unwritten_table: Option<UnwrittenTable>,
}

impl DatasetSummary {
    /// Rendered images per second; `None` if nothing was rendered.
    pub fn rate(&self) -> Option<f64> {
        (self.new > 0).then(|| f64::from(self.new) / self.elapsed.as_secs_f64().max(1e-9))
    }

    /// Images that the run did not process.
    pub fn left(&self) -> u32 {
        self.images
            .saturating_sub(self.new + self.skipped + self.failed + self.left_out)
    }
}

/// The results of a run for all datasets.
#[derive(Debug, Default)]
pub struct Summary {
    pub datasets: Vec<DatasetSummary>,
    /// The user ended the run early.
    pub interrupted: bool,
    /// The logs of failures, of images with damaged sources, and of possible overlays.
    pub failure_log: PathBuf,
    pub damage_log: PathBuf,
    pub overlay_log: PathBuf,
}

impl Summary {
    /// The counts of all datasets together, under the name `all`; without their times.
    pub fn total(&self) -> DatasetSummary {
        let sum = |of: fn(&DatasetSummary) -> u32| self.datasets.iter().map(of).sum();
        DatasetSummary {
            dataset: "all",
            images: sum(|dataset| dataset.images),
            is_empty: self.datasets.iter().any(|dataset| dataset.is_empty),
            new: sum(|dataset| dataset.new),
            skipped: sum(|dataset| dataset.skipped),
            failed: sum(|dataset| dataset.failed),
            damaged: sum(|dataset| dataset.damaged),
            left_out: sum(|dataset| dataset.left_out),
            overlays: sum(|dataset| dataset.overlays),
            unreadable_reports: sum(|dataset| dataset.unreadable_reports),
            ..DatasetSummary::default()
        }
    }

    /// Whether every processed image is in the tree and its index, or left out on purpose, and
    /// every table that was wanted could be written.
    pub fn is_good(&self) -> bool {
        let total = self.total();
        let mut datasets = self.datasets.iter();
        !total.is_empty
            && total.failed == 0
            && total.unreadable_reports == 0
            && datasets.all(|dataset| dataset.unwritten_table.is_none())
    }
}
