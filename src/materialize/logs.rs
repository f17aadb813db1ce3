//! The logs of images that you may want to look at. Each line is written as soon as its image is
//! processed.

use std::collections::BTreeSet;

use super::image::ImageOutcome;
use super::plan::DatasetPlan;
use super::{Job, MaterializeError};
use crate::catalog::Entry;
use crate::files::{Durability, PrivateFolder};
use crate::source::left_out;
use crate::store::{ContentKey, ImageLog, LogKind, LoggedImage, logged_in, merge_logs};

/// The cause for an image whose DICOM file has bits above its HighBit.
const OVERLAY: &str = "bits are set above HighBit";

/// The logs of one run.
pub(super) struct Logs<'a> {
    pub failures: ImageLog<'a>,
    pub damaged: ImageLog<'a>,
    pub overlays: ImageLog<'a>,
}

impl<'a> Logs<'a> {
    pub(super) fn open(
        state: &'a PrivateFolder,
        share: &str,
        datasets: &BTreeSet<&str>,
        durability: Durability,
    ) -> Result<Self, MaterializeError> {
        let open = |kind| {
            ImageLog::open(state, kind, share, datasets, durability)
                .map_err(MaterializeError::io(state.path()))
        };
        Ok(Self {
            failures: open(LogKind::Failures)?,
            damaged: open(LogKind::Damaged)?,
            overlays: open(LogKind::Overlays)?,
        })
    }

    /// Logs the result for an image, if it needs a line.
    pub(super) fn record(
        &self,
        plan: &DatasetPlan,
        entry: &Entry<'_>,
        outcome: &ImageOutcome,
    ) -> Result<(), MaterializeError> {
        let append = |log: &ImageLog<'_>, cause: &str, content| {
            log.append(&logged(plan, entry, cause.to_owned(), content))
                .map_err(MaterializeError::io(log.path()))
        };
        match outcome {
            ImageOutcome::Failed { cause, content } => append(&self.failures, cause, *content),
            ImageOutcome::LeftOut { damage, content } => {
                append(&self.damaged, &left_out(damage), Some(*content))
            }
            ImageOutcome::New(remarks) | ImageOutcome::Skipped(remarks) => {
                if let Some(damage) = &remarks.damage {
                    append(&self.damaged, damage, None)?;
                }
                if remarks.has_overlay_bits {
                    append(&self.overlays, OVERLAY, None)?;
                }
                Ok(())
            }
        }
    }

    /// Makes sure that all lines so far are stored.
    pub(super) fn confirm(&self) -> Result<(), MaterializeError> {
        for log in [&self.failures, &self.damaged, &self.overlays] {
            log.confirm().map_err(MaterializeError::io(log.path()))?;
        }
        Ok(())
    }
}

/// The log line for an entry.
pub(super) fn logged(
    plan: &DatasetPlan,
    entry: &Entry<'_>,
    cause: String,
    content: Option<ContentKey>,
) -> LoggedImage {
    LoggedImage {
        dataset: plan.tree.dataset.folder().to_owned(),
        image: entry.number(),
        key: entry.key().to_owned(),
        source: entry.source().ok(),
        cause,
        content,
    }
}

/// The logs of all images of a tree, as found by [`super::finish`].
#[derive(Default)]
pub(super) struct Found {
    pub failures: Vec<LoggedImage>,
    pub damaged: Vec<LoggedImage>,
    pub overlays: Vec<LoggedImage>,
}

impl Found {
    /// Adds the damage and overlays of a finished image.
    pub(super) fn add_finished(&mut self, plan: &DatasetPlan, entry: &Entry<'_>) {
        let Some(record) = plan.record(entry.number()) else {
            return;
        };
        if let Some(damage) = &record.damage {
            let line = logged(plan, entry, damage.to_string(), None);
            self.damaged.push(line);
        }
        if record.has_overlay_bits {
            let line = logged(plan, entry, OVERLAY.to_owned(), None);
            self.overlays.push(line);
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.failures.extend(other.failures);
        self.damaged.extend(other.damaged);
        self.overlays.extend(other.overlays);
    }

    /// Adds the logged images of datasets that this job does not process.
    pub(super) fn add_others(
        &mut self,
        job: &Job,
        state: &PrivateFolder,
    ) -> Result<(), MaterializeError> {
        let is_other = |image: &LoggedImage| {
            !job.trees()
                .any(|tree| tree.dataset.folder() == image.dataset)
        };
        for (kind, images) in self.each() {
            let known = logged_in(state, kind).map_err(MaterializeError::io(state.path()))?;
            images.extend(known.into_iter().filter(is_other));
        }
        Ok(())
    }

    /// Writes the logs, which replace those of the shares.
    pub(super) fn write(
        &mut self,
        state: &PrivateFolder,
        durability: Durability,
    ) -> Result<(), MaterializeError> {
        for (kind, images) in self.each() {
            images.sort();
            merge_logs(state, kind, images, durability)
                .map_err(MaterializeError::io(state.path()))?;
        }
        Ok(())
    }

    fn each(&mut self) -> [(LogKind, &mut Vec<LoggedImage>); 3] {
        [
            (LogKind::Failures, &mut self.failures),
            (LogKind::Damaged, &mut self.damaged),
            (LogKind::Overlays, &mut self.overlays),
        ]
    }
}
