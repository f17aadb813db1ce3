//! The second step: reads the source of a file that no tier has, on a thread of its dataset. Files
//! about the whole dataset are made by the same thread (`whole_dataset`).

use super::tasks::{FetchTask, RenderJob, Rescue};
use super::{Fault, Item, Server, What};
use crate::pipeline::Priority;
use crate::source::{FetchError, fetch};

impl Server {
    /// Queues a file to be made by other threads.
    pub(super) fn fetch_later(&self, item: Item) {
        if let Some(dataset) = self.dataset(item) {
            let task = FetchTask::Make(item);
            dataset.fetching.push(task, self.priority(item));
            // A reader may have joined meanwhile, when there was nothing to promote yet.
            self.promote(dataset, item);
        }
    }

    /// Does one task, on a thread that reads sources.
    pub(super) fn fetch(&self, task: FetchTask) {
        match task {
            FetchTask::Make(item) => self.guarded(item, || match item.what {
                What::Index | What::Metadata => self.make_whole_dataset(item),
                What::Image(_) => match self.fetch_source(item) {
                    Ok(job) => self.render_later(job),
                    Err(fault) => self.reply(item, Err(fault)),
                },
            }),
            FetchTask::Rescue(item, rescue) => match self.fetch_source(item) {
                Ok(job) if job.key() == rescue.key => self.render_now(job, rescue),
                Ok(_) => (rescue.reply)(Err(Fault::new("the source has changed meanwhile"))),
                Err(fault) => (rescue.reply)(Err(fault)),
            },
        }
    }

    fn render_later(&self, job: RenderJob) {
        let item = job.item;
        self.making.renders.push(job, self.priority(item));
        if let Some(dataset) = self.dataset(item) {
            self.promote(dataset, item);
        }
    }

    fn render_now(&self, job: RenderJob, rescue: Rescue) {
        let rescue = Some(rescue);
        self.making
            .renders
            .push(RenderJob { rescue, ..job }, Priority::Demand);
    }

    /// Reads the source of an image. Waits while too many bytes of sources are in memory.
    pub(super) fn fetch_source(&self, item: Item) -> Result<RenderJob, Fault> {
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
        let (fetched, share) = fetch(&dataset.tree, path, self.settings.params, |bytes| {
            let share = || self.making.budget.take(usize::from(item.dataset), bytes);
            let share = waiting.aside(share);
            Ok((self.making.buffers.take(bytes), share))
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
}
