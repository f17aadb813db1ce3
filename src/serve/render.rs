//! The third step: workers turn the bytes of a source into a JPEG. They never read a source.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::tasks::{RenderJob, RenderedImage, Rescue};
use super::{Fault, Server};
use crate::pipeline::Priority;
use crate::render::RenderError;
use crate::source::{Fetched, SourceRenderer};

impl Server {
    /// The loop of a worker.
    pub(super) fn render_thread(&self) {
        let mut renderer = SourceRenderer::new(self.settings.params);
        while let Some((mut job, priority)) = self.making.renders.next(None) {
            let item = job.item;
            match job.rescue.take() {
                Some(rescue) => self.render_for(rescue, job, &mut renderer),
                None => self.guarded(item, || {
                    let rendered = self.render(job, &mut renderer);
                    let outcome = rendered.and_then(|image| self.keep(image));
                    self.reply_made(item, priority == Priority::Demand, outcome);
                }),
            }
            self.making.renders.done();
        }
    }

    /// Renders an image for the reader of an open file. Keeps it only in memory, since a disk has
    /// just failed.
    fn render_for(&self, rescue: Rescue, job: RenderJob, renderer: &mut SourceRenderer) {
        // After a panic, the reader gets an error because the closure is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let image = self.render(job, renderer);
            (rescue.reply)(image.map(|image| {
                let damage = image.rendered.notes.damage.map(|damage| damage.to_string());
                let bytes: Arc<[u8]> = image.rendered.jpeg.into();
                let memory = &self.tiers.memory;
                memory.keep(rescue.key, Arc::clone(&bytes), damage.as_deref());
                bytes
            }));
        }));
    }

    pub(super) fn render(
        &self,
        job: RenderJob,
        renderer: &mut SourceRenderer,
    ) -> Result<RenderedImage, Fault> {
        let (started, item) = (Instant::now(), job.item);
        // At most one source per worker is past this point, so it no longer counts.
        drop(job.share);
        let Fetched { bytes, source } = job.fetched;
        let rendered = renderer.render(&bytes);
        self.making.buffers.give(bytes);
        match rendered {
            Ok(rendered) => Ok(RenderedImage {
                item,
                source,
                rendered,
                started,
            }),
            // A lack of memory is temporary, whatever the bytes.
            Err(error @ RenderError::NoMemory { .. }) => Err(Fault::new(error.to_string())),
            Err(error) => Err(Fault::of_bytes(source.key, error.to_string())),
        }
    }
}
