//! The first step: finds a file that was made before. Stats the source, unless this mount has done
//! that already, and asks the tiers.

use super::{Fault, Item, Known, ServedDataset, Server, What};
use crate::pipeline::Outcome;
use crate::source::Source;
use crate::store::tier::{Patience, Remembered, TierKind, Want};
use crate::store::{Body, ContentKey, Fingerprint, Found};

/// The result of looking for a file.
pub(super) enum Located {
    /// It was found, or cannot be made.
    Settled(Outcome),
    /// It has to be made.
    Nowhere,
    /// Unknown without waiting for a disk or a network.
    WouldWait,
}

/// The content key of a file, and the modification time of its source.
#[derive(Clone, Copy)]
struct Origin {
    key: ContentKey,
    modified: (i64, u32),
}

impl Server {
    /// Locates a file on a thread of its dataset, and starts the next step.
    pub(super) fn locate(&self, item: Item) {
        self.guarded(item, || {
            let want = self.making.flights.want(item);
            let located = self.find(item, want, Patience::Some);
            self.go_on(item, located);
        });
    }

    /// The same on the thread that takes requests. False if that would have to wait.
    pub(super) fn locate_at_once(&self, item: Item) -> bool {
        let mut is_settled = true;
        self.guarded(item, || {
            let want = self.making.flights.want(item);
            match self.find(item, want, Patience::None) {
                Located::WouldWait => is_settled = false,
                located => self.go_on(item, located),
            }
        });
        is_settled
    }

    fn go_on(&self, item: Item, located: Located) {
        match located {
            Located::Settled(outcome) => self.reply_found(item, outcome),
            Located::Nowhere | Located::WouldWait => self.fetch_later(item),
        }
    }

    /// Finds a file that was made before.
    pub(super) fn find(&self, item: Item, want: Want, patience: Patience) -> Located {
        let Some(dataset) = self.dataset(item) else {
            return Located::Settled(Err(Fault::new("no such dataset")));
        };
        let known = dataset.known(item.what);
        if let Some(known) = known {
            match want {
                Want::Size => return Located::Settled(Ok((known, None))),
                Want::Body => {
                    if let Some(body) = self.reopen(item, &known, patience) {
                        return Located::Settled(Ok((known, Some(body))));
                    }
                }
            }
        }
        // Verifying an index means reading hundreds of megabytes, and its key depends on every
        // report.
        let is_large = match item.what {
            What::Index | What::Metadata => true,
            What::Image(_) => false,
        };
        if patience == Patience::None && is_large {
            return Located::WouldWait;
        }
        let origin = match self.origin(dataset, item, known, patience) {
            Ok(Some(origin)) => origin,
            Ok(None) => return Located::WouldWait,
            Err(fault) => return Located::Settled(Err(fault)),
        };
        if let Some(fault) = self.events.failing.recent(item, origin.key) {
            return Located::Settled(Err(fault));
        }
        let found = self.tiers.find(item.file(origin.key), want, patience);
        let (tier, remembered, body, compared) = match found {
            Found::WouldWait => return Located::WouldWait,
            Found::Nowhere => return Located::Nowhere,
            // No tier has the bytes. If they are wanted, the file has to be made.
            Found::Remembered(remembered) => (TierKind::Cache, remembered, None, None),
            Found::Copy(tier, copy) => (tier, copy.remembered, copy.body, copy.compared),
        };
        if let (true, Some(damage)) = (self.settings.skip_damaged, &remembered.damage) {
            return Located::Settled(Err(Fault::of_damage(origin.key, damage)));
        }
        let body = match (want, body) {
            (Want::Size, _) => None,
            (Want::Body, None) => return Located::Nowhere,
            (Want::Body, Some(body)) => {
                match self.whole_body(dataset, item, body, remembered.sum) {
                    Ok(body) => Some(body),
                    Err(fault) => return Located::Settled(Err(fault)),
                }
            }
        };
        let known = origin.known(dataset, item, tier, compared, &remembered);
        let known = self.learn(dataset, item, known, remembered.damage.as_deref());
        Located::Settled(Ok((known, body)))
    }

    /// Finds the content key of a file; `None` if that would have to wait.
    fn origin(
        &self,
        dataset: &ServedDataset,
        item: Item,
        known: Option<Known>,
        patience: Patience,
    ) -> Result<Option<Origin>, Fault> {
        if let Some(Known { key, modified, .. }) = known {
            return Ok(Some(Origin { key, modified }));
        }
        let What::Image(number) = item.what else {
            return Ok(Some(Origin {
                key: dataset.whole_key(item.what)?,
                modified: dataset.modified(),
            }));
        };
        let entry = dataset
            .entry(number)
            .ok_or_else(|| Fault::new("no such image"))?;
        let params = self.settings.params;
        let source = match patience {
            Patience::None => Source::look_without_waiting(&dataset.tree, &entry, params),
            Patience::Some => {
                let _waiting = dataset.root_waits.begin();
                let looked = Source::look(&dataset.tree, &entry, params);
                Some(looked.map_err(|fault| Fault::new(fault.cause))?)
            }
        };
        Ok(source.map(|Source { key, modified, .. }| Origin { key, modified }))
    }

    /// A stored file as readers see it: an index gets the mount point inserted.
    fn whole_body(
        &self,
        dataset: &ServedDataset,
        item: Item,
        body: Body,
        sum: Option<u64>,
    ) -> Result<Body, Fault> {
        match item.what {
            What::Image(_) | What::Metadata => Ok(body),
            What::Index => {
                let _waiting = self.tiers.cache.waits().begin();
                dataset.spliced_index(body, sum.unwrap_or_default())
            }
        }
    }

    /// Opens a file that was found before, if it is unchanged.
    pub(super) fn reopen(&self, item: Item, known: &Known, patience: Patience) -> Option<Body> {
        let dataset = self.dataset(item)?;
        let kept = known.size.checked_sub(dataset.added(item.what))?;
        let file = item.file(known.key);
        let body = self
            .tiers
            .reopen(known.tier, file, (kept, known.compared), patience)?;
        match item.what {
            What::Image(_) | What::Metadata => Some(body),
            What::Index => {
                (body.size() == kept).then_some(())?;
                dataset.spliced_again(body, known.sum?)
            }
        }
    }
}

impl Origin {
    fn known(
        self,
        dataset: &ServedDataset,
        item: Item,
        tier: TierKind,
        compared: Option<Fingerprint>,
        remembered: &Remembered,
    ) -> Known {
        Known {
            key: self.key,
            size: remembered.size + dataset.added(item.what),
            modified: self.modified,
            tier,
            compared,
            sum: remembered.sum,
            revision: 0,
            is_damaged: false,
            is_fresh: false,
        }
    }
}
