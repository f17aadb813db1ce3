//! `failures.jsonl`: what could not be rendered, and why.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{AtFlags, OFlags};
use serde::{Deserialize, Serialize};

use super::atomic::confirm;
use super::{ContentKey, Durability, PrivateFolder, Temporary, foreign, is_not_ours};
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

/// The failures of one run, appended as they happen. Its owner alone can read it: the paths and keys
/// of some datasets hold the numbers of patients.
pub struct FailureLog {
    path: PathBuf,
    file: Mutex<File>,
    durability: Durability,
}

impl FailureLog {
    /// Opens the log of one share in the state folder (`""` for a run of the whole, which puts one
    /// log in the place of those of shares). Failures of `datasets` are dropped from it, since
    /// these are tried again now; those of other datasets stay.
    pub fn open(
        state: &PrivateFolder,
        share: &str,
        datasets: &BTreeSet<&str>,
        durability: Durability,
    ) -> io::Result<Self> {
        let name = format!("{PREFIX}{share}{SUFFIX}");
        let known = if share.is_empty() {
            failures_in(state)?
        } else if state.has(&name) {
            read_log(state, &name)?
        } else {
            Vec::new()
        };
        let kept: Vec<Failure> = known
            .into_iter()
            .filter(|failure| !datasets.contains(failure.dataset.as_str()))
            .collect();
        if share.is_empty() {
            merge_failures(state, &kept, durability)?;
        } else {
            rewrite(state, &name, &kept, durability)?;
        }
        Ok(Self {
            path: state.path().join(&name),
            file: Mutex::new(state.open_file(&name, OFlags::WRONLY | OFlags::APPEND)?),
            durability,
        })
    }

    /// Appends one failure.
    pub fn append(&self, failure: &Failure) -> io::Result<()> {
        let line = line_of(failure)?;
        held(&self.file).write_all(&line)
    }

    /// Makes sure of all failures so far. To be called before an index is written.
    ///
    /// # Errors
    /// Also those of earlier writes that the file system did not report at once.
    pub fn confirm(&self) -> io::Result<()> {
        confirm(&held(&self.file), self.durability)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads the failures of all shares in the state folder, sorted, each image once. Logs that are not
/// the reader's to read are left out: those of another user's run, say.
pub fn read_failures(state: &Path) -> io::Result<Vec<Failure>> {
    match foreign::open_folder_at(state)? {
        Some(state) => failures_in(state),
        None => Ok(Vec::new()),
    }
}

/// Like [`read_failures`], of a folder that is open.
pub fn failures_in(state: impl AsFd) -> io::Result<Vec<Failure>> {
    let mut all = Vec::new();
    for (_, failures) in logs(&state)? {
        all.extend(failures);
    }
    all.sort();
    all.dedup_by(|a, b| (&a.dataset, a.image) == (&b.dataset, b.image));
    Ok(all)
}

/// Puts one `failures.jsonl` in the place of those of the shares and returns its path. What could
/// not be read stays.
pub fn merge_failures(
    state: &PrivateFolder,
    failures: &[Failure],
    durability: Durability,
) -> io::Result<PathBuf> {
    let shares = logs(state)?;
    let merged = format!("{PREFIX}{SUFFIX}");
    rewrite(state, &merged, failures, durability)?;
    for (name, _) in shares.iter().filter(|(name, _)| *name != merged) {
        rustix::fs::unlinkat(state, name.as_str(), AtFlags::empty())?;
    }
    Ok(state.path().join(merged))
}

/// The logs that can be read, by name.
fn logs(state: impl AsFd) -> io::Result<Vec<(String, Vec<Failure>)>> {
    let mut logs = Vec::new();
    for name in foreign::names(&state, PREFIX, SUFFIX)? {
        match read_log(&state, &name) {
            Ok(failures) => logs.push((name, failures)),
            Err(error)
                if is_not_ours(&error) || error.kind() == io::ErrorKind::PermissionDenied =>
            {
                tracing::warn!("{name} among the records is left out: {error}");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(logs)
}

fn read_log(state: impl AsFd, name: &str) -> io::Result<Vec<Failure>> {
    let mut text = Vec::new();
    foreign::open_file(state, Path::new(name))?.read_to_end(&mut text)?;
    // A torn last line is a failure that the next run meets again.
    Ok(text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}

/// Reads one log.
pub fn read_failure_log(path: &Path) -> io::Result<Vec<Failure>> {
    read_log(rustix::fs::CWD, &path.to_string_lossy())
}

fn rewrite(
    state: &PrivateFolder,
    name: &str,
    failures: &[Failure],
    durability: Durability,
) -> io::Result<()> {
    let mut text = Vec::new();
    for failure in failures {
        text.extend(line_of(failure)?);
    }
    let mut temporary = Temporary::create_private(&state.handle_path().join(name))?;
    temporary.file().write_all(&text)?;
    temporary.commit(durability)
}

fn line_of(failure: &Failure) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(failure)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Trust;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn state() -> (tempfile::TempDir, PrivateFolder) {
        let folder = tempfile::tempdir().unwrap();
        let state = PrivateFolder::open(folder.path(), Trust::Group).unwrap();
        (folder, state)
    }

    fn open(state: &PrivateFolder, share: &str, datasets: &BTreeSet<&str>) -> FailureLog {
        FailureLog::open(state, share, datasets, Durability::Accepted).unwrap()
    }

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
        let (folder, state) = state();
        let all = BTreeSet::from(["a", "b"]);
        let log = open(&state, "", &all);
        log.append(&failure("a", 1)).unwrap();
        log.append(&failure("b", 2)).unwrap();
        open(&state, "", &BTreeSet::from(["b"]));
        assert_eq!(read_failures(folder.path()).unwrap(), [failure("a", 1)]);
    }

    #[test]
    fn shares_are_merged_into_one_file() {
        let (folder, state) = state();
        for (share, image) in [("-1-of-2", 7), ("-2-of-2", 3)] {
            let log = open(&state, share, &BTreeSet::new());
            log.append(&failure("a", image)).unwrap();
            log.append(&failure("a", 5)).unwrap();
        }
        let failures = read_failures(folder.path()).unwrap();
        let merged = merge_failures(&state, &failures, Durability::Accepted).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].as_ref().unwrap().path(), merged);
        let images: Vec<_> = failures.iter().map(|failure| failure.image).collect();
        assert_eq!(images, [3, 5, 7]);
    }

    #[test]
    fn a_planted_link_is_neither_read_nor_written_through() {
        let (folder, state) = state();
        let precious = folder.path().join("precious");
        fs::write(&precious, "mine\n").unwrap();
        symlink(&precious, folder.path().join("failures.jsonl")).unwrap();
        assert_eq!(read_failures(folder.path()).unwrap(), []);
        let log = open(&state, "", &BTreeSet::new());
        log.append(&failure("a", 1)).unwrap();
        log.confirm().unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"mine\n");
        assert_eq!(read_failures(folder.path()).unwrap().len(), 1);
        let mode = fs::metadata(log.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
