//! What the steps pass to each other.

use std::sync::Arc;
use std::time::Instant;

use super::{Fault, Item};
use crate::pipeline::Share;
use crate::render::Rendered;
use crate::source::{Fetched, Source};
use crate::store::ContentKey;

/// A task for a thread that reads sources.
pub(super) enum FetchTask {
    /// Make an image or an index that no tier has.
    Make(Item),
    /// Make an image again whose open file can no longer be read.
    Rescue(Item, Rescue),
}

/// The reader of an open file that can no longer be read.
pub(super) struct Rescue {
    /// Content key of the open file.
    pub key: ContentKey,
    pub reply: OnBytes,
}

type OnBytes = Box<dyn FnOnce(Result<Arc<[u8]>, Fault>) + Send>;

/// A source that waits to be rendered.
pub(super) struct RenderJob {
    pub item: Item,
    pub fetched: Fetched,
    /// Counts its bytes as waiting, until a worker takes it.
    pub share: Share,
    /// The reader of the open file that the image is for, if any.
    pub rescue: Option<Rescue>,
}

/// A rendered image.
pub(super) struct RenderedImage {
    pub item: Item,
    pub source: Source,
    pub rendered: Rendered,
    pub started: Instant,
}

impl RenderJob {
    /// Content key of the image.
    pub(super) fn key(&self) -> ContentKey {
        self.fetched.source.key
    }
}
