//! When to evict files: the cache is full, less than the minimum is free on the disk, or the disk
//! refuses a file.
//!
//! One thread evicts at a time and counts what was freed lately: some file systems (btrfs, ZFS)
//! show freed space only seconds later, and a thread that checks meanwhile must not free as much
//! again.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Limits;
use super::resident::ResidentFiles;
use crate::files::FreeSpace;
use crate::store::ContentKey;

/// How long freed space may take to show before the file system is asked to commit. Btrfs shows it
/// after 30 s on its own, ZFS after 5 s.
const OVERDUE: Duration = Duration::from_secs(10);

/// How long freed space may take to show at all.
const LATE: Duration = Duration::from_secs(90);

/// The minimum to free when the disk is full.
const LEAST: u64 = 16 << 20;

/// Asks the file system how much is free.
pub(super) type FreeSpaceProbe = Box<dyn Fn() -> io::Result<FreeSpace> + Send + Sync>;

/// Removes a file from the disk.
pub(super) type Remove<'a> = &'a dyn Fn(ContentKey) -> io::Result<()>;

/// Decides how much is evicted.
pub(super) struct Evictor {
    limits: Limits,
    /// What the cache stores besides its files, in bytes.
    overhead: AtomicU64,
    free_space: FreeSpaceProbe,
    /// Held by the thread that evicts.
    freed: Mutex<FreedLately>,
    evictions: AtomicU64,
}

impl Evictor {
    pub(super) fn new(limits: Limits, free_space: FreeSpaceProbe) -> Self {
        Self {
            limits,
            overhead: AtomicU64::new(0),
            free_space,
            freed: Mutex::default(),
            evictions: AtomicU64::new(0),
        }
    }

    pub(super) fn set_overhead(&self, bytes: u64) {
        self.overhead.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn overhead(&self) -> u64 {
        self.overhead.load(Ordering::Relaxed)
    }

    /// How much the files may use: what the overhead leaves of `CACHE_SIZE`. Even an unreasonably
    /// small cache has room for some files.
    pub(super) fn files_limit(&self) -> u64 {
        let least = (self.limits.bytes / 2).min(4 << 20);
        self.limits.bytes.saturating_sub(self.overhead()).max(least)
    }

    pub(super) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    /// Evicts until the files, including those being written, are within their limit.
    pub(super) fn trim(&self, files: &ResidentFiles, remove: Remove<'_>) {
        let limit = self.files_limit();
        if files.bytes() > limit {
            self.evict_to(&mut self.freed.lock(), files, limit, remove);
        }
    }

    /// Evicts until the minimum is free on the disk.
    pub(super) fn keep_free(&self, files: &ResidentFiles, remove: Remove<'_>) -> io::Result<()> {
        if self.lacking((self.free_space)()?, 0) == 0 {
            return Ok(());
        }
        let mut freed = self.freed.lock();
        loop {
            let space = (self.free_space)()?;
            let lacking = self.lacking(space, freed.not_shown(space.bytes, Instant::now()));
            if lacking == 0 {
                return Ok(());
            }
            let limit = files.bytes().saturating_sub(lacking);
            if self.evict_to(&mut freed, files, limit, remove) == 0 {
                let least = self.limits.min_free_percent;
                let problem = format!("less than CACHE_MIN_FREE ({least} %) of the disk is free");
                return Err(io::Error::new(io::ErrorKind::StorageFull, problem));
            }
        }
    }

    /// Whether too little is free on the disk although enough was freed a while ago, so that the
    /// file system should be asked to commit.
    pub(super) fn is_commit_due(&self) -> bool {
        let mut freed = self.freed.lock();
        let Ok(space) = (self.free_space)() else {
            return false;
        };
        let now = Instant::now();
        freed.not_shown(space.bytes, now);
        self.lacking(space, 0) > 0 && freed.is_overdue(now)
    }

    /// Calls `commit`, which may take as long as the disk needs for all pending writes, so that
    /// space freed a while ago shows.
    pub(super) fn settle(&self, commit: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let (begin, before) = (Instant::now(), (self.free_space)()?.bytes);
        commit()?;
        let mut freed = self.freed.lock();
        let after = (self.free_space)()?.bytes;
        freed.committed(begin, before, after);
        Ok(())
    }

    /// Makes room on a disk, or in a quota, that refused a file of `size` bytes at `since`. False
    /// if there is nothing to free.
    pub(super) fn free_for(
        &self,
        size: u64,
        since: Instant,
        files: &ResidentFiles,
        remove: Remove<'_>,
    ) -> bool {
        let wanted = size.saturating_mul(2).max(LEAST);
        let mut freed = self.freed.lock();
        // Another thread that met the full disk may have freed enough.
        if freed.since(since) >= wanted {
            return true;
        }
        let limit = files.bytes().saturating_sub(wanted);
        self.evict_to(&mut freed, files, limit, remove);
        // Also true if other threads freed it and left nothing to evict.
        freed.since(since) > 0
    }

    /// Bytes missing to the minimum, if `coming` bytes are free but do not show yet.
    fn lacking(&self, space: FreeSpace, coming: u64) -> u64 {
        let wanted = space.total / 100 * u64::from(self.limits.min_free_percent);
        wanted.saturating_sub(space.bytes.saturating_add(coming))
    }

    fn evict_to(
        &self,
        freed: &mut FreedLately,
        files: &ResidentFiles,
        limit: u64,
        remove: Remove<'_>,
    ) -> u64 {
        // Before evicting, so that space that shows later can be told from space that was free
        // already.
        if let Ok(space) = (self.free_space)() {
            freed.not_shown(space.bytes, Instant::now());
        }
        let evicted = files.evict_to(limit, remove);
        self.evictions.fetch_add(evicted.files, Ordering::Relaxed);
        freed.add(evicted.bytes, Instant::now());
        // Most file systems show freed space at once. Checked later, other writes might hide it.
        if let Ok(space) = (self.free_space)() {
            freed.not_shown(space.bytes, Instant::now());
        }
        evicted.bytes
    }
}

/// What one eviction freed.
#[derive(Debug)]
struct Freed {
    when: Instant,
    bytes: u64,
    /// How much of it the file system does not show yet.
    missing: u64,
    /// Whether the file system has committed since.
    is_committed: bool,
}

/// What was freed lately.
#[derive(Debug, Default)]
struct FreedLately {
    freed: VecDeque<Freed>,
    /// Free space when it was last checked.
    last_free: u64,
}

impl FreedLately {
    fn add(&mut self, bytes: u64, when: Instant) {
        if bytes > 0 {
            self.freed.push_back(Freed {
                when,
                bytes,
                missing: bytes,
                is_committed: false,
            });
        }
    }

    /// Freed bytes that do not show in `free`, the free space now.
    fn not_shown(&mut self, free: u64, now: Instant) -> u64 {
        let mut shown = free.saturating_sub(self.last_free);
        self.last_free = free;
        let is_old = |freed: &Freed| now.saturating_duration_since(freed.when) > LATE;
        while self.freed.front().is_some_and(is_old) {
            self.freed.pop_front();
        }
        for freed in &mut self.freed {
            let part = shown.min(freed.missing);
            freed.missing -= part;
            shown -= part;
        }
        self.freed.iter().map(|freed| freed.missing).sum()
    }

    /// Whether something freed a while ago, and not committed since, does not show yet.
    fn is_overdue(&self, now: Instant) -> bool {
        let is_overdue = |freed: &Freed| {
            let age = now.saturating_duration_since(freed.when);
            freed.missing > 0 && !freed.is_committed && age > OVERDUE
        };
        self.freed.iter().any(is_overdue)
    }

    /// Takes note of a commit that began at `begin` and raised the free space from `before` to
    /// `after`. If much of what was missing has shown, others have written the rest meanwhile. If
    /// not, the commit did nothing (on a network file system) or something else, such as a
    /// snapshot, holds the space; then neither more evictions nor another commit would help.
    fn committed(&mut self, begin: Instant, before: u64, after: u64) {
        let earlier = |freed: &&mut Freed| freed.when <= begin;
        let missing = self.freed.iter_mut().filter(earlier);
        let was_missing: u64 = missing.map(|freed| freed.missing).sum();
        self.not_shown(after, Instant::now());
        let has_shown = after.saturating_sub(before) >= was_missing / 2;
        for freed in self.freed.iter_mut().filter(earlier) {
            freed.is_committed = true;
            if has_shown {
                freed.missing = 0;
            }
        }
    }

    /// Bytes freed after `then`, whether or not they show.
    fn since(&self, then: Instant) -> u64 {
        let later = self.freed.iter().filter(|freed| freed.when > then);
        later.map(|freed| freed.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::lru::OlderFiles;
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    const FILE: u64 = 4096;
    const FILES: u64 = 100;

    fn key(number: u64) -> ContentKey {
        ContentKey::from_bytes([number as u8; 16])
    }

    fn limits(bytes: u64, min_free_percent: u8) -> Limits {
        Limits {
            bytes,
            min_free_percent,
        }
    }

    fn full_of_files() -> ResidentFiles {
        let files = ResidentFiles::new();
        files.complete(OlderFiles::new(
            (0..FILES).map(|number| (key(number), FILE, None)),
        ));
        files
    }

    /// A disk with 1000 files and `free` free; freed space shows once `shows` is set.
    struct Disk {
        free: AtomicU64,
        freed: AtomicU64,
        shows: AtomicBool,
    }

    fn disk(free: u64, shows: bool) -> (Arc<Disk>, FreeSpaceProbe) {
        let disk = Arc::new(Disk {
            free: AtomicU64::new(free * FILE),
            freed: AtomicU64::new(0),
            shows: AtomicBool::new(shows),
        });
        let seen = Arc::clone(&disk);
        let probe = move || {
            let freed = if seen.shows.load(Ordering::Relaxed) {
                seen.freed.load(Ordering::Relaxed)
            } else {
                0
            };
            Ok(FreeSpace {
                bytes: seen.free.load(Ordering::Relaxed) + freed,
                total: 1000 * FILE,
                files: u64::MAX,
            })
        };
        (disk, Box::new(probe))
    }

    #[test]
    fn many_threads_free_what_is_lacking_once_even_where_it_shows_late() {
        for shows in [true, false] {
            let (disk, probe) = disk(40, shows);
            let evictor = Evictor::new(limits(u64::MAX, 5), probe);
            let files = full_of_files();
            let remove = |_| {
                thread::yield_now();
                disk.freed.fetch_add(FILE, Ordering::Relaxed);
                Ok(())
            };
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..5 {
                            evictor.keep_free(&files, &remove).unwrap();
                        }
                    });
                }
            });
            assert_eq!(evictor.evictions(), 10, "shows at once: {shows}");
            // Finally shown; then others fill the disk, and as much has to be evicted again.
            disk.shows.store(true, Ordering::Relaxed);
            evictor.keep_free(&files, &remove).unwrap();
            disk.free.fetch_sub(5 * FILE, Ordering::Relaxed);
            for _ in 0..3 {
                evictor.keep_free(&files, &remove).unwrap();
            }
            assert!((10..=15).contains(&evictor.evictions()));
            if shows {
                assert_eq!(evictor.evictions(), 15);
            }
        }
    }

    #[test]
    fn what_never_shows_is_not_waited_for_for_ever() {
        let mut freed = FreedLately::default();
        let start = Instant::now();
        freed.not_shown(1000, start);
        freed.add(100, start);
        assert_eq!(freed.not_shown(1000, start + LATE / 2), 100);
        assert_eq!(freed.not_shown(1030, start + LATE / 2), 70);
        assert_eq!(freed.not_shown(900, start + LATE / 2), 70, "others write");
        assert!(freed.is_overdue(start + OVERDUE * 2) && !freed.is_overdue(start));
        assert_eq!(freed.not_shown(900, start + LATE * 2), 0);
    }

    #[test]
    fn what_shows_after_a_commit_is_not_expected_any_more() {
        let start = Instant::now();
        let commit = start + OVERDUE * 2;
        // Others write 40 while the commit shows the 100 freed before it; or it shows nothing.
        for (after, missing, then) in [(1060, 30, 0), (1000, 130, 100)] {
            let mut freed = FreedLately::default();
            freed.not_shown(1000, start);
            freed.add(100, start);
            freed.add(30, commit + OVERDUE);
            freed.committed(commit, 1000, after);
            assert_eq!(freed.not_shown(after, commit + OVERDUE), missing, "{after}");
            assert_eq!(
                freed.not_shown(after + 30, commit + OVERDUE),
                then,
                "{after}"
            );
            assert_eq!(freed.since(start), 30, "what was freed stays known");
        }
    }

    #[test]
    fn a_commit_is_asked_for_only_where_space_is_lacking_and_was_freed_long_ago() {
        for (shows, lacks, long_ago, is_asked) in [
            (false, true, true, true),
            (true, true, true, false),
            (false, false, true, false),
            (false, true, false, false),
        ] {
            let (disk, probe) = disk(40, shows);
            let evictor = Evictor::new(limits(u64::MAX, 5), probe);
            let files = full_of_files();
            let remove = |_| {
                disk.freed.fetch_add(FILE, Ordering::Relaxed);
                Ok(())
            };
            evictor.keep_free(&files, &remove).unwrap();
            if long_ago {
                for freed in &mut evictor.freed.lock().freed {
                    freed.when -= OVERDUE * 2;
                }
            }
            disk.free
                .store(if lacks { 30 } else { 60 } * FILE, Ordering::Relaxed);
            let is_due = evictor.is_commit_due();
            assert_eq!(is_due, is_asked, "{shows} {lacks} {long_ago}");
            evictor.settle(|| Ok(())).unwrap();
            assert!(!evictor.is_commit_due(), "once is enough");
        }
    }

    #[test]
    fn one_shortage_is_evicted_for_once_where_a_commit_shows_nothing() {
        let (disk, probe) = disk(40, false);
        let evictor = Evictor::new(limits(u64::MAX, 5), probe);
        let files = full_of_files();
        let remove = |_| {
            disk.freed.fetch_add(FILE, Ordering::Relaxed);
            Ok(())
        };
        for _ in 0..5 {
            evictor.keep_free(&files, &remove).unwrap();
            evictor.settle(|| Ok(())).unwrap();
        }
        assert_eq!(evictor.evictions(), 10);
        let show = || {
            disk.shows.store(true, Ordering::Relaxed);
            Ok(())
        };
        evictor.settle(show).unwrap();
        disk.free.fetch_sub(5 * FILE, Ordering::Relaxed);
        evictor.keep_free(&files, &remove).unwrap();
        assert_eq!(evictor.evictions(), 15);
    }

    #[test]
    fn a_disk_that_others_have_filled_is_an_error_when_nothing_is_left() {
        let (_disk, probe) = disk(0, true);
        let evictor = Evictor::new(limits(u64::MAX, 90), probe);
        let files = full_of_files();
        let error = evictor.keep_free(&files, &|_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(files.len(), 0);
    }

    #[test]
    fn a_full_disk_is_freed_by_one_of_those_who_meet_it() {
        let (_disk, probe) = disk(0, true);
        let evictor = Evictor::new(limits(u64::MAX, 0), probe);
        let files = full_of_files();
        let since = Instant::now();
        let size = LEAST;
        files.lock(key(200)).insert(3 * LEAST, None);
        assert!(evictor.free_for(size, since, &files, &|_| Ok(())));
        let left = files.len();
        assert!(
            evictor.free_for(size, since, &files, &|_| Ok(())),
            "by another"
        );
        assert_eq!(files.len(), left);
        assert!(
            !evictor.free_for(size, Instant::now(), &files, &|_| Ok(())),
            "nothing left"
        );
    }

    #[test]
    fn everything_that_the_cache_takes_counts_against_its_size() {
        let (_disk, probe) = disk(900, true);
        let evictor = Evictor::new(limits(FILES * FILE, 0), probe);
        let files = full_of_files();
        evictor.set_overhead(30 * FILE);
        evictor.trim(&files, &|_| Ok(()));
        assert_eq!((files.len(), evictor.evictions()), (70, 30));
        evictor.set_overhead(u64::MAX);
        assert_eq!(evictor.files_limit(), FILES * FILE / 2);
    }
}
