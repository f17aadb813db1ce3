//! The cache as its users see it.

use std::fs;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::store::tier::{
    About, FileId, Kept, Maker, Output, Patience, Remembered, Tier as _, TierKind, Want,
};
use crate::store::{Fingerprint, Found, MaterializedTree, Tiers};

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    min_free_percent: 0,
};

/// The files in the memory tier.
const MEMORY: u64 = 64 << 20;

fn key(number: u8) -> ContentKey {
    ContentKey::from_bytes([number; 16])
}

/// The cache, and the memory tier that takes the files that it refuses.
struct Files(Tiers);

impl Deref for Files {
    type Target = Cache;

    fn deref(&self) -> &Cache {
        &self.0.cache
    }
}

impl Files {
    fn new(cache: Cache) -> Self {
        Self(Tiers::new(
            cache,
            MaterializedTree::open(Path::new("/no/tree")),
        ))
    }

    fn keep(&self, key: ContentKey, expected: u64, make: &mut Maker<'_>) -> io::Result<Kept> {
        let damage = None;
        self.0.keep(
            key,
            About {
                expected,
                damage,
                group: None,
            },
            make,
        )
    }

    fn record(&self, key: ContentKey) -> Option<Remembered> {
        self.remembered(file(key), Patience::Some).unwrap()
    }

    fn get(&self, key: ContentKey) -> Option<(Body, Option<Fingerprint>)> {
        match self.0.find(file(key), Want::Body, Patience::Some) {
            Found::Copy(_, copy) => Some((copy.body.unwrap(), copy.compared)),
            _ => None,
        }
    }

    fn reopen(
        &self,
        tier: TierKind,
        key: ContentKey,
        about: (u64, Option<Fingerprint>),
    ) -> Option<Body> {
        self.0.reopen(tier, file(key), about, Patience::Some)
    }

    fn has(&self, key: ContentKey) -> bool {
        self.contains(file(key))
    }

    fn capacity(&self) -> u64 {
        self.0.in_use().capacity()
    }
}

fn file(key: ContentKey) -> FileId {
    FileId {
        dataset: 0,
        image: Some(0),
        key,
    }
}

fn put(files: &Files, number: u8, size: usize) -> Kept {
    let bytes = vec![number; size];
    files
        .keep(key(number), size as u64, &mut |out| out.write_all(&bytes))
        .unwrap()
}

fn bytes(body: &Body) -> Vec<u8> {
    let mut buffer = Vec::new();
    let size = usize::try_from(body.size()).unwrap();
    body.read_at(0, size, &mut buffer).unwrap();
    buffer
}

fn wait_until_counted(cache: &Cache) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !cache.usage().is_complete {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn open(folder: &Path, limits: Limits) -> Files {
    let cache = Files::new(Cache::open(folder, Path::new("/nowhere"), limits).unwrap());
    wait_until_counted(&cache);
    cache
}

#[test]
fn files_and_sizes_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), LIMITS);
    put(&cache, 1, 5000);
    drop(cache);
    let cache = open(folder.path(), LIMITS);
    assert_eq!((cache.usage().files, cache.usage().files_bytes), (1, 8192));
    assert!(cache.usage().bytes > 8192);
    let record = cache.record(key(1)).unwrap();
    let (body, compared) = cache.get(key(1)).unwrap();
    assert_eq!((record.size, bytes(&body)), (5000, vec![1; 5000]));
    assert!(
        cache
            .reopen(TierKind::Cache, key(1), (5000, compared))
            .is_some()
    );
    assert!(cache.record(key(2)).is_none());
}

#[test]
fn open_files_are_not_evicted_and_sizes_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        // In such a small cache, half is for the files.
        bytes: 6 * 4096,
        ..LIMITS
    };
    let cache = open(folder.path(), limits);
    let held = put(&cache, 1, 4096);
    for number in 2..=6 {
        drop(put(&cache, number, 4096));
    }
    assert!(cache.has(key(1)) && cache.has(key(6)) && !cache.has(key(3)));
    assert_eq!(cache.usage().files_bytes, limits.bytes / 2);
    assert_eq!(cache.capacity(), limits.bytes / 2);
    assert_eq!(cache.record(key(3)).unwrap().size, 4096);
    drop(held);
    drop(put(&cache, 7, 4096));
    drop(put(&cache, 8, 4096));
    drop(put(&cache, 9, 4096));
    assert!(!cache.has(key(1)));
    // Larger than the whole cache: kept in memory only.
    let large = put(&cache, 10, 20_000);
    assert!(large.tier == TierKind::Memory && cache.refused() == 1);
    assert_eq!(cache.capacity(), limits.bytes / 2, "the disk takes others");
    assert!(
        cache
            .reopen(TierKind::Memory, key(10), (20_000, None))
            .is_some()
    );
}

#[test]
fn order_of_use_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), LIMITS);
    for number in 1..=3 {
        put(&cache, number, 4096);
        std::thread::sleep(Duration::from_millis(3));
    }
    drop(cache.get(key(1)).unwrap());
    drop(cache);
    let limits = Limits {
        bytes: 4 * 4096,
        ..LIMITS
    };
    let cache = open(folder.path(), limits);
    // The eviction follows the counting.
    let deadline = Instant::now() + Duration::from_secs(60);
    while cache.has(key(2)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(cache.has(key(1)) && cache.has(key(3)) && !cache.has(key(2)));
}

#[test]
fn what_fails_to_be_made_leaves_nothing_and_is_not_blamed_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), LIMITS);
    let failed = cache.keep(key(1), 100, &mut |out: &mut Output<'_>| {
        out.write_all(b"half of it")?;
        Err(io::Error::other("a report cannot be read"))
    });
    assert_eq!(failed.unwrap_err().to_string(), "a report cannot be read");
    assert_eq!((cache.refused(), cache.record(key(1))), (0, None));
    let shard = folder.path().join("mount/files/01");
    assert_eq!(fs::read_dir(shard).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_taken_away_is_done_without_and_made_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), LIMITS);
    put(&cache, 1, 100);
    fs::remove_dir_all(folder.path().join("mount")).unwrap();
    assert_eq!(bytes(&put(&cache, 2, 100).body), [2; 100]);
    assert!(!folder.path().join("mount").exists());
    drop(cache);
    let cache = open(folder.path(), LIMITS);
    assert!(put(&cache, 3, 100).tier == TierKind::Cache);
}

#[test]
fn left_overs_go_and_what_is_being_written_stays() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), LIMITS));
    let shard = folder.path().join("mount/files/01");
    fs::create_dir_all(&shard).unwrap();
    let left = shard.join(format!(".{}.00112233445566778899aabb.tmp", key(1)));
    let unknown = shard.join(key(1).to_string());
    let theirs = shard.join("README");
    for path in [&left, &unknown, &theirs] {
        fs::write(path, "x").unwrap();
    }
    let own = crate::files::Temporary::create(&shard.join(key(1).to_string())).unwrap();
    let cache = open(folder.path(), LIMITS);
    assert!(!left.exists() && !unknown.exists() && theirs.exists());
    own.commit(crate::files::Durability::Accepted).unwrap();
    assert_eq!(cache.usage().files, 0);
}

#[test]
fn an_unwritable_folder_is_used_as_soon_as_it_can_be() {
    if rustix::process::geteuid().is_root() {
        // Root can write everything, so a file takes the place of the folder.
        return not_there_yet_is_used_later();
    }
    let folder = tempfile::tempdir().unwrap();
    let mode = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(folder.path(), mode).unwrap();
    };
    mode(0o500);
    let cache = Files::new(Cache::open(folder.path(), Path::new("/nowhere"), LIMITS).unwrap());
    assert!(!cache.is_on_disk() && cache.capacity() == MEMORY);
    assert!(put(&cache, 1, 100).tier == TierKind::Memory);
    mode(0o700);
    assert!(cache.state.try_disk().is_some());
    assert!(put(&cache, 2, 100).tier == TierKind::Cache && cache.capacity() <= LIMITS.bytes);
}

/// Even root cannot write to a read-only bind mount.
fn not_there_yet_is_used_later() {
    use rustix::mount::{MountFlags, UnmountFlags};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    fs::create_dir(&path).unwrap();
    rustix::mount::mount("tmpfs", &path, "tmpfs", MountFlags::RDONLY, None).unwrap();
    let cache = Files::new(Cache::open(&path, Path::new("/nowhere"), LIMITS).unwrap());
    assert!(!cache.is_on_disk() && cache.capacity() == MEMORY);
    assert!(put(&cache, 1, 100).tier == TierKind::Memory);
    rustix::mount::mount_remount(&path, MountFlags::empty(), "").unwrap();
    assert!(cache.state.try_disk().is_some());
    assert!(put(&cache, 2, 100).tier == TierKind::Cache && cache.capacity() <= LIMITS.bytes);
    drop(cache);
    rustix::mount::unmount(&path, UnmountFlags::DETACH).unwrap();
}

#[test]
fn files_are_private_and_a_folder_of_others_is_refused_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), LIMITS);
    put(&cache, 1, 100);
    let file = folder
        .path()
        .join("mount/files/01")
        .join(key(1).to_string());
    assert_eq!(
        fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    drop(cache);
    let mount = folder.path().join("mount");
    fs::set_permissions(&mount, fs::Permissions::from_mode(0o777)).unwrap();
    let error = Cache::open(folder.path(), Path::new("/nowhere"), LIMITS)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("other users can write to it"), "{error}");
    assert_eq!(
        fs::metadata(&mount).unwrap().permissions().mode() & 0o777,
        0o777
    );
}

/// A database or log that is a link leads to files that are not ours.
#[test]
fn a_book_that_is_a_link_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), LIMITS));
    let precious = folder.path().join("precious");
    for name in ["book.sqlite", "book.sqlite-wal", "book.sqlite-journal"] {
        fs::write(&precious, "precious").unwrap();
        let link = folder.path().join("mount").join(name);
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink("../precious", &link).unwrap();
        let error = Cache::open(folder.path(), Path::new("/nowhere"), LIMITS)
            .err()
            .unwrap();
        assert!(
            matches!(error, CacheError::NotOurs { .. }),
            "{name}: {error}"
        );
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        fs::remove_file(&link).unwrap();
    }
}

/// A file that was made again has another inode; the count must stay correct.
#[test]
fn a_damaged_file_is_dropped_and_its_successor_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), LIMITS);
    drop(put(&cache, 1, 5000));
    let file = folder
        .path()
        .join("mount/files/01")
        .join(key(1).to_string());
    fs::write(&file, vec![9; 5000]).unwrap();
    assert!(cache.get(key(1)).is_none() && !file.exists());
    assert_eq!((cache.usage().files, cache.usage().files_bytes), (0, 0));
    drop(put(&cache, 1, 5000));
    assert_eq!((cache.usage().files, cache.usage().files_bytes), (1, 8192));
}

#[test]
fn sizes_of_files_that_are_long_gone_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), LIMITS);
    for number in 1..=3 {
        drop(put(&cache, number, 100));
    }
    cache.close();
    drop(cache);
    let files = folder.path().join("mount/files");
    for number in [1, 2] {
        fs::remove_file(
            files
                .join(format!("{number:02x}"))
                .join(key(number).to_string()),
        )
        .unwrap();
    }
    let records = rusqlite::Connection::open(folder.path().join("mount/book.sqlite")).unwrap();
    // The first and the last were not used for years.
    records
        .execute(
            "UPDATE files SET used = 5 WHERE hex(key) NOT LIKE '02%'",
            [],
        )
        .unwrap();
    drop(records);
    let cache = open(folder.path(), LIMITS);
    let known = [1, 2, 3].map(|number| cache.record(key(number)).is_some());
    assert_eq!(known, [false, true, true]);
}
