//! `--warm`: makes missing images while workers are idle.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::locate::Located;
use super::{Item, Server};
use crate::source::SourceRenderer;
use crate::status::WarmStatus;
use crate::store::tier::{Patience, Tier as _, TierKind, Want};

/// Niceness of these threads, which give way to readers and trainers. Not the maximum, since a
/// reader may start to wait for the image that one of them is making.
const NICE: i32 = 10;

/// How long to sleep before checking again whether a worker is idle.
const PAUSE: Duration = Duration::from_millis(10);

/// Time between attempts while the disk of the cache refuses files.
const RETRY: Duration = Duration::from_secs(30);

/// The progress of warming.
pub(super) struct Warm {
    /// Number of images in each dataset.
    lengths: Vec<u32>,
    total: u64,
    /// Position of the next image, counted over all datasets.
    next: AtomicU64,
    done: AtomicU64,
    busy: AtomicUsize,
    cache_is_full: AtomicBool,
    /// Time of the last attempt while the disk refuses files.
    tried: Mutex<Option<Instant>>,
}

impl Warm {
    pub(super) fn new(lengths: impl Iterator<Item = u32>) -> Self {
        let lengths: Vec<u32> = lengths.collect();
        Self {
            total: lengths.iter().map(|length| u64::from(*length)).sum(),
            lengths,
            next: AtomicU64::new(0),
            done: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            cache_is_full: AtomicBool::new(false),
            tried: Mutex::new(None),
        }
    }

    /// Whether it is time to try a disk that refused files.
    fn may_try_again(&self) -> bool {
        let mut tried = self.tried.lock();
        let is_due = tried.is_none_or(|then| then.elapsed() > RETRY);
        if is_due {
            *tried = Some(Instant::now());
        }
        is_due
    }

    fn next(&self) -> Option<Item> {
        let mut position = self.next.fetch_add(1, Ordering::Relaxed);
        for (dataset, length) in self.lengths.iter().enumerate() {
            let length = u64::from(*length);
            if position < length {
                return Some(Item::image(
                    u8::try_from(dataset).ok()?,
                    u32::try_from(position).ok()?,
                ));
            }
            position -= length;
        }
        None
    }

    pub(super) fn status(&self) -> WarmStatus {
        WarmStatus {
            done: self.done.load(Ordering::Relaxed),
            of: self.total,
            cache_is_full: self.cache_is_full.load(Ordering::Relaxed),
        }
    }
}

impl Server {
    /// The loop of a warming thread.
    pub(super) fn warm_thread(&self) {
        let Some(warm) = &self.warm else { return };
        // On Linux this affects only the calling thread. If it fails, the thread competes with the
        // others.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
        let mut renderer = SourceRenderer::new(self.settings.params);
        loop {
            if !self.wait_for_idle(warm) {
                return;
            }
            let item = warm.next();
            if let Some(item) = item {
                self.guarded(item, || self.warm_up(item, &mut renderer));
                warm.done.fetch_add(1, Ordering::Relaxed);
            }
            warm.busy.fetch_sub(1, Ordering::Relaxed);
            if item.is_none() {
                return;
            }
        }
    }

    /// Waits until no image waits to be rendered and a worker is idle, then counts this thread as
    /// busy. False if there is nothing more to do.
    fn wait_for_idle(&self, warm: &Warm) -> bool {
        loop {
            if self.is_stopping() || self.is_cache_full(warm) {
                return false;
            }
            // Until the cache has counted its files, it is not known which images exist.
            let is_counted = self.tiers.cache.usage().is_complete;
            let (waiting, busy) = self.making.renders.load();
            let is_taken = || self.tiers.cache.takes_files() || warm.may_try_again();
            if is_counted && waiting == 0 && is_taken() {
                let warming = warm.busy.fetch_add(1, Ordering::Relaxed);
                if busy + warming < self.settings.workers {
                    return true;
                }
                warm.busy.fetch_sub(1, Ordering::Relaxed);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Whether more images would only evict earlier ones. A cache in memory counts as full. While
    /// the disk refuses files, warming waits for it and does not fill memory instead.
    fn is_cache_full(&self, warm: &Warm) -> bool {
        let cache = &self.tiers.cache;
        let tier = self.tiers.in_use();
        if tier.kind() == TierKind::Memory && !cache.is_on_disk() {
            if !warm.cache_is_full.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "nothing is warmed: the cache is in memory, which holds a few images"
                );
            }
            return true;
        }
        let usage = cache.usage();
        let mean = usage
            .files_bytes
            .checked_div(usage.files as u64)
            .unwrap_or(0);
        // Each worker may be making one, and some images are larger than others.
        let room = mean.max(self.settings.params.estimated_bytes())
            * 2
            * (self.settings.workers as u64 + 1);
        let is_full = usage.evictions > 0 || usage.files_bytes + room > cache.capacity();
        if is_full && !warm.cache_is_full.swap(true, Ordering::Relaxed) {
            tracing::info!("the cache takes no more; warming ends");
        }
        is_full
    }

    fn warm_up(&self, item: Item, renderer: &mut SourceRenderer) {
        if self.is_there(item) || !self.making.flights.begin(item, Want::Size) {
            return;
        }
        let outcome = match self.find(item, Want::Size, Patience::Some) {
            Located::Settled(Err(fault)) => Err(fault),
            Located::Settled(outcome) if self.is_there(item) => outcome,
            // The size may be known although no tier has the bytes any more.
            _ => self
                .fetch_source(item)
                .and_then(|job| self.render(job, renderer))
                .and_then(|image| self.keep(image)),
        };
        self.reply(item, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::What;

    #[test]
    fn every_image_of_every_dataset_comes_once() {
        let warm = Warm::new([2, 0, 3].into_iter());
        let items: Vec<(u8, What)> =
            std::iter::from_fn(|| warm.next().map(|item| (item.dataset, item.what))).collect();
        let expected = [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2)];
        assert_eq!(
            items,
            expected.map(|(dataset, number)| (dataset, What::Image(number)))
        );
        assert_eq!(warm.status().of, 5);
    }
}
