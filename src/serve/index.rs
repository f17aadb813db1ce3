//! The `index.json` of a mount: built when a reader first needs it, and kept in the cache. The
//! reports are read while the index is written.
//!
//! The stored file lacks the mount point, with which every path in an index begins. It is inserted
//! when the index is read, so all mount points share one file.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use rayon::ThreadPool;

use super::{Fault, ServedDataset};
use crate::catalog::index::{self, Reports};
use crate::store::ContentKey;
use crate::store::{Body, InsertOffsets, Spliced};

/// Raise this when the content of an index, or the way its key is computed, changes.
const VERSION: &[u8] = b"index 4";

/// The text directly before a path. It occurs nowhere else, since JSON strings contain no line
/// ends.
const MARKER: &[u8] = b"\n        \"path\": \"";

/// Content key of a dataset's index. It depends on the catalog and on what the storage says of
/// every report, but not on where the reports are (only SIIM-ACR has that in its keys, and so in
/// its catalog).
pub(super) fn key(dataset: &ServedDataset, reports: u64) -> ContentKey {
    let digest = dataset.catalog.digest().to_le_bytes();
    let name = dataset.name().as_bytes();
    ContentKey::of_parts([VERSION, name, &digest, &reports.to_le_bytes()])
}

/// Writes the index without the mount point. Like `materialize`, it leaves out entries that can
/// only fail and, with `ONLY_PRESENT`, images whose sources are absent. `answered` is called after
/// each report. Returns whether all existing reports could be read.
pub(super) fn write(
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

/// The text to insert before every path of an index: the mount point, escaped for JSON.
#[derive(Debug)]
pub(super) struct Prefix {
    text: Arc<[u8]>,
    /// Number of paths in the index.
    paths: u64,
}

impl Prefix {
    pub(super) fn new(mountpoint: &Path, paths: u64) -> Self {
        let mountpoint = mountpoint.to_string_lossy();
        // Paths begin with a slash, so the mount point `/` adds nothing.
        let json = serde_json::Value::from(mountpoint.trim_end_matches('/')).to_string();
        // Without the surrounding quotes.
        let text = json.get(1..json.len() - 1).unwrap_or_default();
        Self {
            text: text.as_bytes().into(),
            paths,
        }
    }

    /// Number of bytes that it adds to an index.
    pub(super) fn added(&self) -> u64 {
        self.paths * self.text.len() as u64
    }

    /// Finds the places in a stored index. Reads all of it.
    pub(super) fn places(&self, kept: &Body) -> Result<InsertOffsets, Fault> {
        let places = InsertOffsets::behind(MARKER, kept)
            .map_err(|error| Fault::new(format!("the index cannot be read back: {error}")))?;
        if places.count() == self.paths {
            Ok(places)
        } else {
            Err(Fault::new("the index has other entries than the lists"))
        }
    }

    /// The index as readers see it.
    pub(super) fn put_into(&self, kept: Body, places: &Arc<InsertOffsets>) -> Body {
        let spliced = Spliced::new(kept, Arc::clone(places), Arc::clone(&self.text));
        Body::Spliced(Arc::new(spliced))
    }
}
