//! Why a file cannot be made, and when to try again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Item;
use crate::source::left_out;
use crate::store::ContentKey;

/// The same bytes fail in the same way; they are tried again only after this time, in case the disk
/// returned wrong bytes.
const RETRY: Duration = Duration::from_secs(60);

/// Why a file cannot be made; readers get EIO.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{cause}")]
pub struct Fault {
    pub cause: Arc<str>,
    /// The content key that was tried, if the bytes were at fault.
    pub bytes: Option<ContentKey>,
}

impl Fault {
    pub fn new(cause: impl Into<Arc<str>>) -> Self {
        Self {
            cause: cause.into(),
            bytes: None,
        }
    }

    /// The source of `key` is damaged, in these words, and damaged images are not wanted.
    pub fn of_damage(key: ContentKey, damage: &str) -> Self {
        Self::of_bytes(key, left_out(damage))
    }

    /// A fault of the bytes that `key` identifies.
    pub fn of_bytes(key: ContentKey, cause: impl Into<Arc<str>>) -> Self {
        Self {
            cause: cause.into(),
            bytes: Some(key),
        }
    }
}

/// How many failed files to remember; if a server with all sources is down, all of them fail.
const MOST: usize = 10_000;

/// How many faults count as news per minute; more would only fill the log.
const NEWS: u32 = 100;

/// The files that failed when they were last tried.
#[derive(Default)]
pub struct Failing {
    files: Mutex<HashMap<Item, (Fault, Instant)>>,
    /// Start of the current minute, and its number of news.
    minute: Mutex<Option<(Instant, u32)>>,
}

impl Failing {
    /// The fault of a file that should not be tried again yet, because its source is unchanged.
    pub fn recent(&self, item: Item, key: ContentKey) -> Option<Fault> {
        let files = self.files.lock();
        let (fault, since) = files.get(&item)?;
        (fault.bytes == Some(key) && since.elapsed() < RETRY).then(|| fault.clone())
    }

    /// Remembers a fault; true if it is news and should be logged.
    pub fn insert(&self, item: Item, fault: &Fault) -> bool {
        let mut files = self.files.lock();
        match files.get_mut(&item) {
            Some((known, since)) if known.cause == fault.cause && since.elapsed() < RETRY => {
                known.bytes = fault.bytes;
                false
            }
            _ => {
                if files.len() < MOST || files.contains_key(&item) {
                    files.insert(item, (fault.clone(), Instant::now()));
                }
                drop(files);
                self.is_worth_telling()
            }
        }
    }

    fn is_worth_telling(&self) -> bool {
        let mut minute = self.minute.lock();
        match minute.as_mut() {
            Some((since, news)) if since.elapsed() < RETRY => {
                *news += 1;
                if *news == NEWS {
                    tracing::warn!("many files fail; further failures are not logged for a minute");
                }
                *news < NEWS
            }
            _ => {
                *minute = Some((Instant::now(), 1));
                true
            }
        }
    }

    pub fn remove(&self, item: Item) {
        self.files.lock().remove(&item);
    }

    /// How many files of a dataset failed when they were last tried.
    pub fn count(&self, dataset: u8) -> usize {
        self.files
            .lock()
            .keys()
            .filter(|item| item.dataset == dataset)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_faults_is_bounded() {
        let failing = Failing::default();
        let fault = Fault::new("the source is missing");
        let told = (0..20_000u32).filter(|number| failing.insert(Item::image(0, *number), &fault));
        assert!(told.count() <= NEWS as usize);
        assert_eq!(failing.count(0), MOST);
    }

    #[test]
    fn bad_bytes_are_not_tried_at_once_and_a_new_source_is() {
        let failing = Failing::default();
        let item = Item::image(0, 1);
        let (old, new): (ContentKey, ContentKey) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert!(failing.insert(item, &Fault::of_bytes(old, "not a PNG")));
        assert!(!failing.insert(item, &Fault::of_bytes(old, "not a PNG")));
        assert!(failing.recent(item, old).is_some() && failing.recent(item, new).is_none());
        assert!(failing.insert(item, &Fault::new("the source is missing")));
        assert!(failing.recent(item, old).is_none());
        assert_eq!((failing.count(0), failing.count(1)), (1, 0));
        failing.remove(item);
        assert_eq!(failing.count(0), 0);
    }
}
