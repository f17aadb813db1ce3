//! Writes the raw tree of one dataset. Pictures are drawn and written by all threads of rayon's
//! pool; nothing of a picture depends on which thread draws it, or when.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::coding::{Coding, draw, mean_size, picture};
use super::{Content, Drawing, FileList, SampleError};
use crate::files::{Durability, write_atomically};

/// Maximum number of names per file; ext4 has a limit of 65,000.
const MAX_LINKS: u32 = 60_000;

/// Number of different pictures of each coding, if they are repeated.
const VARIANTS: u32 = 4;

/// How many pictures are collected before they are drawn: enough for all threads of a large machine.
const BATCH: usize = 1024;

/// Counts and lists what is written, by any number of threads.
pub(crate) struct Tally<'a> {
    pub bytes: AtomicU64,
    pub list: &'a FileList,
    /// Called after each picture.
    pub each_image: &'a (dyn Fn() + Sync),
    /// Ends the work before the next picture.
    pub stop: &'a AtomicBool,
}

impl Tally<'_> {
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<Content, SampleError> {
        let content = Content::of(bytes);
        self.list.add_file(path, content)?;
        write_file(path, bytes)?;
        self.bytes.fetch_add(content.size, Ordering::Relaxed);
        Ok(content)
    }
}

/// The synthetic raw tree of one dataset.
pub struct SampleTree<'a> {
    root: PathBuf,
    count: u32,
    drawing: Drawing,
    /// The last folder created: most files are in the same folder as the previous one.
    made: PathBuf,
    /// Files to link to.
    originals: HashMap<OriginalKind, Original>,
    /// Pictures that are not drawn yet.
    waiting: Vec<Picture>,
    output: Output<'a>,
}

/// Where the files of a tree go.
enum Output<'a> {
    Disk(&'a Tally<'a>),
    /// Nowhere: only their sizes are estimated and added up.
    Sizes(u64),
}

/// A picture to draw.
struct Picture {
    path: PathBuf,
    coding: Coding,
    /// Width and height in pixels; various ones if absent.
    size: Option<(u32, u32)>,
    seed: u64,
}

impl Picture {
    fn write(&self, tally: &Tally<'_>) -> Result<Content, SampleError> {
        SampleError::if_stopped(tally.stop)?;
        let drawn = match self.size {
            Some((width, height)) => picture(self.coding, width, height, self.seed),
            None => draw(self.coding, self.seed),
        };
        let bytes = drawn.map_err(|problem| SampleError::Encode {
            path: self.path.clone(),
            problem,
        })?;
        let content = tally.write(&self.path, &bytes)?;
        (tally.each_image)();
        Ok(content)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum OriginalKind {
    Picture {
        coding: Coding,
        size: Option<(u32, u32)>,
        variant: u32,
    },
    Text,
}

/// A file to link to.
struct Original {
    path: PathBuf,
    content: Content,
    /// Number of its names.
    links: u32,
}

impl Original {
    fn new(path: PathBuf, content: Content) -> Self {
        Self {
            path,
            content,
            links: 1,
        }
    }
}

impl<'a> SampleTree<'a> {
    pub(crate) fn new(
        root: PathBuf,
        count: u32,
        drawing: Drawing,
        tally: &'a Tally<'a>,
    ) -> Result<Self, SampleError> {
        tally.list.create_folder(&root)?;
        Ok(Self::with(root, count, drawing, Output::Disk(tally)))
    }

    /// A tree of which no file is written.
    pub(crate) fn of_sizes(count: u32, drawing: Drawing) -> Self {
        Self::with(PathBuf::new(), count, drawing, Output::Sizes(0))
    }

    fn with(root: PathBuf, count: u32, drawing: Drawing, output: Output<'a>) -> Self {
        Self {
            root,
            count,
            drawing,
            made: PathBuf::new(),
            originals: HashMap::new(),
            waiting: Vec::new(),
            output,
        }
    }

    /// About how many bytes a tree [of sizes](Self::of_sizes) would have.
    pub(crate) fn estimated_bytes(&self) -> u64 {
        match self.output {
            Output::Disk(_) => 0,
            Output::Sizes(bytes) => bytes,
        }
    }

    /// The numbers of the images to write.
    pub fn images(&self) -> Range<u32> {
        0..self.count
    }

    /// Writes a picture at `path`, which is relative to the root, now or later.
    pub fn image(&mut self, path: &str, coding: Coding) -> Result<(), SampleError> {
        self.image_of_size(path, coding, None)
    }

    /// The same, of a width and height in pixels.
    pub fn image_of_size(
        &mut self,
        path: &str,
        coding: Coding,
        size: Option<(u32, u32)>,
    ) -> Result<(), SampleError> {
        let Some(tally) = self.written(mean_size(coding)) else {
            return Ok(());
        };
        let (seed, name) = (
            self.drawing.seed,
            xxh3_64_with_seed(path.as_bytes(), self.drawing.seed),
        );
        let path = self.make_folder(path, tally)?;
        if !self.drawing.hard_link {
            self.waiting.push(Picture {
                path,
                coding,
                size,
                seed: name,
            });
            return if self.waiting.len() < BATCH {
                Ok(())
            } else {
                self.finish()
            };
        }
        SampleError::if_stopped(tally.stop)?;
        let variant = name as u32 % VARIANTS;
        let kind = OriginalKind::Picture {
            coding,
            size,
            variant,
        };
        if self.link(&path, kind, tally)? {
            (tally.each_image)();
            return Ok(());
        }
        let picture = Picture {
            path,
            coding,
            size,
            // A repeated picture must not depend on which name comes first.
            seed: seed.wrapping_add(u64::from(variant)),
        };
        let content = picture.write(tally)?;
        self.originals
            .insert(kind, Original::new(picture.path, content));
        Ok(())
    }

    /// Writes a text at `path`.
    pub fn text(&mut self, path: &str, text: &str) -> Result<(), SampleError> {
        let Some(tally) = self.written(text.len() as u64) else {
            return Ok(());
        };
        let path = self.make_folder(path, tally)?;
        tally.write(&path, text.as_bytes()).map(drop)
    }

    /// Writes one of many texts; with hard links, all are links to the first.
    pub fn repeatable_text(&mut self, path: &str, text: &str) -> Result<(), SampleError> {
        let Some(tally) = self.written(text.len() as u64) else {
            return Ok(());
        };
        let path = self.make_folder(path, tally)?;
        if self.drawing.hard_link && self.link(&path, OriginalKind::Text, tally)? {
            return Ok(());
        }
        let content = tally.write(&path, text.as_bytes())?;
        if self.drawing.hard_link {
            self.originals
                .insert(OriginalKind::Text, Original::new(path, content));
        }
        Ok(())
    }

    /// Draws and writes the pictures that are not written yet.
    pub(crate) fn finish(&mut self) -> Result<(), SampleError> {
        let Output::Disk(tally) = self.output else {
            return Ok(());
        };
        let waiting = std::mem::take(&mut self.waiting);
        waiting
            .par_iter()
            .try_for_each(|picture| picture.write(tally).map(drop))
    }

    /// What a file has to be written with; `None` if its size is all that is wanted of it.
    fn written(&mut self, size: u64) -> Option<&'a Tally<'a>> {
        match &mut self.output {
            Output::Disk(tally) => Some(tally),
            Output::Sizes(bytes) => {
                *bytes += size;
                None
            }
        }
    }

    /// Makes `path` a link to an original, unless there is none that takes one more.
    fn link(
        &mut self,
        path: &Path,
        kind: OriginalKind,
        tally: &Tally<'_>,
    ) -> Result<bool, SampleError> {
        match self.originals.get_mut(&kind) {
            Some(original) if original.links < MAX_LINKS => {
                original.links += 1;
                tally.list.add_file(path, original.content)?;
                fs::hard_link(&original.path, path).map_err(SampleError::io(path))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Creates the folder of a file; returns its full path.
    fn make_folder(&mut self, path: &str, tally: &Tally<'_>) -> Result<PathBuf, SampleError> {
        let path = self.root.join(path);
        let folder = path.parent().unwrap_or(Path::new("/"));
        if folder != self.made {
            tally.list.create_folder(folder)?;
            self.made = folder.to_owned();
        }
        Ok(path)
    }
}

/// Writes a file so that it is complete or absent if this process is killed.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), SampleError> {
    write_atomically(path, Durability::Accepted, |file| file.write_all(bytes))
        .map_err(SampleError::io(path))
}
