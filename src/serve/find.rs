//! Where a file is, if it has been made before.

use super::flights::{Outcome, Want};
use super::known::{Known, Place};
use super::{Fault, Item, ServedDataset, Server, What, index};
use crate::source::Source;
use crate::store::ContentKey;
use crate::store::cache::Body;

/// What was found of a file.
pub(super) enum Found {
    Outcome(Outcome),
    /// It has to be made.
    Nowhere,
}

/// Whether the caller may wait for a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    None,
    Some,
}

/// What a file follows from.
struct Origin {
    key: ContentKey,
    modified: (i64, u32),
}

impl Server {
    /// Finds a file that was made before: in the materialized tree, then in the cache. Looks at the
    /// source unless that has been done in this mount.
    pub(super) fn find(&self, item: Item, want: Want) -> Found {
        let Some(dataset) = self.dataset(item) else {
            return Found::Outcome(Err(Fault::new("no such dataset")));
        };
        let known = dataset.known(item.what);
        if let Some(known) = known {
            match want {
                Want::Size => return Found::Outcome(Ok((known, None))),
                Want::Body => {
                    if let Some(body) = self.at_hand(item, &known, Patience::Some) {
                        return Found::Outcome(Ok((known, Some(body))));
                    }
                }
            }
        }
        let origin = match self.origin(dataset, item, known) {
            Ok(origin) => origin,
            Err(fault) => return Found::Outcome(Err(fault)),
        };
        if let Some(fault) = self.failing.recent(item, origin.key) {
            return Found::Outcome(Err(fault));
        }
        if let Some(found) = self.in_tree(dataset, item, &origin, want) {
            return found;
        }
        self.in_cache(dataset, item, &origin, want)
            .unwrap_or(Found::Nowhere)
    }

    fn origin(
        &self,
        dataset: &ServedDataset,
        item: Item,
        known: Option<Known>,
    ) -> Result<Origin, Fault> {
        if let Some(known) = known {
            return Ok(Origin {
                key: known.key,
                modified: known.modified,
            });
        }
        let (key, modified) = match item.what {
            What::Index => (index::key(dataset, &self.mountpoint), dataset.modified()),
            What::Image(number) => {
                let entry = dataset
                    .entry(number)
                    .ok_or_else(|| Fault::new("no such image"))?;
                let source =
                    Source::look(&entry, self.params).map_err(|fault| Fault::new(fault.cause))?;
                (source.key, source.modified)
            }
        };
        Ok(Origin { key, modified })
    }

    fn in_tree(
        &self,
        dataset: &ServedDataset,
        item: Item,
        origin: &Origin,
        want: Want,
    ) -> Option<Found> {
        let What::Image(number) = item.what else {
            return None;
        };
        let size = dataset.finished.size_of(number, origin.key)?;
        let known = origin.known(size, Place::Tree);
        let body = match want {
            Want::Size => None,
            Want::Body => Some(self.open_in_tree(dataset, number, origin.key, size)?),
        };
        let known = dataset.learn(item.what, known);
        Some(Found::Outcome(Ok((known, body))))
    }

    fn in_cache(
        &self,
        dataset: &ServedDataset,
        item: Item,
        origin: &Origin,
        want: Want,
    ) -> Option<Found> {
        let record = self.cache.record(origin.key)?;
        let (known, body) = match want {
            Want::Size => (origin.known(record.size, Place::Cache), None),
            Want::Body => {
                let (body, fingerprint) = self.cache.get(origin.key, record)?;
                let place = Place::Compared(fingerprint);
                (origin.known(record.size, place), Some(body))
            }
        };
        let sum = Some(record.sum);
        let known = dataset.learn(item.what, Known { sum, ..known });
        Some(Found::Outcome(Ok((known, body))))
    }

    /// Opens what was opened before, if nothing about it has changed since.
    pub(super) fn at_hand(&self, item: Item, known: &Known, patience: Patience) -> Option<Body> {
        let may_open = |remote: bool| !remote || patience == Patience::Some;
        match (known.place, item.what) {
            (Place::Tree, What::Image(number)) => {
                let recent = self.tree_files.get(known.key);
                let recent =
                    recent.filter(|stored| stored.opened().is_some() || may_open(self.remote_tree));
                if let Some(body) = recent.and_then(|stored| Body::foreign(stored, known.size)) {
                    return Some(body);
                }
                may_open(self.remote_tree).then_some(())?;
                self.open_in_tree(self.dataset(item)?, number, known.key, known.size)
            }
            (Place::Compared(trusted), _) => {
                let is_open = self.cache.is_open(known.key);
                (is_open || may_open(self.remote_cache)).then_some(())?;
                self.cache.get_trusted(known.key, known.size, trusted)
            }
            (Place::Tree | Place::Cache, _) => None,
        }
    }

    /// A materialized image, if it still has its size.
    fn open_in_tree(
        &self,
        dataset: &ServedDataset,
        number: u32,
        key: ContentKey,
        size: u64,
    ) -> Option<Body> {
        let path = dataset.finished.image_path(number);
        let stored = self.tree_files.open(key, path, size).ok()?;
        Some(Body::File { stored, pin: None })
    }
}

impl Origin {
    fn known(&self, size: u64, place: Place) -> Known {
        Known {
            key: self.key,
            size,
            modified: self.modified,
            place,
            sum: None,
            revision: 0,
            is_fresh: false,
        }
    }
}
