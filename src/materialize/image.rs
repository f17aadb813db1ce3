//! One image: source bytes in, finished file and record out.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use super::MaterializeError;
use super::plan::{DatasetPlan, ImageState, source_error};
use crate::catalog::Entry;
use crate::render::{MAX_PIXELS, Renderer};
use crate::store::{ContentKey, Journal, write_atomically};

/// Largest source file that is read into memory: the largest image as 16-bit RGB, and room for
/// its header. A larger file cannot be an image that the renderer would take.
const MAX_SOURCE_BYTES: u64 = MAX_PIXELS * 6 + (64 << 20);

/// Source buffers above this size are given back after use.
const KEEP_CAPACITY: usize = 64 << 20;

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
    renderer: Renderer,
    source: Vec<u8>,
}

impl<'a> ImageWorker<'a> {
    pub(super) fn new(plan: &'a DatasetPlan, journal: &'a Journal) -> Self {
        Self {
            plan,
            journal,
            renderer: Renderer::new(plan.params),
            source: Vec::new(),
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
        let known = self.plan.records.get(entry.number());
        // Without a record (the state folder was lost), what is there may be any image.
        let path = self.plan.image_path(entry.number());
        if known.map_or_else(|| path.exists(), |record| record.key != key) {
            replaces()?;
        }
        match self.render(&source) {
            Ok(jpeg) => {
                self.store(entry.number(), key, &jpeg)?;
                Ok(Outcome::New)
            }
            Err(cause) => {
                self.remove_stale(entry.number())?;
                Ok(Outcome::Failed {
                    cause,
                    content: Some(key),
                })
            }
        }
    }

    fn render(&mut self, source: &Path) -> Result<Vec<u8>, String> {
        read_source(source, &mut self.source).map_err(|error| source_error(&error))?;
        let jpeg = self
            .renderer
            .render(&self.source)
            .map_err(|error| error.to_string());
        if self.source.capacity() > KEEP_CAPACITY {
            self.source = Vec::new();
        }
        jpeg
    }

    fn store(&self, number: u32, key: ContentKey, jpeg: &[u8]) -> Result<(), MaterializeError> {
        let path = self.plan.image_path(number);
        write_atomically(&path, |file| file.write_all(jpeg))
            .map_err(MaterializeError::io(&path))?;
        self.journal
            .append(
                number,
                key,
                jpeg.len() as u64,
                self.plan.records.get(number),
            )
            .map_err(MaterializeError::io(&self.plan.state))
    }

    /// What an earlier source or setting made must not stand where the present one cannot be
    /// rendered.
    fn remove_stale(&self, number: u32) -> Result<(), MaterializeError> {
        if self.plan.records.get(number).is_none() {
            return Ok(());
        }
        let path = self.plan.image_path(number);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(MaterializeError::io(&path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Reads a whole source file into `buffer`, whose memory is used again from image to image.
pub(crate) fn read_source(path: &Path, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > MAX_SOURCE_BYTES {
        let problem = format!("{size} bytes are more than any image that machex takes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    buffer.try_reserve_exact(usize::try_from(size).unwrap_or(usize::MAX))?;
    Read::take(&mut file, MAX_SOURCE_BYTES).read_to_end(buffer)?;
    Ok(())
}
