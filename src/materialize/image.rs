//! Processes one image: from source bytes to finished file and record.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use super::MaterializeError;
use super::plan::{DatasetPlan, ImageState};
use super::tidy::remove_finished;
use crate::catalog::Entry;
use crate::files::write_atomically;
use crate::render::{Notes, RenderError};
use crate::shown::Show as _;
use crate::source::{RenderedSource, Source, SourceError, SourceRenderer};
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
    renderer: SourceRenderer,
}

impl<'a> ImageWorker<'a> {
    pub(super) fn new(plan: &'a DatasetPlan, journal: &'a Journal) -> Self {
        Self {
            plan,
            journal,
            renderer: SourceRenderer::new(plan.params),
        }
    }

    /// Brings one image up to date. An error concerns the run (the tree cannot be written), a
    /// failure only the image. Calls `replaces` before a finished file is replaced or removed.
    pub(super) fn process(
        &mut self,
        entry: &Entry<'_>,
        replaces: impl FnOnce() -> Result<(), MaterializeError>,
    ) -> Result<ImageOutcome, MaterializeError> {
        let known = self.plan.record(entry.number());
        let (source, key) = match self.plan.state_of(entry) {
            ImageState::Finished => {
                return Ok(ImageOutcome::Skipped(
                    known.map_or_else(Default::default, Remarks::from),
                ));
            }
            ImageState::LeftOut { key, damage } => {
                // It may have been made while it was still wanted.
                if let Some(record) = known.filter(|record| self.plan.finished.holds(record)) {
                    replaces()?;
                    remove_finished(self.plan, record)?;
                }
                return Ok(ImageOutcome::LeftOut {
                    damage,
                    content: key,
                });
            }
            // A missing source may come back: its finished image stays, but is left out of the
            // index.
            ImageState::Failed { cause, .. } => {
                return Ok(ImageOutcome::Failed {
                    cause,
                    content: None,
                });
            }
            ImageState::Due { source, key } => (source, key),
        };
        // Without a record (the state folder was lost), the existing file may be any image.
        let path = self.plan.image_path(entry.number());
        if known.map_or_else(|| path.exists(), |record| record.key != key) {
            replaces()?;
        }
        let storage = &*self.plan.tree.storage;
        match self.renderer.render_file(storage, &source) {
            // The record identifies the source that was read: if the source has changed since, the
            // image is due again.
            Ok(developed) => self.keep(entry.number(), source, &developed),
            Err(error) => {
                let cause = error.to_string().shown().to_string();
                if tells_of_other_bytes(&error) {
                    self.remove_stale(entry.number())?;
                }
                Ok(ImageOutcome::Failed {
                    cause,
                    content: Some(key),
                })
            }
        }
    }

    fn keep(
        &self,
        number: u32,
        source: PathBuf,
        developed: &RenderedSource,
    ) -> Result<ImageOutcome, MaterializeError> {
        let RenderedSource { jpeg, notes, stamp } = developed;
        let source = Source::of(&self.plan.tree, source, *stamp, self.plan.params);
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
