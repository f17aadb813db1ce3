//! Writes the raw tree of one dataset. Pictures are drawn and written by all threads of rayon's
//! pool; nothing of a picture depends on which thread draws it, or when.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::coding::{Coding, draw};
use super::{Drawing, SampleError};
use crate::files::{Durability, write_atomically};

/// Maximum number of names per file; ext4 has a limit of 65,000.
const MAX_LINKS: u32 = 60_000;

/// Number of different pictures of each coding, if they are repeated.
const VARIANTS: u32 = 4;

/// How many pictures are collected before they are drawn: enough for all threads of a large machine.
const BATCH: usize = 1024;

/// Counts what is written, by any number of threads.
pub(crate) struct Tally<'a> {
    pub bytes: AtomicU64,
    /// Called after each picture.
    pub each_image: &'a (dyn Fn() + Sync),
}

impl Tally<'_> {
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), SampleError> {
        write_file(path, bytes)?;
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// The synthetic raw tree of one dataset.
pub struct SampleTree<'a> {
    root: PathBuf,
    count: u32,
    drawing: Drawing,
    /// The last folder created: most files are in the same folder as the previous one.
    made: PathBuf,
    /// Files to link to, with their number of names.
    originals: HashMap<Original, (PathBuf, u32)>,
    /// Pictures that are not drawn yet.
    waiting: Vec<Picture>,
    tally: &'a Tally<'a>,
}

/// A picture to draw.
struct Picture {
    path: PathBuf,
    coding: Coding,
    seed: u64,
}

impl Picture {
    fn write(&self, tally: &Tally<'_>) -> Result<(), SampleError> {
        let bytes = draw(self.coding, self.seed).map_err(|problem| SampleError::Encode {
            path: self.path.clone(),
            problem,
        })?;
        tally.write(&self.path, &bytes)?;
        (tally.each_image)();
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Original {
    Picture { coding: Coding, variant: u32 },
    Text,
}

impl<'a> SampleTree<'a> {
    pub(crate) fn new(
        root: PathBuf,
        count: u32,
        drawing: Drawing,
        tally: &'a Tally<'a>,
    ) -> Result<Self, SampleError> {
        fs::create_dir_all(&root).map_err(SampleError::io(&root))?;
        Ok(Self {
            root,
            count,
            drawing,
            made: PathBuf::new(),
            originals: HashMap::new(),
            waiting: Vec::new(),
            tally,
        })
    }

    /// The numbers of the images to write.
    pub fn images(&self) -> Range<u32> {
        0..self.count
    }

    /// Writes a picture at `path`, which is relative to the root, now or later.
    pub fn image(&mut self, path: &str, coding: Coding) -> Result<(), SampleError> {
        let (seed, name) = (
            self.drawing.seed,
            xxh3_64_with_seed(path.as_bytes(), self.drawing.seed),
        );
        let path = self.make_folder(path)?;
        if !self.drawing.hard_link {
            self.waiting.push(Picture {
                path,
                coding,
                seed: name,
            });
            return if self.waiting.len() < BATCH {
                Ok(())
            } else {
                self.finish()
            };
        }
        let variant = name as u32 % VARIANTS;
        let original = Original::Picture { coding, variant };
        if self.link(&path, original)? {
            (self.tally.each_image)();
            return Ok(());
        }
        let picture = Picture {
            path,
            coding,
            // A repeated picture must not depend on which name comes first.
            seed: seed.wrapping_add(u64::from(variant)),
        };
        picture.write(self.tally)?;
        self.originals.insert(original, (picture.path, 1));
        Ok(())
    }

    /// Writes a text at `path`.
    pub fn text(&mut self, path: &str, text: &str) -> Result<(), SampleError> {
        let path = self.make_folder(path)?;
        self.tally.write(&path, text.as_bytes())
    }

    /// Writes one of many texts; with hard links, all are links to the first.
    pub fn repeatable_text(&mut self, path: &str, text: &str) -> Result<(), SampleError> {
        let path = self.make_folder(path)?;
        if self.drawing.hard_link && self.link(&path, Original::Text)? {
            return Ok(());
        }
        self.tally.write(&path, text.as_bytes())?;
        if self.drawing.hard_link {
            self.originals.insert(Original::Text, (path, 1));
        }
        Ok(())
    }

    /// Draws and writes the pictures that are not written yet.
    pub(crate) fn finish(&mut self) -> Result<(), SampleError> {
        let tally = self.tally;
        let waiting = std::mem::take(&mut self.waiting);
        waiting
            .par_iter()
            .try_for_each(|picture| picture.write(tally))
    }

    /// Makes `path` a link to an original, unless there is none that takes one more.
    fn link(&mut self, path: &Path, original: Original) -> Result<bool, SampleError> {
        match self.originals.get_mut(&original) {
            Some((first, links)) if *links < MAX_LINKS => {
                *links += 1;
                fs::hard_link(first, path).map_err(SampleError::io(path))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Creates the folder of a file; returns its full path.
    fn make_folder(&mut self, path: &str) -> Result<PathBuf, SampleError> {
        let path = self.root.join(path);
        let folder = path.parent().unwrap_or(Path::new("/"));
        if folder != self.made {
            fs::create_dir_all(folder).map_err(SampleError::io(folder))?;
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
