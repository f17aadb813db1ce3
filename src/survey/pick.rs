//! One image of a dataset, to be looked at.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::findings;
use crate::catalog::{ClassLabel, Entry};
use crate::datasets::RawTree;
use crate::names;
use crate::render::RenderParams;
use crate::source::{SourceBuffer, SourceRenderer, read_source};
use crate::storage::{Folder, Storage};

/// An image that was picked.
#[derive(Debug, Clone)]
pub struct Pick {
    /// Such as `000123`; anything in an index of others.
    pub id: String,
    pub key: String,
    pub label: Option<ClassLabel>,
    pub(super) place: ImageBytes,
}

/// Where the bytes of an image are.
#[derive(Debug, Clone)]
pub(super) enum ImageBytes {
    /// A source that is to be rendered, or why there is none.
    Source {
        storage: Arc<dyn Storage>,
        path: Result<PathBuf, String>,
    },
    /// A finished JPEG: in the first of these files that is there.
    Finished(Vec<PathBuf>),
}

impl Pick {
    /// Picks an entry of the catalog of `tree`.
    pub(super) fn of_entry(tree: &RawTree, entry: &Entry<'_>) -> Self {
        Self {
            id: names::image_id(entry.number()),
            key: entry.key().to_owned(),
            label: entry.class_label().copied(),
            place: ImageBytes::Source {
                storage: Arc::clone(&tree.storage),
                path: entry.source().map_err(ToString::to_string),
            },
        }
    }

    /// Names of the positive findings; `None` if the image has no labels.
    pub fn positive_findings(&self) -> Option<Vec<&'static str>> {
        let label = self.label.as_ref()?;
        Some(findings::positive(label).collect())
    }

    /// The file that is read, as far as is known.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            ImageBytes::Source { path, .. } => path.as_deref().ok(),
            ImageBytes::Finished(files) => files.first().map(PathBuf::as_path),
        }
    }
}

/// Gets the bytes of picks, one after another. One for each thread.
pub(super) struct Reader {
    renderer: SourceRenderer,
    rendered: Vec<u8>,
    finished: SourceBuffer,
}

impl Reader {
    /// Sources are rendered as `params` say.
    pub(super) fn new(params: RenderParams) -> Self {
        Self {
            renderer: SourceRenderer::new(params),
            rendered: Vec::new(),
            finished: SourceBuffer::default(),
        }
    }

    /// The JPEG of a pick, and what is damaged in its source if that was read; or why it cannot be had.
    pub(super) fn jpeg(&mut self, pick: &Pick) -> Result<(&[u8], Option<String>), String> {
        match &pick.place {
            ImageBytes::Source { storage, path } => {
                let path = path.as_deref().map_err(String::clone)?;
                let developed = self.renderer.render_file(&**storage, path);
                let developed = developed.map_err(|error| error.to_string())?;
                self.rendered = developed.jpeg;
                let damage = developed.notes.damage.map(|damage| damage.to_string());
                Ok((&self.rendered, damage))
            }
            ImageBytes::Finished(files) => {
                read_first(files, &mut self.finished).map_err(words)?;
                Ok((&self.finished, None))
            }
        }
    }
}

/// Reads the first of `files` that is there.
fn read_first(files: &[PathBuf], buffer: &mut SourceBuffer) -> io::Result<()> {
    for path in files {
        match fs::metadata(path) {
            Ok(file) if file.is_file() => return read_source(&Folder, path, buffer).map(drop),
            // Reading a pipe or a device could take forever.
            Ok(_) => return Err(io::Error::other("it is not a file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

fn words(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "the image is missing".to_owned(),
        _ => format!("the image cannot be read: {error}"),
    }
}
