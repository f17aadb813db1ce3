//! The last steps of each image: its source is rendered, and the finished file kept and recorded.

use std::fs;
use std::io::Write;

use super::MaterializeError;
use super::fetch::{Fetching, Step, Task};
use super::plan::{DatasetPlan, ImageState};
use super::table::remove_outdated;
use super::tidy::remove_finished;
use crate::files::write_atomically;
use crate::pipeline::Share;
use crate::render::{Notes, RenderError, Rendered};
use crate::shown::Show as _;
use crate::source::{FetchError, Fetched, Source, SourceError, SourceRenderer};
use crate::store::{ContentKey, Journal, Record};

/// The result of processing an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ImageOutcome {
    New(Remarks),
    Skipped(Remarks),
    /// Its source is damaged, and such images are not wanted.
    LeftOut {
        damage: Box<str>,
        content: ContentKey,
    },
    /// `content` identifies source and settings, if there was a source.
    Failed {
        cause: String,
        content: Option<ContentKey>,
    },
}

impl ImageOutcome {
    /// The result for an image on which machex panicked.
    pub(super) fn crashed() -> Self {
        Self::Failed {
            cause: "machex crashed on this image; please report it".to_owned(),
            content: None,
        }
    }
}

/// Remarks about the source of an image in the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Remarks {
    pub damage: Option<Box<str>>,
    pub has_overlay_bits: bool,
}

impl From<&Notes> for Remarks {
    fn from(notes: &Notes) -> Self {
        Self {
            damage: notes
                .damage
                .as_ref()
                .map(|damage| damage.to_string().into()),
            has_overlay_bits: notes.has_overlay_bits,
        }
    }
}

impl From<&Record> for Remarks {
    fn from(record: &Record) -> Self {
        Self {
            damage: record.damage.clone(),
            has_overlay_bits: record.has_overlay_bits,
        }
    }
}

/// Renders images one after another; each worker thread has its own.
pub(super) struct ImageWorker<'a> {
    plan: &'a DatasetPlan,
    journal: &'a Journal,
    fetching: &'a Fetching<'a>,
    renderer: SourceRenderer,
}

impl<'a> ImageWorker<'a> {
    pub(super) fn new(
        plan: &'a DatasetPlan,
        journal: &'a Journal,
        fetching: &'a Fetching<'a>,
    ) -> Self {
        Self {
            plan,
            journal,
            fetching,
            renderer: SourceRenderer::new(plan.params),
        }
    }

    /// Brings one image up to date. An error concerns the run (the tree cannot be written), a
    /// failure only the image. Calls `replaces` before a finished file is replaced or removed.
    pub(super) fn process(
        &mut self,
        task: Task<'_>,
        replaces: impl FnOnce() -> Result<(), MaterializeError>,
    ) -> Result<ImageOutcome, MaterializeError> {
        let number = task.entry.number();
        let known = self.plan.record(number);
        let (key, fetched) = match task.step {
            Step::Crashed => return Ok(ImageOutcome::crashed()),
            Step::Settled(state) => return self.settled(state, known, replaces),
            Step::Due { key, fetched } => (key, fetched),
        };
        // Without a record (the state folder was lost), the existing file may be any image.
        let path = self.plan.image_path(number);
        if known.map_or_else(|| path.exists(), |record| record.key != key) {
            replaces()?;
        }
        match self.render(fetched) {
            // The record identifies the source that was read: if the source has changed since, the
            // image is due again.
            Ok((rendered, source)) => self.keep(number, source, &rendered),
            Err(error) => {
                let cause = error.to_string().shown().to_string();
                if tells_of_other_bytes(&error) {
                    self.remove_stale(number)?;
                }
                Ok(ImageOutcome::Failed {
                    cause,
                    content: Some(key),
                })
            }
        }
    }

    /// An image of which nothing has to be rendered.
    fn settled(
        &self,
        state: ImageState,
        known: Option<&Record>,
        replaces: impl FnOnce() -> Result<(), MaterializeError>,
    ) -> Result<ImageOutcome, MaterializeError> {
        match state {
            ImageState::LeftOut { key, damage } => {
                // It may have been made while it was still wanted.
                if let Some(record) = known.filter(|record| self.plan.finished.holds(record)) {
                    replaces()?;
                    remove_finished(self.plan, record)?;
                }
                Ok(ImageOutcome::LeftOut {
                    damage,
                    content: key,
                })
            }
            // A missing source may come back: its finished image stays, but is left out of the
            // index.
            ImageState::Failed { cause, .. } => Ok(ImageOutcome::Failed {
                cause,
                content: None,
            }),
            ImageState::Finished | ImageState::Due { .. } => Ok(ImageOutcome::Skipped(
                known.map_or_else(Default::default, Remarks::from),
            )),
        }
    }

    fn render(
        &mut self,
        fetched: Result<(Fetched, Option<Share>), FetchError>,
    ) -> Result<(Rendered, Source), SourceError> {
        let (fetched, share) = fetched?;
        // No more than one for each worker is past this.
        drop(share);
        let rendered = self.renderer.render(&fetched.bytes);
        let source = fetched.source.clone();
        self.fetching.give(fetched);
        Ok((rendered?, source))
    }

    fn keep(
        &self,
        number: u32,
        source: Source,
        rendered: &Rendered,
    ) -> Result<ImageOutcome, MaterializeError> {
        let Rendered { jpeg, notes } = rendered;
        let remarks = Remarks::from(notes);
        let made = (source.key, jpeg.len() as u64);
        if self.plan.skip_damaged
            && let Some(damage) = remarks.damage
        {
            self.remove_stale(number)?;
            self.remove_unrecorded(number, jpeg)?;
            // Recorded so that the next run knows without rendering it.
            self.record(number, made, notes)?;
            return Ok(ImageOutcome::LeftOut {
                damage,
                content: source.key,
            });
        }
        // Also for an image without a predecessor: the table may be of a time without its source.
        remove_outdated(self.plan)?;
        let path = self.plan.image_path(number);
        write_atomically(&path, self.plan.durability, |file| file.write_all(jpeg))
            .map_err(MaterializeError::io(&path))?;
        self.record(number, made, notes)?;
        Ok(ImageOutcome::New(remarks))
    }

    fn record(
        &self,
        number: u32,
        made: (ContentKey, u64),
        notes: &Notes,
    ) -> Result<(), MaterializeError> {
        self.journal
            .append(number, made, notes, self.plan.record(number))
            .map_err(MaterializeError::io(&self.plan.state))
    }

    /// Removes an unwanted image that has no record any more, if its bytes equal those just
    /// rendered.
    fn remove_unrecorded(&self, number: u32, jpeg: &[u8]) -> Result<(), MaterializeError> {
        let path = self.plan.image_path(number);
        let is_there = || {
            let found = fs::symlink_metadata(&path).ok()?;
            (found.is_file() && found.len() == jpeg.len() as u64).then(|| fs::read(&path).ok())?
        };
        match is_there() {
            Some(bytes) if bytes == jpeg => {
                fs::remove_file(&path).map_err(MaterializeError::io(&path))
            }
            _ => Ok(()),
        }
    }

    /// Removes the result of an earlier source or setting if the current one cannot be rendered.
    fn remove_stale(&self, number: u32) -> Result<(), MaterializeError> {
        match self.plan.record(number) {
            Some(record) => remove_finished(self.plan, record),
            None => Ok(()),
        }
    }
}

/// Whether an error means that the source has changed. An unreadable disk or a lack of memory is
/// temporary, so no finished image is removed for it.
fn tells_of_other_bytes(error: &SourceError) -> bool {
    !matches!(
        error,
        SourceError::Read(_) | SourceError::Render(RenderError::NoMemory { .. })
    )
}
