//! `failures.jsonl`, `damaged.jsonl`, `overlays.jsonl`: images that you may want to look at, and
//! why.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::ContentKey;
use crate::files::confirm;
use crate::files::{Durability, PrivateFolder, Temporary, is_not_ours, no_follow};
use crate::shown::Show as _;

const SUFFIX: &str = ".jsonl";

/// Which images a log names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// Images that could not be rendered.
    Failures,
    /// Images made from a damaged source, or left out because of it.
    Damaged,
    /// Images whose DICOM file has bits set above its HighBit.
    Overlays,
}

impl LogKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Damaged => "damaged",
            Self::Overlays => "overlays",
        }
    }

    /// The log of a run over the whole tree.
    pub fn path(self, state: &PrivateFolder) -> PathBuf {
        state.path().join(self.file_name(""))
    }

    fn file_name(self, share: &str) -> String {
        format!("{}{share}{SUFFIX}", self.prefix())
    }

    /// Rewrites the log `name` with these images. Without images, only the log of failures is kept.
    fn rewrite(
        self,
        state: &PrivateFolder,
        name: &str,
        images: &[LoggedImage],
        durability: Durability,
    ) -> io::Result<()> {
        if self == Self::Failures || !images.is_empty() {
            return rewrite(state, name, images, durability);
        }
        match rustix::fs::unlinkat(state, name, AtFlags::empty()) {
            Err(error) if error != Errno::NOENT => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// One image in a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LoggedImage {
    pub dataset: String,
    pub image: u32,
    pub key: String,
    /// Path of the source image; absent if the lists give none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    pub cause: String,
    /// Identifies source and settings; absent if there was no source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentKey>,
}

/// The images of one run, appended as they occur. Only its owner can read it: in some datasets,
/// paths and keys contain patient numbers.
pub struct ImageLog<'a> {
    state: &'a PrivateFolder,
    name: String,
    path: PathBuf,
    /// Created with its first line, except for the log of failures, which always exists.
    file: Mutex<Option<File>>,
    durability: Durability,
}

impl<'a> ImageLog<'a> {
    /// Opens the log of one share in the state folder (`""` for a run over the whole tree, which
    /// replaces the logs of shares by one). Images of `datasets` are dropped from it, since this
    /// run checks them again; images of other datasets stay.
    pub fn open(
        state: &'a PrivateFolder,
        kind: LogKind,
        share: &str,
        datasets: &BTreeSet<&str>,
        durability: Durability,
    ) -> io::Result<Self> {
        let name = kind.file_name(share);
        let known = if share.is_empty() {
            logged_in(state, kind)?
        } else if state.has(&name) {
            read_log(state, &name)?
        } else {
            Vec::new()
        };
        let kept: Vec<LoggedImage> = known
            .into_iter()
            .filter(|image| !datasets.contains(image.dataset.as_str()))
            .collect();
        if share.is_empty() {
            merge_logs(state, kind, &kept, durability)?;
        } else {
            kind.rewrite(state, &name, &kept, durability)?;
        }
        let log = Self {
            state,
            path: state.path().join(&name),
            name,
            file: Mutex::new(None),
            durability,
        };
        if kind == LogKind::Failures {
            *log.file.lock() = Some(log.open_file()?);
        }
        Ok(log)
    }

    fn open_file(&self) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE;
        self.state.open_file(&self.name, flags)
    }

    /// Appends one image.
    pub fn append(&self, image: &LoggedImage) -> io::Result<()> {
        let line = line_of(image)?;
        let mut file = self.file.lock();
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(self.open_file()?),
        };
        file.write_all(&line)
    }

    /// Makes sure that all images so far are stored. To be called before an index is written.
    ///
    /// # Errors
    /// Also errors of earlier writes that the file system did not report at once.
    pub fn confirm(&self) -> io::Result<()> {
        match &*self.file.lock() {
            Some(file) => confirm(file, self.durability),
            None => Ok(()),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads the logs of all shares in the state folder, sorted, each image once. Logs that this user
/// may not read, such as those of another user's run, are left out.
pub fn read_logged(state: &Path, kind: LogKind) -> io::Result<Vec<LoggedImage>> {
    match no_follow::open_folder_at(state)? {
        Some(state) => logged_in(state, kind),
        None => Ok(Vec::new()),
    }
}

/// Like [`read_logged`], for an open folder.
pub fn logged_in(state: impl AsFd, kind: LogKind) -> io::Result<Vec<LoggedImage>> {
    let mut all = Vec::new();
    for (_, images) in logs(&state, kind)? {
        all.extend(images);
    }
    all.sort();
    all.dedup_by(|a, b| (&a.dataset, a.image) == (&b.dataset, b.image));
    Ok(all)
}

/// Replaces the logs of the shares by one log. Logs that could not be read stay.
pub fn merge_logs(
    state: &PrivateFolder,
    kind: LogKind,
    images: &[LoggedImage],
    durability: Durability,
) -> io::Result<()> {
    let shares = logs(state, kind)?;
    let merged = kind.file_name("");
    kind.rewrite(state, &merged, images, durability)?;
    for (name, _) in shares.iter().filter(|(name, _)| *name != merged) {
        rustix::fs::unlinkat(state, name.as_str(), AtFlags::empty())?;
    }
    Ok(())
}

/// The readable logs, by name.
fn logs(state: impl AsFd, kind: LogKind) -> io::Result<Vec<(String, Vec<LoggedImage>)>> {
    let mut logs = Vec::new();
    for name in no_follow::names(&state, kind.prefix(), SUFFIX)? {
        match read_log(&state, &name) {
            Ok(images) => logs.push((name, images)),
            Err(error)
                if is_not_ours(&error) || error.kind() == io::ErrorKind::PermissionDenied =>
            {
                tracing::warn!("record file {} is ignored: {error}", name.shown());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(logs)
}

fn read_log(state: impl AsFd, name: impl AsRef<Path>) -> io::Result<Vec<LoggedImage>> {
    let mut text = Vec::new();
    no_follow::open_file(state, name.as_ref())?.read_to_end(&mut text)?;
    // A torn last line is a failure that the next run finds again.
    Ok(text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}

/// Reads one log.
pub fn read_log_file(path: &Path) -> io::Result<Vec<LoggedImage>> {
    read_log(rustix::fs::CWD, path)
}

fn rewrite(
    state: &PrivateFolder,
    name: &str,
    images: &[LoggedImage],
    durability: Durability,
) -> io::Result<()> {
    let mut text = Vec::new();
    for image in images {
        text.extend(line_of(image)?);
    }
    let mut temporary = Temporary::create_private(&state.handle_path().join(name))?;
    temporary.file().write_all(&text)?;
    temporary.commit(durability)
}

fn line_of(image: &LoggedImage) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(image)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Trust;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn state() -> (tempfile::TempDir, PrivateFolder) {
        let folder = tempfile::tempdir().unwrap();
        let state = PrivateFolder::open(folder.path(), Trust::Group).unwrap();
        (folder, state)
    }

    const FAILURES: LogKind = LogKind::Failures;

    fn open<'a>(state: &'a PrivateFolder, share: &str, datasets: &BTreeSet<&str>) -> ImageLog<'a> {
        ImageLog::open(state, FAILURES, share, datasets, Durability::Accepted).unwrap()
    }

    fn failure(dataset: &str, image: u32) -> LoggedImage {
        LoggedImage {
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
        assert_eq!(
            read_logged(folder.path(), FAILURES).unwrap(),
            [failure("a", 1)]
        );
    }

    #[test]
    fn shares_are_merged_into_one_file() {
        let (folder, state) = state();
        for (share, image) in [("-1-of-2", 7), ("-2-of-2", 3)] {
            let log = open(&state, share, &BTreeSet::new());
            log.append(&failure("a", image)).unwrap();
            log.append(&failure("a", 5)).unwrap();
        }
        let failures = read_logged(folder.path(), FAILURES).unwrap();
        merge_logs(&state, FAILURES, &failures, Durability::Accepted).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].as_ref().unwrap().path(), FAILURES.path(&state));
        let images: Vec<_> = failures.iter().map(|failure| failure.image).collect();
        assert_eq!(images, [3, 5, 7]);
    }

    #[test]
    fn a_log_of_damaged_sources_is_there_only_with_some() {
        let (folder, state) = state();
        let damaged = LogKind::Damaged;
        let open = || {
            let all = BTreeSet::from(["a"]);
            ImageLog::open(&state, damaged, "", &all, Durability::Accepted).unwrap()
        };
        let path = folder.path().join("damaged.jsonl");
        open().confirm().unwrap();
        assert!(!path.exists());
        open().append(&failure("a", 1)).unwrap();
        assert_eq!(read_logged(folder.path(), damaged).unwrap().len(), 1);
        assert_eq!(read_logged(folder.path(), FAILURES).unwrap(), []);
        open();
        assert!(!path.exists());
    }

    #[test]
    fn a_planted_link_is_neither_read_nor_written_through() {
        let (folder, state) = state();
        let precious = folder.path().join("precious");
        fs::write(&precious, "mine\n").unwrap();
        symlink(&precious, folder.path().join("failures.jsonl")).unwrap();
        assert_eq!(read_logged(folder.path(), FAILURES).unwrap(), []);
        let log = open(&state, "", &BTreeSet::new());
        log.append(&failure("a", 1)).unwrap();
        log.confirm().unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"mine\n");
        assert_eq!(read_logged(folder.path(), FAILURES).unwrap().len(), 1);
        let mode = fs::metadata(log.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
