//! The list of the folders and files that a sample wrote. It alone decides what a later sample may
//! remove.
//!
//! Each folder and file has a line of JSON. The line is written before the folder or file, so that
//! the list is complete whenever the process is killed; it may list files that do not exist.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{SampleError, write_file};
use crate::files::target_of;

/// What identifies the bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub size: u64,
    xxh3: u64,
}

impl Content {
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            size: bytes.len() as u64,
            xxh3: xxh3_64(bytes),
        }
    }
}

/// A line of the list.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Relative to the folder of the raw trees.
    path: PathBuf,
    /// Of a file; a folder has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Content>,
}

/// The list while a sample is being written.
pub(crate) struct FileList {
    path: PathBuf,
    raw: PathBuf,
    file: Mutex<File>,
}

impl FileList {
    /// Starts the list `path` of what is written below `raw`, in place of an earlier one.
    pub fn create(path: &Path, raw: &Path) -> Result<Self, SampleError> {
        write_file(path, b"")?;
        let file = File::options().append(true).open(path);
        Ok(Self {
            path: path.to_owned(),
            raw: raw.to_owned(),
            file: Mutex::new(file.map_err(SampleError::io(path))?),
        })
    }

    /// Creates a folder, and those that it is in.
    pub fn create_folder(&self, folder: &Path) -> Result<(), SampleError> {
        self.add(folder, None)?;
        fs::create_dir_all(folder).map_err(SampleError::io(folder))
    }

    /// Lists a file that is about to be written.
    pub fn add_file(&self, file: &Path, content: Content) -> Result<(), SampleError> {
        self.add(file, Some(content))
    }

    fn add(&self, path: &Path, content: Option<Content>) -> Result<(), SampleError> {
        let path = path.strip_prefix(&self.raw).unwrap_or(path).to_owned();
        let line = serde_json::to_string(&Line { path, content });
        self.append(line.map_err(io::Error::from))
            .map_err(SampleError::io(&self.path))
    }

    fn append(&self, line: io::Result<String>) -> io::Result<()> {
        let line = line? + "\n";
        let mut file = self.file.lock();
        let length = file.metadata()?.len();
        file.write_all(line.as_bytes()).inspect_err(|_| {
            // Other threads may still add lines, which must not continue a part of this one.
            let _ = file.set_len(length);
        })
    }
}

/// What is in a list.
#[derive(Debug, Default)]
pub(crate) struct ListedFiles {
    folders: HashSet<PathBuf>,
    files: HashMap<PathBuf, Content>,
}

impl ListedFiles {
    /// Reads the list `path`; nothing is listed if there is none.
    pub fn read(path: &Path) -> Result<Self, SampleError> {
        let mut reader = match File::open(path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(SampleError::io(path)(error)),
        };
        let (mut listed, mut line) = (Self::default(), Vec::new());
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line);
            length.map_err(SampleError::io(path))?;
            // A line that was cut off lists a file that was never written.
            if line.last() != Some(&b'\n') {
                return Ok(listed);
            }
            let line: Line = serde_json::from_slice(&line).map_err(|_| SampleError::BadList {
                path: path.to_owned(),
            })?;
            listed.add(line);
        }
    }

    fn add(&mut self, line: Line) {
        if let Some(content) = line.content {
            self.files.insert(line.path, content);
            return;
        }
        // A folder is created together with those that it is in.
        for folder in line.path.ancestors() {
            if !self.folders.insert(folder.to_owned()) {
                break;
            }
        }
    }

    /// Whether the sample created this folder.
    pub fn has_folder(&self, path: &Path) -> bool {
        self.folders.contains(path)
    }

    /// What a file of the sample has to contain.
    pub fn content_of(&self, path: &Path) -> Option<Content> {
        self.files.get(path).copied()
    }

    /// Whether a file is one that the sample was writing when it was killed.
    pub fn is_unfinished(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        let target = name.and_then(target_of);
        target.is_some_and(|target| self.files.contains_key(&path.with_file_name(target)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_knows_its_folders_and_files_and_bears_a_cut_off_end() {
        let folder = tempfile::tempdir().unwrap();
        let (path, raw) = (folder.path().join("list"), folder.path().join("raw"));
        let content = Content::of(b"some bytes");
        let list = FileList::create(&path, &raw).unwrap();
        list.create_folder(&raw.join("a/b")).unwrap();
        list.add_file(&raw.join("a/b/odd\nname"), content).unwrap();
        assert!(raw.join("a/b").is_dir());
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"path\":\"a/c").unwrap();
        let listed = ListedFiles::read(&path).unwrap();
        for known in ["a", "a/b"] {
            assert!(listed.has_folder(Path::new(known)), "{known}");
        }
        assert!(!listed.has_folder(Path::new("a/c")));
        assert_eq!(listed.content_of(Path::new("a/b/odd\nname")), Some(content));
        assert_eq!(listed.content_of(Path::new("a/b")), None);
        assert!(listed.is_unfinished(Path::new("a/b/.odd\nname.00ff.tmp")));
        assert!(!listed.is_unfinished(Path::new("a/b/.mine.00ff.tmp")));
        file.write_all(b"\n").unwrap();
        assert!(matches!(
            ListedFiles::read(&path),
            Err(SampleError::BadList { .. })
        ));
    }
}
