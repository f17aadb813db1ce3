//! One dataset as it is served.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::What;
use super::known::{Known, KnownImages};
use super::start::modified;
use super::stats::Counter;
use crate::catalog::{Catalog, Entry, names};
use crate::datasets::RawTree;
use crate::render::RenderParams;
use crate::store::{FinishedTree, StateFolder};
use crate::sync::held;

/// Bytes that an entry of an index has at least, for an estimate.
const INDEX_ENTRY: u64 = 160;

/// A dataset: its catalog, what is materialized of it, and what is known of its files.
pub struct ServedDataset {
    pub tree: RawTree,
    pub catalog: Catalog,
    params: RenderParams,
    /// Modification time of the root, for what has no source of its own.
    modified: (i64, u32),
    pub(super) finished: FinishedTree,
    images: KnownImages,
    index: Mutex<Option<Known>>,
    /// Images whose size is known, and the sum of these sizes.
    known: AtomicU64,
    known_bytes: AtomicU64,
    pub(super) rendered: Counter,
}

impl ServedDataset {
    /// `materialized` is the folder in which the tree of `machex materialize` is; `state` what is
    /// remembered of it.
    pub(super) fn new(
        tree: RawTree,
        catalog: Catalog,
        params: RenderParams,
        materialized: &Path,
        state: &StateFolder,
    ) -> io::Result<Self> {
        let name = tree.dataset.folder();
        let finished = FinishedTree::open(&materialized.join(name), &state.dataset(name))?;
        Ok(Self {
            modified: modified(&tree.root),
            images: KnownImages::new(catalog.len()),
            index: Mutex::new(None),
            known: AtomicU64::new(0),
            known_bytes: AtomicU64::new(0),
            rendered: Counter::default(),
            params,
            finished,
            tree,
            catalog,
        })
    }

    /// Name of its folder.
    pub fn name(&self) -> &'static str {
        self.tree.dataset.folder()
    }

    /// When the dataset was last changed: seconds since 1970, and nanoseconds.
    pub fn modified(&self) -> (i64, u32) {
        self.modified
    }

    pub(super) fn known(&self, what: What) -> Option<Known> {
        match what {
            What::Image(number) => self.images.get(number),
            What::Index => *held(&self.index),
        }
    }

    /// Remembers what was found out of a file, and returns it with its revision.
    pub(super) fn learn(&self, what: What, known: Known) -> Known {
        let mut learnt = known;
        self.update(what, |slot| {
            learnt = known.after(*slot);
            if slot.is_none() && what != What::Index {
                self.known.fetch_add(1, Ordering::Relaxed);
                self.known_bytes.fetch_add(known.size, Ordering::Relaxed);
            }
            *slot = Some(learnt);
        });
        learnt
    }

    /// Says whether the next opening of a file is the first since it was made for its size. Returns
    /// what was said before.
    pub(super) fn set_fresh(&self, what: What, is_fresh: bool) -> bool {
        let mut before = false;
        self.update(what, |slot| {
            if let Some(known) = slot {
                before = std::mem::replace(&mut known.is_fresh, is_fresh);
            }
        });
        before
    }

    fn update(&self, what: What, change: impl FnOnce(&mut Option<Known>)) {
        match what {
            What::Index => change(&mut held(&self.index)),
            What::Image(number) => self.images.update(number, change),
        }
    }

    /// How many images have a size that is known in this mount.
    pub(super) fn known_count(&self) -> u64 {
        self.known.load(Ordering::Relaxed)
    }

    /// About how many bytes a file has whose size is not known: the mean of those that are.
    pub fn estimate(&self, what: What) -> u64 {
        match what {
            What::Index => u64::from(self.catalog.len()) * INDEX_ENTRY + 2,
            What::Image(_) => self
                .known_bytes
                .load(Ordering::Relaxed)
                .checked_div(self.known_count())
                .unwrap_or_else(|| self.params.estimated_bytes()),
        }
    }

    pub(super) fn entry(&self, number: u32) -> Option<Entry<'_>> {
        self.catalog.get(number)
    }

    /// Name of a file in the dataset's folder.
    pub(super) fn file_name(what: What) -> String {
        match what {
            What::Index => names::INDEX_NAME.to_owned(),
            What::Image(number) => names::image_path(number).display().to_string(),
        }
    }
}
