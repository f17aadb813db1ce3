//! The fourth step: stores a finished file in the first tier that takes it, and remembers what is
//! known of it.

use super::tasks::RenderedImage;
use super::{Fault, Item, Known, Server, What};
use crate::pipeline::Outcome;
use crate::render::Rendered;
use crate::store::ContentKey;
use crate::store::tier::{About, Kept, Output};

impl Server {
    /// Stores an image. Returns a fault if it is damaged and such images are not wanted.
    pub(super) fn keep(&self, image: RenderedImage) -> Outcome {
        let RenderedImage {
            item,
            source,
            rendered: Rendered { jpeg, notes },
            started,
        } = image;
        let dataset = self
            .dataset(item)
            .ok_or_else(|| Fault::new("no such dataset"))?;
        let damage = notes.damage.map(|damage| damage.to_string());
        if let Some(damage) = damage.as_deref().filter(|_| self.settings.skip_damaged) {
            self.tiers.cache.note_damaged(source.key, &jpeg, damage);
            return Err(Fault::of_damage(source.key, damage));
        }
        let about = About {
            expected: jpeg.len() as u64,
            damage: damage.as_deref(),
            group: Some(dataset.group),
        };
        // machex assumes that sources do not change. If one did, only its new image can be made.
        let kept = self
            .tiers
            .keep(source.key, about, &mut |out: &mut Output<'_>| {
                out.write_all(&jpeg)
            })
            .map_err(|error| Fault::new(error.to_string()))?;
        let known = known(source.key, source.modified, &kept);
        let known = self.learn(dataset, item, known, damage.as_deref());
        dataset.rendered.add_one();
        self.events.rendered(started.elapsed());
        Ok((known, Some(kept.body)))
    }

    /// Stores the file about a whole dataset that `write` writes. `write` returns whether everything
    /// could be read for it.
    pub(super) fn keep_whole_dataset(
        &self,
        item: Item,
        key: ContentKey,
        mut write: impl FnMut(&mut Output<'_>) -> std::io::Result<bool>,
    ) -> Outcome {
        let dataset = self
            .dataset(item)
            .ok_or_else(|| Fault::new("no such dataset"))?;
        let about = About {
            expected: dataset.estimate(item.what),
            damage: None,
            group: None,
        };
        let mut is_whole = true;
        let kept = self
            .tiers
            .keep(key, about, &mut |out: &mut Output<'_>| {
                is_whole = write(out)?;
                Ok(())
            })
            .map_err(|error| Fault::new(error.to_string()))?;
        let _waiting = self.tiers.cache.waits().begin();
        if !is_whole {
            // Serve it as it is; the next mount makes it again.
            self.tiers.cache.forget(key);
        }
        let mut known = known(key, dataset.modified(), &kept);
        known.size += dataset.added(item.what);
        let body = match item.what {
            What::Index => dataset.spliced_index(kept.body, kept.sum)?,
            What::Metadata | What::Image(_) => kept.body,
        };
        Ok((dataset.learn(item.what, known), Some(body)))
    }
}

/// What is known of a file that was just stored.
fn known(key: ContentKey, modified: (i64, u32), kept: &Kept) -> Known {
    Known {
        key,
        size: kept.body.size(),
        modified,
        tier: kept.tier,
        compared: kept.compared,
        sum: Some(kept.sum),
        revision: 0,
        is_damaged: false,
        is_fresh: false,
    }
}
