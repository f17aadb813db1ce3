//! An earlier sample: what of it may be removed.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use crate::synthetic::{Content, ListedFiles, SampleError};

/// The raw trees of an earlier sample, in which there is nothing else.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    files: Vec<PathBuf>,
    /// Each one after the folder that it is in.
    folders: Vec<PathBuf>,
    bytes: u64,
}

/// The names of one file and what it has to contain.
#[derive(Debug)]
struct LinkedFile {
    names: Vec<(PathBuf, Content)>,
    size: u64,
}

impl Earlier {
    /// Looks at all that is below `raw`.
    ///
    /// # Errors
    /// If something there is not in the `list` of the sample, or has changed.
    pub fn find(raw: &Path, list: &Path, stop: &AtomicBool) -> Result<Self, SampleError> {
        let mut search = Search {
            raw,
            list,
            listed: ListedFiles::read(list)?,
            found: Self::default(),
            linked: BTreeMap::new(),
        };
        match fs::symlink_metadata(raw) {
            Ok(metadata) if metadata.is_dir() => search.walk(stop)?,
            Ok(_) => return Err(search.not_listed(raw)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(SampleError::io(raw)(error)),
        }
        let Search {
            linked, mut found, ..
        } = search;
        let linked: Vec<LinkedFile> = linked.into_values().collect();
        linked.par_iter().try_for_each(|file| {
            SampleError::if_stopped(stop)?;
            file.compare()
        })?;
        for file in linked {
            found.bytes += file.size;
            found
                .files
                .extend(file.names.into_iter().map(|(path, _)| path));
        }
        Ok(found)
    }

    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Sizes of its files; each once, however many hard links it has.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Removes what was found, one by one: what has come since then stays, and is an error.
    pub fn remove(&self, stop: &AtomicBool) -> Result<(), SampleError> {
        let files = self.files.iter().map(|path| (path, fs::remove_file(path)));
        let folders = self.folders.iter().rev();
        let folders = folders.map(|path| (path, fs::remove_dir(path)));
        for (path, removed) in files.chain(folders) {
            match removed {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(SampleError::io(path))?,
            }
            SampleError::if_stopped(stop)?;
        }
        Ok(())
    }
}

impl LinkedFile {
    /// Makes sure that the file is as the sample wrote it.
    fn compare(&self) -> Result<(), SampleError> {
        let Some((first, content)) = self.names.first() else {
            return Ok(());
        };
        // A file that has grown need not be read.
        let is_same = self.size == content.size
            && Content::of(&fs::read(first).map_err(SampleError::io(first))?) == *content;
        match self.names.iter().find(|(_, other)| other != content) {
            _ if !is_same => Err(SampleError::FileDiffers {
                path: first.clone(),
            }),
            Some((path, _)) => Err(SampleError::FileDiffers { path: path.clone() }),
            None => Ok(()),
        }
    }
}

/// A walk through the raw trees.
struct Search<'a> {
    raw: &'a Path,
    list: &'a Path,
    listed: ListedFiles,
    found: Earlier,
    /// By device and inode: with hard links, a few files have very many names.
    linked: BTreeMap<(u64, u64), LinkedFile>,
}

impl Search<'_> {
    fn walk(&mut self, stop: &AtomicBool) -> Result<(), SampleError> {
        let mut waiting = vec![self.raw.to_owned()];
        while let Some(folder) = waiting.pop() {
            SampleError::if_stopped(stop)?;
            for entry in fs::read_dir(&folder).map_err(SampleError::io(&folder))? {
                let path = entry.map_err(SampleError::io(&folder))?.path();
                // Links are not followed: no sample has any.
                let metadata = fs::symlink_metadata(&path).map_err(SampleError::io(&path))?;
                if !metadata.is_dir() {
                    self.add_file(path, &metadata)?;
                } else if self.listed.has_folder(self.name_of(&path)) {
                    self.found.folders.push(path.clone());
                    waiting.push(path);
                } else {
                    return Err(self.not_listed(&path));
                }
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: PathBuf, metadata: &Metadata) -> Result<(), SampleError> {
        let name = self.name_of(&path);
        if !metadata.is_file() {
            return Err(self.not_listed(&path));
        }
        if let Some(content) = self.listed.content_of(name) {
            let file = self.linked.entry((metadata.dev(), metadata.ino()));
            let file = file.or_insert_with(|| LinkedFile {
                names: Vec::new(),
                size: metadata.size(),
            });
            file.names.push((path, content));
        } else if self.listed.is_unfinished(name) {
            self.found.files.push(path);
        } else {
            return Err(self.not_listed(&path));
        }
        Ok(())
    }

    /// A path as the list has it.
    fn name_of<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(self.raw).unwrap_or(path)
    }

    fn not_listed(&self, path: &Path) -> SampleError {
        SampleError::NotListed {
            path: path.to_owned(),
            list: self.list.to_owned(),
        }
    }
}
