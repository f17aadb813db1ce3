//! The `index.json` of a mount: built on first need, kept in the cache. Stands for the steps of fetching
//! and rendering: the reports are read while the index is written.
//!
//! It is kept without the mount point, which every path in it begins with, and put in when it is read:
//! so all mount points share one file.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rayon::ThreadPool;

use super::{Fault, Item, ServedDataset, Server};
use crate::catalog::index::{self, Reports};
use crate::datasets::reports_digest;
use crate::pipeline::Priority;
use crate::store::ContentKey;
use crate::store::{Body, InsertOffsets, Spliced};
use crate::waits::Waiting;

/// Raised by every change of what is in an index, or of its key.
const VERSION: &[u8] = b"index 4";

/// Threads that look at reports, which may be far away.
const REPORT_THREADS: usize = 16;

/// What stands directly before a path. Strings of JSON hold no line ends, so nothing else is
/// like it.
const MARKER: &[u8] = b"\n        \"path\": \"";

/// Threads that look at reports and read them: of a dataset's own, since they may wait for its root
/// without end.
pub(super) fn readers(dataset: &ServedDataset) -> Result<ThreadPool, Fault> {
    let count = if dataset.tree.dataset.has_reports() {
        REPORT_THREADS
    } else {
        thread::available_parallelism().map_or(1, usize::from)
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(|number| format!("index-{number}"))
        .build()
        .map_err(|error| Fault::new(format!("starting threads: {error}")))
}

/// Key of a dataset's index: it follows from the catalog, and from what the storage says of every
/// report. Where these are does not matter (only SIIM-ACR has it in its keys, and so in its catalog).
/// For a dataset with reports, that is a metadata call for each study; `answered` is called after each.
pub(super) fn key(
    dataset: &ServedDataset,
    readers: &ThreadPool,
    answered: &(dyn Fn() + Sync),
) -> ContentKey {
    let digest = dataset.catalog.digest().to_le_bytes();
    let reports = || reports_digest(&dataset.catalog, &dataset.tree, answered);
    let reports = readers.install(reports).to_le_bytes();
    ContentKey::of_parts([VERSION, dataset.name().as_bytes(), &digest, &reports])
}

impl Server {
    /// Makes the index of a dataset, on a thread of its root.
    pub(super) fn make_index(&self, item: Item) {
        let outcome = self
            .dataset(item)
            .ok_or_else(|| Fault::new("no such dataset"))
            .and_then(|dataset| {
                let (key, readers) = (dataset.index_key()?, readers(dataset)?);
                self.keep_index(item, key, |out| {
                    let waiting = dataset.root_waits.begin();
                    let mut out = Aside {
                        out,
                        waiting: &waiting,
                    };
                    write(&mut out, dataset, &readers, &|| waiting.answered())
                })
            });
        self.reply_made(item, self.priority(item) == Priority::Demand, outcome);
    }
}

/// Writes to a tier what comes from a root: whoever waits for one does not wait for the other.
struct Aside<'a> {
    out: &'a mut dyn Write,
    waiting: &'a Waiting,
}

impl Write for Aside<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.aside(|| self.out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes the index without the mount point. Entries that can only fail, and those that are
/// not there (`ONLY_PRESENT`), are left out, as `materialize` leaves them out. `answered` is called
/// after each report. Returns whether all reports that there are could be read.
fn write(
    out: &mut dyn Write,
    dataset: &ServedDataset,
    readers: &ThreadPool,
    answered: &(dyn Fn() + Sync),
) -> io::Result<bool> {
    let include = |number| !dataset.catalog.is_faulty(number) && !dataset.catalog.is_absent(number);
    let folder = Path::new("/").join(dataset.name());
    let read = |key: &str| {
        let report = dataset.tree.report(key);
        answered();
        report
    };
    let reports = Reports {
        read: &read,
        pool: Some(readers),
    };
    let notes = index::write(out, &dataset.catalog, &folder, &include, reports)?;
    if let Some(first) = notes.warnings.first() {
        let more = match notes.warnings.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more of this kind)"),
        };
        tracing::warn!(dataset = dataset.name(), "{first}{more}");
    }
    Ok(notes.unreadable == 0)
}

/// What is put in before every path of an index: the mount point, as JSON has it.
#[derive(Debug)]
pub(super) struct Prefix {
    text: Arc<[u8]>,
    /// How many paths there are.
    paths: u64,
}

impl Prefix {
    pub(super) fn new(mountpoint: &Path, paths: u64) -> Self {
        let mountpoint = mountpoint.to_string_lossy();
        // The root's own slash is that of the path.
        let json = serde_json::Value::from(mountpoint.trim_end_matches('/')).to_string();
        // Without the quotes around it.
        let text = json.get(1..json.len() - 1).unwrap_or_default();
        Self {
            text: text.as_bytes().into(),
            paths,
        }
    }

    /// How many bytes it adds to an index.
    pub(super) fn added(&self) -> u64 {
        self.paths * self.text.len() as u64
    }

    /// The places of a kept index. Reads all of it.
    pub(super) fn places(&self, kept: &Body) -> Result<InsertOffsets, Fault> {
        let places = InsertOffsets::behind(MARKER, kept)
            .map_err(|error| Fault::new(format!("the index cannot be read back: {error}")))?;
        if places.count() == self.paths {
            Ok(places)
        } else {
            Err(Fault::new("the index has other entries than the lists"))
        }
    }

    /// The index as it is read.
    pub(super) fn put_into(&self, kept: Body, places: &Arc<InsertOffsets>) -> Body {
        let spliced = Spliced::new(kept, Arc::clone(places), Arc::clone(&self.text));
        Body::Spliced(Arc::new(spliced))
    }
}
