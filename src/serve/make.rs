//! Files that are nowhere are made: locate, fetch, render, keep.
//!
//! Locating and fetching wait for the disk or server of the dataset's root, on threads of its own. So
//! does the writing of an index, for which reports are read. Rendering and keeping are done by the
//! workers, which never read a source.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::budget::Share;
use super::find::{Found, Patience};
use super::flights::{Outcome, Want};
use super::known::{Known, Place};
use super::queue::Priority;
use super::silence::{Waiting, Waits};
use super::{Fault, Item, ServedDataset, Server, What, index};
use crate::render::{RenderError, Rendered};
use crate::source::{FetchError, Fetched, Source, SourceRenderer, fetch};
use crate::store::ContentKey;
use crate::store::cache::Kept;

/// A source that waits to be rendered.
pub(super) struct RenderJob {
    pub item: Item,
    fetched: Fetched,
    /// Its bytes count until a worker has it.
    share: Share,
    /// Who gets the image, if it is not to be kept.
    rescue: Option<Rescue>,
}

/// What is done on a thread that reads sources.
pub(super) enum FetchTask {
    /// An image or an index that is nowhere.
    Make(Item),
    /// The bytes of an open file that cannot be read any more.
    Rescue(Item, Rescue),
}

/// The reader of an open file that cannot be read any more.
pub(super) struct Rescue {
    /// What the file's bytes followed from.
    key: ContentKey,
    reply: OnBytes,
}

type OnBytes = Box<dyn FnOnce(Result<Arc<[u8]>, Fault>) + Send>;

impl Server {
    /// Finds out where a file is, on a thread of its dataset's root.
    pub(super) fn locate(&self, item: Item) {
        self.guarded(item, || {
            let found = self.find(item, self.flights.want(item), Patience::Some);
            self.go_on(item, found);
        });
    }

    /// The same on the thread that takes requests, as long as nothing has to be waited for.
    pub(super) fn locate_without_waiting(&self, item: Item) -> bool {
        let mut is_settled = true;
        self.guarded(item, || {
            match self.find(item, self.flights.want(item), Patience::None) {
                Found::WouldWait => is_settled = false,
                found => self.go_on(item, found),
            }
        });
        is_settled
    }

    fn go_on(&self, item: Item, found: Found) {
        match found {
            Found::Outcome(outcome) => {
                if let Ok((known, Some(_))) = outcome {
                    self.count_open(item, known);
                }
                self.land(item, outcome);
            }
            Found::Nowhere | Found::WouldWait => {
                if let Some(dataset) = self.dataset(item) {
                    let task = FetchTask::Make(item);
                    dataset.fetching.push(task, self.priority(item));
                    // A reader may have come meanwhile, and found nothing to promote.
                    self.promote(dataset, item);
                }
            }
        }
    }

    /// Has what a reader waits for be done before what may be asked for next.
    pub(super) fn promote(&self, dataset: &ServedDataset, item: Item) {
        if !self.flights.is_awaited(item) {
            return;
        }
        let is_it = |task: &FetchTask| matches!(task, FetchTask::Make(making) if *making == item);
        dataset.locating.promote(|waiting| *waiting == item);
        dataset.fetching.promote(is_it);
        self.renders.promote(|job| job.item == item);
    }

    /// Reads a source, on a thread of its dataset's root.
    pub(super) fn fetch(&self, task: FetchTask) {
        match task {
            FetchTask::Make(item) if item.what == What::Index => self.guarded(item, || {
                let outcome = self.make_index(item);
                self.land_made(item, self.priority(item), outcome);
            }),
            FetchTask::Make(item) => self.guarded(item, || match self.fetched(item) {
                Ok(job) => {
                    self.renders.push(job, self.priority(item));
                    if let Some(dataset) = self.dataset(item) {
                        self.promote(dataset, item);
                    }
                }
                Err(fault) => self.land(item, Err(fault)),
            }),
            FetchTask::Rescue(item, rescue) => match self.fetched(item) {
                Ok(job) if job.fetched.source.key == rescue.key => {
                    let rescue = Some(rescue);
                    self.renders
                        .push(RenderJob { rescue, ..job }, Priority::Demand);
                }
                Ok(_) => (rescue.reply)(Err(Fault::new("the source has changed meanwhile"))),
                Err(fault) => (rescue.reply)(Err(fault)),
            },
        }
    }

    /// Renders an image for the reader of an open file of it that cannot be read any more, which was
    /// made of what `key` stands for. Nothing is kept: the disk has just shown what it is worth.
    pub fn rescue(
        &self,
        item: Item,
        key: ContentKey,
        reply: impl FnOnce(Result<Arc<[u8]>, Fault>) + Send + 'static,
    ) {
        let reply = Box::new(reply);
        match self.dataset(item) {
            Some(dataset) => {
                let task = FetchTask::Rescue(item, Rescue { key, reply });
                dataset.fetching.push(task, Priority::Demand);
            }
            None => reply(Err(Fault::new("no such dataset"))),
        }
    }

    /// What a worker does.
    pub(super) fn render_thread(&self) {
        let mut renderer = SourceRenderer::new(self.params);
        while let Some((mut job, priority)) = self.renders.next(None) {
            let item = job.item;
            if let Some(rescue) = job.rescue.take() {
                // Who waits gets an error when the closure is dropped.
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    let rendered = self.rendered(job, &mut renderer);
                    (rescue.reply)(rendered.map(|(image, _)| image.jpeg.into()));
                }));
                self.renders.done();
                continue;
            }
            self.guarded(item, || {
                let outcome = self.render(job, &mut renderer);
                self.land_made(item, priority, outcome);
            });
            self.renders.done();
        }
    }

    /// What is asked for now goes before what may be asked for next.
    pub(super) fn priority(&self, item: Item) -> Priority {
        match self.flights.is_awaited(item) {
            true => Priority::Demand,
            false => Priority::Ahead,
        }
    }

    fn land_made(&self, item: Item, priority: Priority, outcome: Outcome) {
        if priority == Priority::Demand {
            self.stats.misses.add_one();
            self.mark_fresh(item, &outcome);
        }
        self.land(item, outcome);
    }

    /// Remembers that the first opening of a file that was made for a stat is no hit.
    fn mark_fresh(&self, item: Item, outcome: &Outcome) {
        let is_for_size = outcome.is_ok() && self.flights.want(item) == Want::Size;
        if let (true, Some(dataset)) = (is_for_size, self.dataset(item)) {
            dataset.set_fresh(item.what, true);
        }
    }

    /// Tells those who wait, and goes on if some of them need more.
    pub(super) fn land(&self, item: Item, outcome: Outcome) {
        match &outcome {
            Ok(_) => self.failing.remove(item),
            Err(fault) => self.report_fault(item, fault),
        }
        if !self.flights.land(item, &outcome)
            && let Some(dataset) = self.dataset(item)
        {
            dataset.locating.push(item, Priority::Demand);
        }
    }

    /// A panic must not leave those waiting who wait for this file.
    pub(super) fn guarded(&self, item: Item, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.land(
                item,
                Err(Fault::new("machex crashed on this file; please report it")),
            );
        }
    }

    /// Reads the source of an image. Waits while too many bytes of its root are in memory.
    pub(super) fn fetched(&self, item: Item) -> Result<RenderJob, Fault> {
        let no_such_image = || Fault::new("no such image");
        let dataset = self.dataset(item).ok_or_else(no_such_image)?;
        let What::Image(number) = item.what else {
            return Err(no_such_image());
        };
        let entry = dataset.entry(number).ok_or_else(no_such_image)?;
        let path = entry
            .source()
            .map_err(|fault| Fault::new(fault.to_string()))?;
        let waiting = dataset.root_waits.begin();
        let (fetched, share) = fetch(&dataset.tree, path, self.params, |bytes| {
            let share = || self.budget.take(usize::from(item.dataset), bytes);
            let share = waiting.aside(share);
            (self.buffers.take(bytes), share)
        })
        .map_err(|error| match error {
            FetchError::Refused { source_file, error } => {
                Fault::of_bytes(source_file.key, error.to_string())
            }
            FetchError::Read(_) => Fault::new(error.to_string()),
        })?;
        Ok(RenderJob {
            item,
            fetched,
            share,
            rescue: None,
        })
    }

    /// Renders an image and keeps it.
    pub(super) fn render(&self, job: RenderJob, renderer: &mut SourceRenderer) -> Outcome {
        let (started, item) = (Instant::now(), job.item);
        let (Rendered { jpeg, notes }, source) = self.rendered(job, renderer)?;
        let damage = notes.damage.map(|damage| damage.to_string());
        if let Some(damage) = damage.as_deref().filter(|_| self.skip_damaged) {
            let _waiting = self.cache_waits.begin();
            self.cache.note_damaged(source.key, &jpeg, damage);
            return Err(Fault::of_damage(source.key, damage));
        }
        let waiting = self.cache_waits.begin();
        // Taken as unchanging, but if it did change there is only the new one to be had.
        let kept = self
            .cache
            .put_noted(source.key, (jpeg.len() as u64, damage.as_deref()), |out| {
                out.write_all(&jpeg)
            })
            .map_err(|error| Fault::new(error.to_string()))?;
        drop(waiting);
        let dataset = self
            .dataset(item)
            .ok_or_else(|| Fault::new("no such dataset"))?;
        let known = made(source.key, source.modified, &kept);
        let known = self.learn(dataset, item, known, damage.as_deref());
        dataset.rendered.add_one();
        self.stats.rendered(started.elapsed());
        Ok((known, Some(kept.body)))
    }

    fn rendered(
        &self,
        job: RenderJob,
        renderer: &mut SourceRenderer,
    ) -> Result<(Rendered, Source), Fault> {
        // No more than one for each worker is past this.
        drop(job.share);
        let Fetched { bytes, source } = job.fetched;
        let rendered = renderer.render(&bytes);
        self.buffers.give(bytes);
        match rendered {
            Ok(rendered) => Ok((rendered, source)),
            // A lack of memory passes, whatever the bytes.
            Err(error @ RenderError::NoMemory { .. }) => Err(Fault::new(error.to_string())),
            Err(error) => Err(Fault::of_bytes(source.key, error.to_string())),
        }
    }

    /// Writes an index, on a thread of its dataset's root: its reports are there.
    fn make_index(&self, item: Item) -> Outcome {
        let dataset = self
            .dataset(item)
            .ok_or_else(|| Fault::new("no such dataset"))?;
        let key = dataset.index_key()?;
        let readers = index::readers(dataset)?;
        let mut is_whole = true;
        let for_cache = self.cache_waits.begin();
        let kept = self
            .cache
            .put(key, dataset.estimate(What::Index), |out| {
                is_whole = for_cache.aside(|| {
                    let for_root = dataset.root_waits.begin();
                    let mut out = ToCache {
                        out,
                        for_root: &for_root,
                        waits: &self.cache_waits,
                    };
                    index::write(&mut out, dataset, &readers, &|| for_root.answered())
                })?;
                Ok(())
            })
            .map_err(|error| Fault::new(error.to_string()))?;
        if !is_whole {
            // Served as it is, and looked for again by the next mount.
            self.cache.forget(key);
        }
        let added = dataset.index_added();
        let mut made = made(key, dataset.modified(), &kept);
        made.size += added;
        let body = dataset.spliced_index(kept.body, kept.sum)?;
        Ok((dataset.learn(item.what, made), Some(body)))
    }
}

/// Writes to the cache what comes from a root: who waits for one does not wait for the other.
struct ToCache<'a> {
    out: &'a mut dyn Write,
    for_root: &'a Waiting,
    waits: &'a Arc<Waits>,
}

impl Write for ToCache<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.for_root.aside(|| {
            let _waiting = self.waits.begin();
            self.out.write(bytes)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What is known of a file that has just been made.
fn made(key: ContentKey, modified: (i64, u32), kept: &Kept) -> Known {
    Known {
        key,
        size: kept.body.size(),
        modified,
        place: Place::Compared(kept.fingerprint),
        sum: Some(kept.sum),
        revision: 0,
        is_damaged: false,
        is_fresh: false,
    }
}
