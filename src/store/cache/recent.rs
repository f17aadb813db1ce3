//! Files that were opened lately stay open: to open one again costs no more than a look at it.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use lru::LruCache;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::body::StoredFile;
use crate::store::ContentKey;
use crate::sync::held;

/// Files that stay open at most, if the process may open several times as many.
const MOST: usize = 4096;

/// Files that stay open at least.
const LEAST: usize = 64;

/// The most recently opened files.
pub struct RecentFiles {
    files: Mutex<LruCache<ContentKey, Arc<StoredFile>>>,
}

impl Default for RecentFiles {
    fn default() -> Self {
        Self::new()
    }
}

impl RecentFiles {
    pub fn new() -> Self {
        let most = NonZeroUsize::new(capacity()).unwrap_or(NonZeroUsize::MIN);
        Self {
            files: Mutex::new(LruCache::new(most)),
        }
    }

    pub fn get(&self, key: ContentKey) -> Option<Arc<StoredFile>> {
        held(&self.files).get(&key).cloned()
    }

    pub fn put(&self, key: ContentKey, stored: &Arc<StoredFile>) {
        let old = held(&self.files).push(key, Arc::clone(stored));
        // Closed without the lock.
        drop(old);
    }

    /// Lets go of a file, whose room would not be free otherwise.
    pub fn remove(&self, key: ContentKey) {
        let old = held(&self.files).pop(&key);
        drop(old);
    }
}

/// A quarter of the files that this process may open, once it has raised that as far as it may.
fn capacity() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let files = limit.map_or(MOST, |files| usize::try_from(files / 4).unwrap_or(MOST));
    files.clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fair_share_of_the_open_files_is_taken() {
        assert!((LEAST..=MOST).contains(&capacity()));
    }
}
