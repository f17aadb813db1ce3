//! Writes the raw tree of one dataset, file by file.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::coding::{Coding, draw};
use super::{Drawing, SampleError};
use crate::files::{Durability, write_atomically};

/// Maximum number of names per file; ext4 has a limit of 65,000.
const MAX_LINKS: u32 = 60_000;

/// Number of different pictures of each coding, if they are repeated.
const VARIANTS: u32 = 4;

/// The synthetic raw tree of one dataset.
pub struct SampleTree {
    root: PathBuf,
    count: u32,
    drawing: Drawing,
    /// The last folder created: most files are in the same folder as the previous one.
    made: PathBuf,
    /// Files to link to, with their number of names.
    originals: HashMap<Original, (PathBuf, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Original {
    Picture { coding: Coding, variant: u32 },
    Text,
}

impl SampleTree {
    pub(crate) fn new(root: PathBuf, count: u32, drawing: Drawing) -> Result<Self, SampleError> {
        fs::create_dir_all(&root).map_err(SampleError::io(&root))?;
        Ok(Self {
            root,
            count,
            drawing,
            made: PathBuf::new(),
            originals: HashMap::new(),
        })
    }

    /// The numbers of the images to write.
    pub fn images(&self) -> Range<u32> {
        0..self.count
    }

    /// Writes a picture at `path`, which is relative to the root.
    pub fn image(&mut self, path: &str, coding: Coding) -> Result<(), SampleError> {
        let name = xxh3_64_with_seed(path.as_bytes(), self.drawing.seed);
        let original = Original::Picture {
            coding,
            variant: name as u32 % VARIANTS,
        };
        let seed = self.drawing.seed;
        self.write_or_link(path, original, |repeated| {
            // A repeated picture must not depend on which name comes first.
            let variant = u64::from(name as u32 % VARIANTS);
            draw(
                coding,
                if repeated {
                    seed.wrapping_add(variant)
                } else {
                    name
                },
            )
        })
    }

    /// Writes a text at `path`.
    pub fn text(&mut self, path: &str, text: &str) -> Result<(), SampleError> {
        let path = self.make_folder(path)?;
        write_file(&path, text.as_bytes())
    }

    /// Writes one of many texts; with hard links, all are links to the first.
    pub fn repeatable_text(&mut self, path: &str, text: &str) -> Result<(), SampleError> {
        self.write_or_link(path, Original::Text, |_| Ok(text.as_bytes().to_vec()))
    }

    fn write_or_link(
        &mut self,
        path: &str,
        original: Original,
        bytes: impl FnOnce(bool) -> Result<Vec<u8>, String>,
    ) -> Result<(), SampleError> {
        let path = self.make_folder(path)?;
        if self.drawing.hard_link
            && let Some((first, links)) = self.originals.get_mut(&original)
            && *links < MAX_LINKS
        {
            *links += 1;
            return fs::hard_link(first, &path).map_err(SampleError::io(&path));
        }
        let bytes = bytes(self.drawing.hard_link).map_err(|problem| SampleError::Encode {
            path: path.clone(),
            problem,
        })?;
        write_file(&path, &bytes)?;
        if self.drawing.hard_link {
            self.originals.insert(original, (path, 1));
        }
        Ok(())
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
