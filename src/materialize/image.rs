//! One image: source bytes in, finished file and record out.

use std::io::Write;

use super::MaterializeError;
use super::plan::{DatasetPlan, ImageState};
use super::tidy::remove_finished;
use crate::catalog::Entry;
use crate::render::RenderError;
use crate::source::{DevelopError, Developer};
use crate::store::{ContentKey, Journal, write_atomically};

/// What became of an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    New,
    Skipped,
    /// With what the source and settings were, if there was a source to look at.
    Failed {
        cause: String,
        content: Option<ContentKey>,
    },
}

/// Renders images one after another; one for each worker thread.
pub(super) struct ImageWorker<'a> {
    plan: &'a DatasetPlan,
    journal: &'a Journal,
    developer: Developer,
}

impl<'a> ImageWorker<'a> {
    pub(super) fn new(plan: &'a DatasetPlan, journal: &'a Journal) -> Self {
        Self {
            plan,
            journal,
            developer: Developer::new(plan.params),
        }
    }

    /// Brings one image up to date. An error concerns the run (the tree cannot be written), a
    /// failure the image only. `replaces` is called before a finished file is replaced or removed.
    pub(super) fn process(
        &mut self,
        entry: &Entry<'_>,
        replaces: impl FnOnce() -> Result<(), MaterializeError>,
    ) -> Result<Outcome, MaterializeError> {
        let (source, key) = match self.plan.state_of(entry) {
            ImageState::Finished => return Ok(Outcome::Skipped),
            // A source that is missing today may be back tomorrow: what was made of it stays, and is
            // left out of the index.
            ImageState::Failed { cause, .. } => {
                return Ok(Outcome::Failed {
                    cause,
                    content: None,
                });
            }
            ImageState::Due { source, key } => (source, key),
        };
        let known = self.plan.record(entry.number());
        // Without a record (the state folder was lost), what is there may be any image.
        let path = self.plan.image_path(entry.number());
        if known.map_or_else(|| path.exists(), |record| record.key != key) {
            replaces()?;
        }
        match self.developer.develop(&source) {
            // The record bears the source that was read: one that changed meanwhile is found due.
            Ok(developed) => {
                self.store(entry.number(), developed.source.key, &developed.jpeg)?;
                Ok(Outcome::New)
            }
            Err(error) => {
                let cause = error.to_string();
                if tells_of_other_bytes(&error) {
                    self.remove_stale(entry.number())?;
                }
                Ok(Outcome::Failed {
                    cause,
                    content: Some(key),
                })
            }
        }
    }

    fn store(&self, number: u32, key: ContentKey, jpeg: &[u8]) -> Result<(), MaterializeError> {
        let path = self.plan.image_path(number);
        write_atomically(&path, self.plan.durability, |file| file.write_all(jpeg))
            .map_err(MaterializeError::io(&path))?;
        self.journal
            .append(number, key, jpeg.len() as u64, self.plan.record(number))
            .map_err(MaterializeError::io(&self.plan.state))
    }

    /// What an earlier source or setting made must not stand where the present one cannot be
    /// rendered.
    fn remove_stale(&self, number: u32) -> Result<(), MaterializeError> {
        match self.plan.record(number) {
            Some(record) => remove_finished(self.plan, record),
            None => Ok(()),
        }
    }
}

/// Whether an error says that the source is another one than before. A disk that cannot be read and a
/// lack of memory pass, and nothing finished is given up for them.
fn tells_of_other_bytes(error: &DevelopError) -> bool {
    !matches!(
        error,
        DevelopError::Read(_) | DevelopError::Render(RenderError::NoMemory { .. })
    )
}
