//! The images that `materialize` finished, of one dataset.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{CONTENT_VERSION, ContentKey, Extent, Record, Records};
use crate::files::{is_not_ours, no_follow};
use crate::names;
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::words::counted;

/// The message for a tree whose images an earlier version of machex finished: it rendered some
/// sources differently, or recorded them in another way.
pub fn renewal(count: usize) -> String {
    format!(
        "{} made by an earlier version of machex, and made again",
        counted(count as u64, "finished image was", "finished images were")
    )
}

/// The materialized images of one dataset and their records.
#[derive(Debug)]
pub struct FinishedTree {
    folder: PathBuf,
    records: Records,
    extent: Option<Extent>,
    faults: Vec<RecordsFault>,
}

/// Why some records of a tree are not used. Their images count as not finished.
#[derive(Debug, thiserror::Error)]
pub enum RecordsFault {
    /// A link, or anything else in the place of a folder or a file.
    #[error("{path} is not used: {source}", path = path.shown())]
    NotUsed { path: PathBuf, source: io::Error },
    /// The records belong neither to the owner of the tree, nor to this user, nor to root.
    #[error(
        "{path} is not used: it belongs to user {owner}, and the tree to user {tree}, \
         so another user may have made it",
        path = path.shown()
    )]
    OtherOwner {
        path: PathBuf,
        owner: u32,
        tree: u32,
    },
}

impl FinishedTree {
    /// Reads the records in `state`, a dataset's folder in the state folder, for the images in
    /// `folder`. Both folders are optional and may belong to another user, such as an
    /// administrator, but no link to the records is followed.
    pub fn open(folder: &Path, state: &Path) -> io::Result<Self> {
        let doing = format!("reading the records in {}", state.shown());
        announce_if_slow(doing, || Self::open_at_once(folder, state))
    }

    fn open_at_once(folder: &Path, state: &Path) -> io::Result<Self> {
        let mut tree = Self {
            folder: folder.to_owned(),
            records: Records::default(),
            extent: None,
            faults: Vec::new(),
        };
        if let Some(records) = tree.open_records(state)? {
            let left_out;
            tree.extent = Extent::read(&records);
            (tree.records, left_out) = Records::read(&records)?;
            for (name, source) in left_out {
                let path = state.join(name);
                tree.faults.push(RecordsFault::NotUsed { path, source });
            }
        }
        Ok(tree)
    }

    /// Opens the folder of records, if it exists and can be trusted.
    fn open_records(&mut self, state: &Path) -> io::Result<Option<OwnedFd>> {
        let (Some(root), Some(name)) = (state.parent(), state.file_name()) else {
            return Ok(None);
        };
        let root_folder = match no_follow::open_folder_at(root) {
            Ok(Some(folder)) => folder,
            Ok(None) => return Ok(None),
            Err(source) => return self.not_used(root, source),
        };
        let owner = rustix::fs::fstat(&root_folder)?.st_uid;
        let user = rustix::process::geteuid().as_raw();
        let tree = self.folder.parent().map(fs::metadata);
        if let Some(Ok(tree)) = tree
            && ![0, user, tree.uid()].contains(&owner)
        {
            self.faults.push(RecordsFault::OtherOwner {
                path: root.to_owned(),
                owner,
                tree: tree.uid(),
            });
            return Ok(None);
        }
        match no_follow::open_folder(&root_folder, Path::new(name)) {
            Err(source) => self.not_used(state, source),
            opened => opened,
        }
    }

    fn not_used(&mut self, path: &Path, source: io::Error) -> io::Result<Option<OwnedFd>> {
        if !is_not_ours(&source) {
            return Err(source);
        }
        let path = path.to_owned();
        self.faults.push(RecordsFault::NotUsed { path, source });
        Ok(None)
    }

    pub fn records(&self) -> &Records {
        &self.records
    }

    /// What the sources held when `materialize` last read them, if known.
    pub fn extent(&self) -> Option<&Extent> {
        self.extent.as_ref()
    }

    /// Records that are not used, and why.
    pub fn faults(&self) -> &[RecordsFault] {
        &self.faults
    }

    /// Removes and returns the faults, to be reported as errors.
    pub fn take_faults(&mut self) -> Vec<RecordsFault> {
        std::mem::take(&mut self.faults)
    }

    /// Path of the image `number`, whether or not it exists.
    pub fn image_path(&self, number: u32) -> PathBuf {
        self.folder.join(names::image_path(number))
    }

    /// The record of the image `number`, if it was made for `key`.
    pub fn record_of(&self, number: u32, key: ContentKey) -> Option<&Record> {
        self.records.get(number).filter(|record| record.key == key)
    }

    /// How many of the first `len` images an earlier version of machex finished, and are to be
    /// replaced; 0 if none of a sample of their files exists.
    pub fn made_by_older_version(&self, len: u32) -> usize {
        /// Number of files in the sample.
        const SAMPLE: usize = 100;
        let is_older = |record: &&Record| record.image < len && record.version < CONTENT_VERSION;
        let older = || self.records.from(0).filter(is_older);
        if older().take(SAMPLE).any(|record| self.holds(record)) {
            older().count()
        } else {
            0
        }
    }

    /// Whether the image `number` was finished for `key`; does not check its file.
    pub fn has_record(&self, number: u32, key: ContentKey) -> bool {
        self.record_of(number, key).is_some()
    }

    /// Size of the image `number` in bytes, if it was made for `key` and its file is complete.
    pub fn size_of(&self, number: u32, key: ContentKey) -> Option<u64> {
        let record = self.record_of(number, key)?;
        self.holds(record).then_some(record.size)
    }

    /// Whether the file of a record exists and has the recorded size.
    pub fn holds(&self, record: &Record) -> bool {
        fs::symlink_metadata(self.image_path(record.image))
            .is_ok_and(|file| file.is_file() && file.size() == record.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Durability;
    use crate::store::{Journal, StateFolder};
    use std::os::unix::fs::{chown, symlink};

    /// A tree with one record, and the path of its folder of records.
    fn tree(base: &Path) -> (PathBuf, PathBuf) {
        let tree = base.join("out");
        fs::create_dir(&tree).unwrap();
        let state = StateFolder::of(&tree);
        let records = state.open_or_create().unwrap();
        let records = records
            .subfolder("openi", crate::files::Trust::Group, 0o755)
            .unwrap();
        let journal = Journal::open(&records, "", Durability::Accepted).unwrap();
        let made = ("a".parse().unwrap(), 9);
        journal
            .append(0, made, &crate::render::Notes::default(), None)
            .unwrap();
        (tree.join("openi"), state.dataset("openi"))
    }

    #[test]
    fn links_among_the_records_are_not_followed() {
        let base = tempfile::tempdir().unwrap();
        let (folder, state) = tree(base.path());
        let opened = FinishedTree::open(&folder, &state).unwrap();
        assert!(opened.records().get(0).is_some() && opened.faults().is_empty());

        let elsewhere = base.path().join("elsewhere");
        for linked in [
            state.join("finished.jsonl"),
            state.clone(),
            base.path().join("out.state"),
        ] {
            fs::rename(&linked, &elsewhere).unwrap();
            symlink(&elsewhere, &linked).unwrap();
            let opened = FinishedTree::open(&folder, &state).unwrap();
            assert!(opened.records().get(0).is_none(), "{linked:?}");
            let fault = opened.faults()[0].to_string();
            assert!(
                fault.contains("link") && fault.contains(linked.to_str().unwrap()),
                "{fault}"
            );
            fs::remove_file(&linked).unwrap();
            fs::rename(&elsewhere, &linked).unwrap();
        }
    }

    #[test]
    fn records_that_neither_the_trees_owner_nor_root_made_are_not_used() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("NOT TESTED, since only root can give files away: records of another user");
            return;
        }
        let base = tempfile::tempdir().unwrap();
        let (folder, state) = tree(base.path());
        let give = |path: &Path, user| chown(path, Some(user), None).unwrap();
        let root = state.parent().unwrap();
        give(root, 65_534);
        let opened = FinishedTree::open(&folder, &state).unwrap();
        assert!(opened.records().get(0).is_none());
        assert!(matches!(
            opened.faults(),
            [RecordsFault::OtherOwner { owner: 65_534, .. }]
        ));
        // An administrator's tree, mounted by another user.
        give(folder.parent().unwrap(), 65_534);
        let opened = FinishedTree::open(&folder, &state).unwrap();
        assert!(opened.records().get(0).is_some() && opened.faults().is_empty());
    }
}
