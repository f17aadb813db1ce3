//! What the thread of the cache does now and then: it counts the files of earlier processes, writes the
//! order of use down, and evicts.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::disk::{DAY, DiskCache};
use super::lru::OlderFiles;
use super::now;
use crate::shown::Show as _;
use crate::store::{ContentGroup, ContentKey};

/// The record of an evicted file is deleted if the file was not used for this long.
const FORGET: u64 = 180 * DAY;

/// Last use, key, size and group of a file.
type OlderFile = (u64, ContentKey, u64, Option<ContentGroup>);

impl DiskCache {
    /// Regular maintenance: saves the order of use, and evicts files that were open when their turn
    /// came or whose space is now needed otherwise.
    pub(super) fn keep(&self) {
        self.flush();
        self.measure();
        self.trim();
        // If nothing is left to evict, this is reported when a file is refused.
        let _ = self.keep_free();
    }

    /// Whether freed space shows so late that the file system should be asked to commit. Never on a
    /// remote disk: a sync there would only write back this machine's memory.
    pub(super) fn is_commit_due(&self) -> bool {
        !self.is_remote() && self.evictor.is_commit_due()
    }

    /// Asks the file system to commit, which takes as long as the disk needs for all pending
    /// writes.
    pub(super) fn commit(&self) {
        let commit = || Ok(rustix::fs::syncfs(self.folder.handle())?);
        if let Err(error) = self.evictor.settle(commit) {
            tracing::debug!("{}: {error}", self.folder.path().shown());
        }
    }

    fn measure(&self) {
        let bytes = self
            .overhead
            .lock()
            .measure(&self.cache_path, self.folder.base());
        self.evictor.set_overhead(bytes);
    }

    /// Saves the order of use in the record database.
    pub(super) fn flush(&self) {
        let touched = std::mem::take(&mut *self.touched.lock());
        if touched.is_empty() {
            return;
        }
        if let Err(error) = self.records.touch(touched.into_iter()) {
            self.complain(&error);
        }
    }

    /// Finds the files of earlier processes, and removes those without a record. Takes seconds for
    /// a million files; meanwhile, files are served but none is evicted.
    pub(super) fn take_stock(&self, stop: &AtomicBool) {
        self.measure();
        let mut files = Vec::new();
        for first in 0..=u8::MAX {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = self.take_stock_of(first, &mut files) {
                self.has_uncounted.store(true, Ordering::Relaxed);
                let path = self.folder.path().shown();
                tracing::warn!("{path}: counting the files {first:02x}...: {error}");
            }
        }
        files.sort_unstable_by_key(|(used, key, ..)| (*used, *key));
        let older = OlderFiles::new(
            files
                .into_iter()
                .map(|(_, key, size, group)| (key, size, group)),
        );
        self.files.complete(older);
        self.keep();
    }

    /// Adds the files in one folder.
    fn take_stock_of(&self, first: u8, files: &mut Vec<OlderFile>) -> io::Result<()> {
        let list_book = || {
            self.records.list(first).map_err(|error| {
                self.complain(&error);
                io::Error::other(error)
            })
        };
        let known = list_book()?;
        let found = self.folder.list(first)?;
        for key in &found {
            match known.binary_search_by_key(key, |(key, ..)| *key) {
                Ok(at) => {
                    let (_, size, used, group) = known[at];
                    files.push((used, *key, size, group));
                }
                // A file that was put since then has a record, but is not in this list.
                Err(_) => {
                    let _locked = self.files.lock(*key);
                    if self.records.get(*key).map_err(io::Error::other)?.is_none() {
                        self.folder.remove_or_log(*key);
                    }
                }
            }
        }
        let found: HashSet<ContentKey> = found.into_iter().collect();
        let limit = now().saturating_sub(FORGET);
        let forgotten: Vec<ContentKey> = known
            .iter()
            .filter(|(key, _, used, _)| *used < limit && !found.contains(key))
            .map(|(key, ..)| *key)
            .collect();
        if !forgotten.is_empty()
            && let Err(error) = self.records.forget(&forgotten, limit)
        {
            self.complain(&error);
        }
        Ok(())
    }
}
