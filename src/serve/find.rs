//! Where a file is, if it has been made before.

use super::flights::{Outcome, Want};
use super::known::{Known, Place};
use super::{Fault, Item, ServedDataset, Server, What};
use crate::source::Source;
use crate::store::ContentKey;
use crate::store::cache::{Body, Fingerprint};

/// What was found of a file.
pub(super) enum Found {
    Outcome(Outcome),
    /// It has to be made.
    Nowhere,
    /// It cannot be told without waiting for a disk or a network.
    WouldWait,
}

/// Whether the caller may wait for a disk or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// The thread that takes requests: no other request is answered while it waits.
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
    pub(super) fn find(&self, item: Item, want: Want, patience: Patience) -> Found {
        let Some(dataset) = self.dataset(item) else {
            return Found::Outcome(Err(Fault::new("no such dataset")));
        };
        let known = dataset.known(item.what);
        if let Some(known) = known {
            match want {
                Want::Size => return Found::Outcome(Ok((known, None))),
                Want::Body => {
                    if let Some(body) = self.at_hand(item, &known, patience) {
                        return Found::Outcome(Ok((known, Some(body))));
                    }
                }
            }
        }
        // To compare an index means to read hundreds of megabytes, and to write one every report.
        if patience == Patience::None && item.what == What::Index {
            return Found::WouldWait;
        }
        let origin = match self.origin(dataset, item, known, patience) {
            Ok(Some(origin)) => origin,
            Ok(None) => return Found::WouldWait,
            Err(fault) => return Found::Outcome(Err(fault)),
        };
        if let Some(fault) = self.failing.recent(item, origin.key) {
            return Found::Outcome(Err(fault));
        }
        if patience == Patience::None && !self.is_near(dataset, item.what, origin.key) {
            return Found::WouldWait;
        }
        if let Some(found) = self.in_tree(dataset, item, &origin, want, patience) {
            return found;
        }
        self.in_cache(dataset, item, &origin, want, patience)
            .unwrap_or(Found::Nowhere)
    }

    /// What the file follows from; `None` if that would have to be waited for.
    fn origin(
        &self,
        dataset: &ServedDataset,
        item: Item,
        known: Option<Known>,
        patience: Patience,
    ) -> Result<Option<Origin>, Fault> {
        if let Some(known) = known {
            return Ok(Some(Origin {
                key: known.key,
                modified: known.modified,
            }));
        }
        let What::Image(number) = item.what else {
            return Ok(Some(Origin {
                key: dataset.index_key()?,
                modified: dataset.modified(),
            }));
        };
        let entry = dataset
            .entry(number)
            .ok_or_else(|| Fault::new("no such image"))?;
        let source = match patience {
            Patience::None => Source::look_without_waiting(&dataset.tree, &entry, self.params),
            Patience::Some => {
                let _waiting = dataset.root_waits.begin();
                let looked = Source::look(&dataset.tree, &entry, self.params);
                Some(looked.map_err(|fault| Fault::new(fault.cause))?)
            }
        };
        Ok(source.map(|source| Origin {
            key: source.key,
            modified: source.modified,
        }))
    }

    /// Whether what has been made of a file can be on disks of this machine only.
    fn is_near(&self, dataset: &ServedDataset, what: What, key: ContentKey) -> bool {
        let is_in_tree = match what {
            What::Index => false,
            What::Image(number) => dataset.finished.has_record(number, key),
        };
        // A folder of the tree may be a link to anywhere.
        let is_tree_near = !is_in_tree
            || match (&self.tree, what) {
                (Some(tree), What::Image(number)) => tree.is_near(dataset.name(), number),
                _ => false,
            };
        is_tree_near && !self.cache.is_remote()
    }

    fn in_tree(
        &self,
        dataset: &ServedDataset,
        item: Item,
        origin: &Origin,
        want: Want,
        patience: Patience,
    ) -> Option<Found> {
        let What::Image(number) = item.what else {
            return None;
        };
        let record = dataset.finished.record_of(number, origin.key)?;
        let damage = record.damage.as_deref();
        if let Some(damage) = damage.filter(|_| self.skip_damaged) {
            return Some(Found::Outcome(Err(Fault::of_damage(origin.key, damage))));
        }
        let size = dataset.finished.size_of(number, origin.key)?;
        let known = origin.known(size, Place::Tree);
        let body = match want {
            Want::Size => None,
            Want::Body => {
                let may_wait = patience == Patience::Some;
                Some(self.open_in_tree(dataset, number, (origin.key, size), may_wait)?)
            }
        };
        let known = self.learn(dataset, item, known, damage);
        Some(Found::Outcome(Ok((known, body))))
    }

    fn in_cache(
        &self,
        dataset: &ServedDataset,
        item: Item,
        origin: &Origin,
        want: Want,
        patience: Patience,
    ) -> Option<Found> {
        let _waiting = (patience == Patience::Some).then(|| self.cache_waits.begin());
        let record = match patience {
            Patience::Some => self.cache.record(origin.key)?,
            Patience::None => match self.cache.record_at_once(origin.key) {
                Some(record) => record?,
                None => return Some(Found::WouldWait),
            },
        };
        if record.is_damaged && patience == Patience::None {
            return Some(Found::WouldWait);
        }
        let damage = record
            .is_damaged
            .then(|| self.cache.damage(origin.key).unwrap_or_default());
        if let Some(damage) = damage.as_deref().filter(|_| self.skip_damaged) {
            return Some(Found::Outcome(Err(Fault::of_damage(origin.key, damage))));
        }
        let added = match item.what {
            What::Index => dataset.index_added(),
            What::Image(_) => 0,
        };
        let (place, body) = match want {
            Want::Size => (Place::Cache, None),
            Want::Body => {
                let (body, fingerprint) = match patience {
                    Patience::Some => self.cache.get(origin.key, record)?,
                    Patience::None => match self.cache.get_at_once(origin.key, record) {
                        Ok(found) => found?,
                        Err(_) => return Some(Found::WouldWait),
                    },
                };
                let body = match item.what {
                    What::Image(_) => body,
                    What::Index => match dataset.spliced_index(body, record.sum) {
                        Ok(body) => body,
                        Err(fault) => return Some(Found::Outcome(Err(fault))),
                    },
                };
                (Place::Compared(fingerprint), Some(body))
            }
        };
        let known = Known {
            sum: Some(record.sum),
            ..origin.known(record.size + added, place)
        };
        let known = self.learn(dataset, item, known, damage.as_deref());
        Some(Found::Outcome(Ok((known, body))))
    }

    /// Opens what was opened before, if nothing about it has changed since.
    pub(super) fn at_hand(&self, item: Item, known: &Known, patience: Patience) -> Option<Body> {
        let may_wait = patience == Patience::Some;
        let dataset = self.dataset(item)?;
        match (known.place, item.what) {
            (Place::Tree, What::Image(number)) => {
                let tree = self.tree.as_ref()?;
                if let Some(body) = tree.opened_before(known.key, known.size) {
                    return Some(body);
                }
                (may_wait || tree.is_near(dataset.name(), number)).then_some(())?;
                self.open_in_tree(dataset, number, (known.key, known.size), may_wait)
            }
            (Place::Compared(trusted), what) => {
                (may_wait || !self.cache.is_remote()).then_some(())?;
                match what {
                    What::Image(_) => self.trusted(known.key, known.size, trusted, may_wait),
                    What::Index => {
                        let kept = known.size.checked_sub(dataset.index_added())?;
                        let body = self.trusted(known.key, kept, trusted, may_wait)?;
                        (body.size() == kept).then_some(())?;
                        dataset.spliced_again(body, known.sum?)
                    }
                }
            }
            (Place::Tree | Place::Cache, _) => None,
        }
    }

    /// A file of the cache that nobody changed since it was compared.
    fn trusted(
        &self,
        key: ContentKey,
        size: u64,
        trusted: Option<Fingerprint>,
        may_wait: bool,
    ) -> Option<Body> {
        match may_wait {
            true => {
                let _waiting = self.cache_waits.begin();
                self.cache.get_trusted(key, size, trusted)
            }
            false => self.cache.get_trusted_at_once(key, size, trusted),
        }
    }

    /// A materialized image, if it still has its size.
    fn open_in_tree(
        &self,
        dataset: &ServedDataset,
        number: u32,
        (key, size): (ContentKey, u64),
        may_wait: bool,
    ) -> Option<Body> {
        let path = dataset.finished.image_path(number);
        let _waiting = may_wait.then(|| dataset.tree_waits.begin());
        self.tree.as_ref()?.open_file(key, path, size, may_wait)
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
            is_damaged: false,
            is_fresh: false,
        }
    }
}
