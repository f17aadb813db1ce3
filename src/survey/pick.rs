//! One image of a dataset to look at.

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

/// A picked image.
#[derive(Debug, Clone)]
pub struct Pick {
    /// Such as `000123`, or anything in another program's index.
    pub id: String,
    pub key: String,
    pub label: Option<ClassLabel>,
    pub(super) place: ImageBytes,
}

/// The location of an image's bytes.
#[derive(Debug, Clone)]
pub(super) enum ImageBytes {
    /// A source to render, or why there is none.
    Source {
        storage: Arc<dyn Storage>,
        path: Result<PathBuf, String>,
    },
    /// A finished JPEG: the first of these files that exists.
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

    /// The file to read, as far as known.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            ImageBytes::Source { path, .. } => path.as_deref().ok(),
            ImageBytes::Finished(files) => files.first().map(PathBuf::as_path),
        }
    }
}

/// Gets the bytes of picks, one after another. One per thread.
pub(super) struct Reader {
    renderer: SourceRenderer,
    rendered: Vec<u8>,
    finished: SourceBuffer,
}

impl Reader {
    /// Renders sources with `params`.
    pub(super) fn new(params: RenderParams) -> Self {
        Self {
            renderer: SourceRenderer::new(params),
            rendered: Vec::new(),
            finished: SourceBuffer::default(),
        }
    }

    /// The JPEG of a pick, and the damage of its source if that was read; or why there is no JPEG.
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

/// Reads the first of `files` that exists.
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
