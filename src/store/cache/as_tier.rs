//! The cache as a tier.

use std::io::{self, Write};
use std::sync::Arc;

use super::record_db::FileRecord;
use super::{Cache, DiskCache};
use crate::store::tier::{
    About, Copy, FileId, Kept, Lookup, Maker, Output, Patience, PutError, Remembered, Tier,
    TierKind, Want,
};
use crate::store::{Body, ContentKey, Fingerprint};
use crate::waits::Waits;

impl Tier for Cache {
    fn kind(&self) -> TierKind {
        TierKind::Cache
    }

    fn find(&self, file: FileId, want: Want, patience: Patience) -> Lookup {
        let Some(disk) = self.disk() else {
            return Lookup::Absent;
        };
        // No lookup is needed for a file that is not counted; the next tier may have it.
        if disk.is_counted() && !disk.contains(file.key) {
            return Lookup::Absent;
        }
        match patience {
            Patience::None => find_at_once(disk, file.key, want),
            Patience::Some => {
                let _waiting = self.waits().begin();
                find(disk, file.key, want)
            }
        }
    }

    fn reopen(
        &self,
        file: FileId,
        size: u64,
        compared: Option<Fingerprint>,
        patience: Patience,
    ) -> Option<Body> {
        let (disk, trusted) = (self.disk()?, compared?);
        match patience {
            Patience::None if disk.is_remote() => None,
            Patience::None => disk.get_trusted_at_once(file.key, size, trusted),
            Patience::Some => {
                let _waiting = self.waits().begin();
                let found = disk.get_trusted(file.key, size, trusted);
                // If anything is wrong, opening it with its checksum finds out.
                found.ok().flatten()
            }
        }
    }

    fn contains(&self, file: FileId) -> bool {
        self.disk().is_some_and(|disk| disk.contains(file.key))
    }

    fn remembered(&self, file: FileId, patience: Patience) -> Option<Option<Remembered>> {
        let Some(disk) = self.disk() else {
            return Some(None);
        };
        let record = match patience {
            Patience::None if disk.is_remote() => return None,
            Patience::None => disk.record_at_once(file.key)?,
            Patience::Some => {
                let _waiting = self.waits().begin();
                disk.record(file.key)
            }
        };
        match record {
            None => Some(None),
            // The damage needs another query.
            Some(record) if record.is_damaged && patience == Patience::None => None,
            Some(record) => Some(Some(remembered(disk, file.key, record))),
        }
    }

    fn takes_files(&self) -> bool {
        self.is_on_disk() && !self.is_refusing()
    }

    fn put(
        &self,
        key: ContentKey,
        about: About<'_>,
        make: &mut Maker<'_>,
    ) -> Result<Kept, PutError> {
        let Some(disk) = self.disk() else {
            return Err(PutError::Refused(io::ErrorKind::ReadOnlyFilesystem.into()));
        };
        let waiting = self.waits().begin();
        let waits = self.waits();
        let put = disk.put(key, about, &mut |out: &mut Output<'_>| {
            waiting.aside(|| make(&mut Waited { out, waits }))
        });
        match put {
            Ok((body, fingerprint, sum)) => {
                self.refusals().accepted();
                Ok(Kept {
                    tier: TierKind::Cache,
                    body,
                    compared: Some(fingerprint),
                    sum,
                })
            }
            Err(refused) => {
                match &refused {
                    PutError::Maker(_) => {}
                    PutError::TooLarge(error) => self.refusals().too_large(error),
                    PutError::Refused(error) => self.refusals().refused(error),
                }
                Err(refused)
            }
        }
    }

    fn capacity(&self) -> u64 {
        self.disk().map_or(0, DiskCache::files_limit)
    }
}

fn find(disk: &DiskCache, key: ContentKey, want: Want) -> Lookup {
    let Some(record) = disk.record(key) else {
        return Lookup::Absent;
    };
    if want == Want::Size {
        return found(remembered(disk, key, record), None);
    }
    match disk.get(key, record) {
        Ok(None) => Lookup::Absent,
        Ok(opened) => found(remembered(disk, key, record), opened),
        Err(error) => {
            tracing::warn!("cache file {key}: {error}; made again");
            Lookup::Absent
        }
    }
}

/// The same from the kernel's memory alone.
fn find_at_once(disk: &DiskCache, key: ContentKey, want: Want) -> Lookup {
    if disk.is_remote() {
        return Lookup::WouldWait;
    }
    let record = match disk.record_at_once(key) {
        None => return Lookup::WouldWait,
        Some(None) => return Lookup::Absent,
        // The damage needs another query.
        Some(Some(record)) if record.is_damaged => return Lookup::WouldWait,
        Some(Some(record)) => record,
    };
    if want == Want::Size {
        return found(remembered(disk, key, record), None);
    }
    match disk.get_at_once(key, record) {
        Ok(opened) => found(remembered(disk, key, record), Some(opened)),
        Err(_) => Lookup::WouldWait,
    }
}

fn found(remembered: Remembered, opened: Option<(Body, Fingerprint)>) -> Lookup {
    let (body, compared) = opened.unzip();
    Lookup::Found(Copy {
        remembered,
        body,
        compared,
    })
}

fn remembered(disk: &DiskCache, key: ContentKey, record: FileRecord) -> Remembered {
    Remembered {
        size: record.size,
        sum: Some(record.sum),
        damage: record
            .is_damaged
            .then(|| disk.damage(key).unwrap_or_default()),
    }
}

/// Writes to the disk, and counts as waiting for it only during writes, not while `make` works.
struct Waited<'a> {
    out: &'a mut Output<'a>,
    waits: &'a Arc<Waits>,
}

impl Write for Waited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _waiting = self.waits.begin();
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
