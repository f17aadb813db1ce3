//! Open files are not evicted.

use std::sync::Arc;

use super::lru::Lru;
use crate::store::{ContentKey, Hold};
use crate::sync::Mutex;

/// Protects a file from eviction.
#[derive(Debug)]
pub struct Pin {
    order: Arc<Mutex<Lru>>,
    key: ContentKey,
}

impl Pin {
    pub(super) fn new(order: &Arc<Mutex<Lru>>, key: ContentKey) -> Self {
        order.lock().pin(key);
        Self::of_pinned(order, key)
    }

    /// For a key that is pinned in the order already.
    pub(super) fn of_pinned(order: &Arc<Mutex<Lru>>, key: ContentKey) -> Self {
        Self {
            order: Arc::clone(order),
            key,
        }
    }
}

impl Hold for Pin {}

impl Drop for Pin {
    fn drop(&mut self) {
        self.order.lock().unpin(self.key);
    }
}
