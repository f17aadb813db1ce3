//! One dataset of a mount, and what the mount knows of its files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::index::Prefix;
use super::tasks::FetchTask;
use super::whole_dataset::WholeKeys;
use super::{Fault, Item, Known, What, Work};
use crate::catalog::{Catalog, Entry};
use crate::datasets::RawTree;
use crate::metadata_table;
use crate::names;
use crate::pipeline::{IoPool, KnownImages};
use crate::render::RenderParams;
use crate::shown::Show as _;
use crate::status::Counter;
use crate::store::{Body, ContentGroup, InsertOffsets};
use crate::waits::Waits;

/// Maximum number of threads in a pool. They wait for disks and networks, not for processors.
const LOCATING: usize = 16;

/// Threads that read sources, per worker.
const FETCHING: usize = 2;

/// One more of these, since one can be reading the headers of all images for a long time.
const DESCRIBING: usize = 1;

/// Minimum size of an index entry in bytes, for estimates.
const INDEX_ENTRY: u64 = 160;

/// Typical size of a row of metadata without a report, and of what describes the columns, for
/// estimates.
const METADATA_ROW: u64 = 64;
const METADATA_FACTS: u64 = 24 << 10;

/// A dataset: its catalog, its threads, and what is known of its files.
pub struct ServedDataset {
    pub tree: RawTree,
    pub catalog: Catalog,
    pub(super) params: RenderParams,
    /// Its images with these settings.
    pub(super) group: ContentGroup,
    /// Modification time of the root, used for files and folders without a source.
    modified: (i64, u32),
    images: KnownImages,
    index: Mutex<Option<Known>>,
    metadata: Mutex<Option<Known>>,
    pub(super) keys: WholeKeys,
    index_prefix: Prefix,
    /// Where to insert the mount point into the index, once that has been opened.
    index_places: Mutex<Option<IndexOffsets>>,
    /// Threads that locate files. They may wait for the disk or server of the root.
    pub(super) locating: IoPool<Item>,
    /// Threads that read sources. They may wait too.
    pub(super) fetching: IoPool<FetchTask>,
    /// Reads and closes files of the materialized tree, which may contain links to anywhere.
    pub(super) reading: IoPool<Work>,
    /// The threads that wait for the root now.
    pub(super) root_waits: Arc<Waits>,
    /// Number of images whose size is known, and the sum of these sizes.
    known: AtomicU64,
    known_bytes: AtomicU64,
    /// Number of these that were made from a damaged source.
    damaged: AtomicU64,
    pub(super) rendered: Counter,
}

/// Where to insert the mount point into the index whose stored bytes have this checksum.
struct IndexOffsets {
    sum: u64,
    places: Arc<InsertOffsets>,
}

impl ServedDataset {
    /// A dataset without threads yet; `workers` is the number of threads that render.
    pub(super) fn new(
        tree: RawTree,
        catalog: Catalog,
        params: RenderParams,
        mountpoint: &Path,
        workers: usize,
    ) -> Self {
        let name = tree.dataset.folder();
        let paths = u64::from(catalog.present()) - catalog.faults().count() as u64;
        Self {
            modified: modified(&tree.root),
            images: KnownImages::new(catalog.len()),
            index: Mutex::new(None),
            metadata: Mutex::new(None),
            keys: WholeKeys::default(),
            index_prefix: Prefix::new(mountpoint, paths),
            index_places: Mutex::new(None),
            reading: IoPool::new(format!("read tree {name}"), LOCATING),
            locating: IoPool::new(format!("find {name}"), LOCATING),
            fetching: IoPool::new(
                format!("read {name}"),
                workers
                    .saturating_mul(FETCHING)
                    .saturating_add(DESCRIBING)
                    .min(LOCATING),
            ),
            root_waits: Waits::new(),
            known: AtomicU64::new(0),
            known_bytes: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            rendered: Counter::default(),
            group: ContentGroup::new(name, params),
            params,
            tree,
            catalog,
        }
    }

    /// Name of its folder in the mount.
    pub fn name(&self) -> &'static str {
        self.tree.dataset.folder()
    }

    /// Modification time of the root: seconds since 1970, and nanoseconds.
    pub fn modified(&self) -> (i64, u32) {
        self.modified
    }

    pub(super) fn known(&self, what: What) -> Option<Known> {
        match what {
            What::Image(number) => self.images.get(number),
            What::Index => *self.index.lock(),
            What::Metadata => *self.metadata.lock(),
        }
    }

    /// Remembers what is known of a file, and returns it with its revision.
    pub(super) fn learn(&self, what: What, known: Known) -> Known {
        let mut learnt = known;
        self.update(what, |slot| {
            learnt = known.after(*slot);
            match (
                slot.is_some_and(|before| before.is_damaged),
                known.is_damaged,
            ) {
                (false, true) => self.damaged.fetch_add(1, Ordering::Relaxed),
                (true, false) => self.damaged.fetch_sub(1, Ordering::Relaxed),
                _ => 0,
            };
            if slot.is_none() && matches!(what, What::Image(_)) {
                self.known.fetch_add(1, Ordering::Relaxed);
                self.known_bytes.fetch_add(known.size, Ordering::Relaxed);
            }
            *slot = Some(learnt);
        });
        learnt
    }

    /// Sets whether a file was made for its size and has not been opened since. Returns the
    /// previous value.
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
            What::Index => change(&mut self.index.lock()),
            What::Metadata => change(&mut self.metadata.lock()),
            What::Image(number) => self.images.update(number, change),
        }
    }

    /// Number of images whose size this mount knows.
    fn known_count(&self) -> u64 {
        self.known.load(Ordering::Relaxed)
    }

    /// Number of these that were made from a damaged source.
    pub(super) fn damaged_count(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Estimates the size of a file in bytes: for an image, the mean of the known sizes.
    pub fn estimate(&self, what: What) -> u64 {
        match what {
            What::Index => u64::from(self.catalog.present()) * INDEX_ENTRY + 2,
            What::Metadata => u64::from(self.catalog.present()) * METADATA_ROW + METADATA_FACTS,
            What::Image(_) => self
                .known_bytes
                .load(Ordering::Relaxed)
                .checked_div(self.known_count())
                .unwrap_or_else(|| self.params.estimated_bytes()),
        }
    }

    /// Number of bytes that the mount point adds to the stored file.
    pub(super) fn added(&self, what: What) -> u64 {
        match what {
            What::Index => self.index_prefix.added(),
            What::Image(_) | What::Metadata => 0,
        }
    }

    /// Makes the index that readers see from the stored one. Reads all of the stored one.
    pub(super) fn spliced_index(&self, kept: Body, sum: u64) -> Result<Body, Fault> {
        let places = Arc::new(self.index_prefix.places(&kept)?);
        let spliced = self.index_prefix.put_into(kept, &places);
        *self.index_places.lock() = Some(IndexOffsets { sum, places });
        Ok(spliced)
    }

    /// The same without reading it; `None` if this mount has not opened it before.
    pub(super) fn spliced_again(&self, kept: Body, sum: u64) -> Option<Body> {
        let places = {
            let known = self.index_places.lock();
            let known = known.as_ref().filter(|known| known.sum == sum)?;
            Arc::clone(&known.places)
        };
        Some(self.index_prefix.put_into(kept, &places))
    }

    /// Number of items that wait for the root, and of its busy threads.
    pub(super) fn load(&self) -> (usize, usize) {
        let loads = [
            self.locating.load(),
            self.fetching.load(),
            self.reading.load(),
        ];
        let waiting = loads.iter().map(|load| load.0).sum();
        (waiting, loads.iter().map(|load| load.1).sum())
    }

    pub(super) fn entry(&self, number: u32) -> Option<Entry<'_>> {
        self.catalog.get(number)
    }

    /// Path of a file below the dataset's folder.
    pub(super) fn file_name(what: What) -> String {
        match what {
            What::Index => names::INDEX_NAME.to_owned(),
            What::Metadata => metadata_table::FILE_NAME.to_owned(),
            What::Image(number) => names::image_path(number).shown().to_string(),
        }
    }
}

/// Modification time of a folder: seconds since 1970, and nanoseconds; zero if unknown.
fn modified(path: &Path) -> (i64, u32) {
    fs::metadata(path).map_or((0, 0), |metadata| {
        let nanoseconds = u32::try_from(metadata.mtime_nsec()).unwrap_or(0);
        (metadata.mtime(), nanoseconds)
    })
}
