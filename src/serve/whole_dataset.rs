//! Files about a whole dataset: its index and its metadata. They take the place of the steps fetch
//! and render: one thread of the dataset that may wait for its root reads what they are made of,
//! with a pool of its own, and writes them.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::thread;

use rayon::ThreadPool;

use super::{Fault, Item, ServedDataset, Server, What, index, metadata};
use crate::datasets::reports_digest;
use crate::pipeline::Priority;
use crate::store::ContentKey;
use crate::store::tier::Output;
use crate::waits::{Waiting, Waits};

/// Threads that stat and read reports and headers, which may be on a distant server.
const READING_THREADS: usize = 16;

/// The content keys of these files, once they are known.
#[derive(Default)]
pub(super) struct WholeKeys {
    index: OnceLock<ContentKey>,
    metadata: OnceLock<ContentKey>,
    /// The digest of the reports, on which both depend.
    reports: OnceLock<u64>,
}

/// Threads that stat and read what a file is made of. Each file has its own, since they may wait
/// for the root of the dataset without end.
fn readers(dataset: &ServedDataset, what: What) -> Result<ThreadPool, Fault> {
    let count = if what == What::Metadata || dataset.tree.dataset.has_reports() {
        READING_THREADS
    } else {
        thread::available_parallelism().map_or(1, usize::from)
    };
    let name = if what == What::Metadata {
        "metadata"
    } else {
        "index"
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(move |number| format!("{name}-{number}"))
        .build()
        .map_err(|error| Fault::new(format!("starting threads: {error}")))
}

/// The value of `known`, which one caller at a time computes from files of the root. Only that one
/// counts as waiting for the root: the others get no answers from it, however fast it is.
fn once(known: &OnceLock<u64>, root: &Arc<Waits>, compute: impl FnOnce(&Waiting) -> u64) -> u64 {
    *known.get_or_init(|| compute(&root.begin()))
}

impl ServedDataset {
    /// Content key of a file about the whole dataset. It is computed once per mount, which may wait
    /// for the root: for a dataset with reports, there is one `stat` call per study.
    pub(super) fn whole_key(&self, what: What) -> Result<ContentKey, Fault> {
        let slot = match what {
            What::Index => &self.keys.index,
            What::Metadata => &self.keys.metadata,
            What::Image(_) => return Err(Fault::new("an image is not about a whole dataset")),
        };
        if let Some(key) = slot.get() {
            return Ok(*key);
        }
        let readers = readers(self, what)?;
        let reports = once(&self.keys.reports, &self.root_waits, |waiting| {
            readers.install(|| reports_digest(&self.catalog, &self.tree, &|| waiting.answered()))
        });
        let key = match what {
            What::Metadata => {
                let waiting = self.root_waits.begin();
                metadata::key(self, reports, &|| waiting.answered())
            }
            What::Index | What::Image(_) => index::key(self, reports),
        };
        Ok(*slot.get_or_init(|| key))
    }
}

impl Server {
    /// Makes a file about a whole dataset, on a thread that reads its sources.
    pub(super) fn make_whole_dataset(&self, item: Item) {
        let outcome = self
            .dataset(item)
            .ok_or_else(|| Fault::new("no such dataset"))
            .and_then(|dataset| {
                let key = dataset.whole_key(item.what)?;
                let readers = readers(dataset, item.what)?;
                self.keep_whole_dataset(item, key, |out| {
                    let waiting = Arc::new(dataset.root_waits.begin());
                    let mut out = Aside {
                        out,
                        waiting: &waiting,
                    };
                    match item.what {
                        What::Metadata => {
                            let cache = &self.settings.cache_path;
                            let stop = self.stop_flag();
                            metadata::write(&mut out, dataset, cache, &readers, &waiting, stop)
                        }
                        What::Index | What::Image(_) => {
                            index::write(&mut out, dataset, &readers, &|| waiting.answered())
                        }
                    }
                })
            });
        self.reply_made(item, self.priority(item) == Priority::Demand, outcome);
    }
}

/// Writes to a tier; that time does not count as waiting for the root.
struct Aside<'a> {
    out: &'a mut Output<'a>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn who_waits_for_another_reader_does_not_wait_for_the_root() {
        let (known, root) = (OnceLock::new(), Waits::new());
        let (begun, has_begun) = channel();
        let (known, root) = (&known, &root);
        thread::scope(|scope| {
            scope.spawn(move || {
                let first = once(known, root, |waiting| {
                    waiting.aside(|| {
                        begun.send(()).unwrap();
                        // Time for the second one to come.
                        thread::sleep(Duration::from_millis(300));
                        assert_eq!(root.longest(), Duration::ZERO);
                    });
                    7
                });
                assert_eq!(first, 7);
            });
            has_begun.recv().unwrap();
            assert_eq!(once(known, root, |_| 8), 7);
        });
        assert_eq!(root.longest(), Duration::ZERO);
    }
}
