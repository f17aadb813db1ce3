//! `failures.jsonl`: what could not be rendered, and why.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::{ContentKey, write_atomically};
use crate::sync::held;

const PREFIX: &str = "failures";
const SUFFIX: &str = ".jsonl";

/// One image that could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failure {
    pub dataset: String,
    pub image: u32,
    pub key: String,
    /// Path of the source image; absent where the lists give none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    pub cause: String,
    /// What the source and the settings were; absent where there was no source to look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentKey>,
}

/// The failures of one run, appended as they happen.
pub struct FailureLog {
    path: PathBuf,
    file: Mutex<File>,
}

impl FailureLog {
    /// Opens the log of one share in the state folder (`""` for a run of the whole, which puts one
    /// log in the place of those of shares). Failures of `datasets` are dropped from it, since
    /// these are tried again now; those of other datasets stay.
    pub fn open(state: &Path, share: &str, datasets: &BTreeSet<&str>) -> io::Result<Self> {
        let path = state.join(format!("{PREFIX}{share}{SUFFIX}"));
        let known = if share.is_empty() {
            read_failures(state)?
        } else {
            read_failure_log(&path)?
        };
        let kept: Vec<Failure> = known
            .into_iter()
            .filter(|failure| !datasets.contains(failure.dataset.as_str()))
            .collect();
        if share.is_empty() {
            merge_failures(state, &kept)?;
        } else {
            rewrite(&path, kept.into_iter())?;
        }
        let file = File::options().append(true).open(&path)?;
        Ok(Self {
            path,
            file: Mutex::new(file),
        })
    }

    /// Appends one failure.
    pub fn append(&self, failure: &Failure) -> io::Result<()> {
        let line = line_of(failure)?;
        held(&self.file).write_all(&line)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads the failures of all shares in the state folder, sorted, each image once.
pub fn read_failures(state: &Path) -> io::Result<Vec<Failure>> {
    let mut all = Vec::new();
    for path in logs(state)? {
        all.extend(read_failure_log(&path)?);
    }
    all.sort();
    all.dedup_by(|a, b| (&a.dataset, a.image) == (&b.dataset, b.image));
    Ok(all)
}

/// Puts one `failures.jsonl` in the place of those of the shares and returns its path.
pub fn merge_failures(state: &Path, failures: &[Failure]) -> io::Result<PathBuf> {
    let shares = logs(state)?;
    let merged = state.join(format!("{PREFIX}{SUFFIX}"));
    rewrite(&merged, failures.iter().cloned())?;
    for path in shares.iter().filter(|path| **path != merged) {
        fs::remove_file(path)?;
    }
    Ok(merged)
}

fn logs(state: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(state)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Reads one log; one that is not there has no failures.
pub fn read_failure_log(path: &Path) -> io::Result<Vec<Failure>> {
    match fs::read(path) {
        // A torn last line is a failure that the next run meets again.
        Ok(text) => Ok(text
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn rewrite(path: &Path, failures: impl Iterator<Item = Failure>) -> io::Result<()> {
    let mut text = Vec::new();
    for failure in failures {
        text.extend(line_of(&failure)?);
    }
    write_atomically(path, |file| file.write_all(&text))
}

fn line_of(failure: &Failure) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(failure)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(dataset: &str, image: u32) -> Failure {
        Failure {
            dataset: dataset.into(),
            image,
            key: format!("{image}.png"),
            source: Some(PathBuf::from("/raw/x.png")),
            cause: "the file is empty".into(),
            content: None,
        }
    }

    #[test]
    fn a_new_run_forgets_only_what_it_tries_again() {
        let folder = tempfile::tempdir().unwrap();
        let all = BTreeSet::from(["a", "b"]);
        let log = FailureLog::open(folder.path(), "", &all).unwrap();
        log.append(&failure("a", 1)).unwrap();
        log.append(&failure("b", 2)).unwrap();
        FailureLog::open(folder.path(), "", &BTreeSet::from(["b"])).unwrap();
        assert_eq!(read_failures(folder.path()).unwrap(), [failure("a", 1)]);
    }

    #[test]
    fn shares_are_merged_into_one_file() {
        let folder = tempfile::tempdir().unwrap();
        for (share, image) in [("-1-of-2", 7), ("-2-of-2", 3)] {
            let log = FailureLog::open(folder.path(), share, &BTreeSet::new()).unwrap();
            log.append(&failure("a", image)).unwrap();
            log.append(&failure("a", 5)).unwrap();
        }
        let failures = read_failures(folder.path()).unwrap();
        let merged = merge_failures(folder.path(), &failures).unwrap();
        assert_eq!(logs(folder.path()).unwrap(), [merged]);
        let images: Vec<_> = failures.iter().map(|failure| failure.image).collect();
        assert_eq!(images, [3, 5, 7]);
    }
}
