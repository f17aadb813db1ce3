//! What the steps hand over to each other.

use std::sync::Arc;
use std::time::Instant;

use super::{Fault, Item};
use crate::pipeline::Share;
use crate::render::Rendered;
use crate::source::{Fetched, Source};
use crate::store::ContentKey;

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
    pub key: ContentKey,
    pub reply: OnBytes,
}

type OnBytes = Box<dyn FnOnce(Result<Arc<[u8]>, Fault>) + Send>;

/// A source that waits to be rendered.
pub(super) struct RenderJob {
    pub item: Item,
    pub fetched: Fetched,
    /// Its bytes count until a worker has it.
    pub share: Share,
    /// Who gets the image, if it is not to be kept.
    pub rescue: Option<Rescue>,
}

/// An image that has been rendered.
pub(super) struct RenderedImage {
    pub item: Item,
    pub source: Source,
    pub rendered: Rendered,
    pub started: Instant,
}

impl RenderJob {
    /// What the image follows from.
    pub(super) fn key(&self) -> ContentKey {
        self.fetched.source.key
    }
}
