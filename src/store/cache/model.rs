//! Model checking of eviction beside readers and writers: shuttle runs each test with many thread
//! interleavings.

use std::collections::HashSet;
use std::sync::Arc;

use shuttle::thread;

use super::lru::OlderFiles;
use super::resident::ResidentFiles;
use crate::store::ContentKey;
use crate::sync::Mutex;

/// How many interleavings to try of each of two kinds: random ones, and those that need few thread
/// switches at the worst moments to fail.
const SCHEDULES: usize = 1500;
const CHANGES_OF_THREAD: usize = 3;

const BLOCK: u64 = 4096;

fn check(model: impl Fn() + Send + Sync + Copy + 'static) {
    shuttle::check_random(model, SCHEDULES);
    shuttle::check_pct(model, SCHEDULES, CHANGES_OF_THREAD);
}

fn key(number: u8) -> ContentKey {
    ContentKey::from_bytes([number; 16])
}

/// A cache whose disk is a set of keys.
struct Model {
    files: ResidentFiles,
    disk: Mutex<HashSet<ContentKey>>,
}

impl Model {
    fn new() -> Arc<Self> {
        let model = Self {
            files: ResidentFiles::new(),
            disk: Mutex::new(HashSet::new()),
        };
        model.files.complete(OlderFiles::new(std::iter::empty()));
        Arc::new(model)
    }

    fn remove(&self, key: ContentKey) -> std::io::Result<()> {
        assert!(
            self.disk.lock().remove(&key),
            "{key} is counted, but not there"
        );
        Ok(())
    }

    fn evict_to(&self, limit: u64) {
        self.files.evict_to(limit, |key| self.remove(key));
    }

    /// Makes a file and uses it for a while.
    fn put(&self, number: u8) {
        let key = key(number);
        let reserved = self.files.reserve(1);
        self.evict_to(2 * BLOCK);
        let locked = self.files.lock(key);
        let pin = locked.pin();
        self.disk.lock().insert(key);
        locked.insert(1, None);
        drop((locked, reserved));
        thread::yield_now();
        assert!(
            self.disk.lock().contains(&key),
            "{key} was removed while it is open"
        );
        drop(pin);
    }

    /// Opens a file that is known to exist.
    fn open(&self, number: u8) {
        if let Some(_pin) = self.files.pin_present(key(number)) {
            assert!(
                self.disk.lock().contains(&key(number)),
                "pinned, but not there"
            );
            thread::yield_now();
            assert!(
                self.disk.lock().contains(&key(number)),
                "removed while it is open"
            );
        }
    }

    /// Checks that exactly the files on the disk are counted.
    fn check(&self) {
        assert_eq!(self.disk.lock().len(), self.files.len());
        assert_eq!(self.files.bytes(), self.files.len() as u64 * BLOCK);
        self.evict_to(0);
        assert!(self.disk.lock().is_empty(), "a pin was left behind");
        assert_eq!(self.files.bytes(), 0);
    }
}

type Work = Box<dyn FnOnce(&Model) + Send>;

fn run(model: &Arc<Model>, works: Vec<Work>) {
    let threads: Vec<_> = works
        .into_iter()
        .map(|work| {
            let model = Arc::clone(model);
            thread::spawn(move || work(&model))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn what_is_on_the_disk_is_counted_and_what_is_open_stays() {
    check(|| {
        let model = Model::new();
        run(
            &model,
            vec![
                Box::new(|model| [1, 2, 1].into_iter().for_each(|number| model.put(number))),
                Box::new(|model| [2, 3, 1].into_iter().for_each(|number| model.put(number))),
                Box::new(|model| [1, 2, 3].into_iter().for_each(|number| model.open(number))),
                Box::new(|model| model.evict_to(0)),
            ],
        );
        model.check();
    });
}

#[test]
fn a_new_file_is_not_removed_in_the_place_of_an_evicted_one() {
    check(|| {
        let model = Model::new();
        model.put(1);
        run(
            &model,
            vec![
                Box::new(|model| model.evict_to(0)),
                Box::new(|model| model.put(1)),
                Box::new(|model| model.evict_to(BLOCK)),
            ],
        );
        model.check();
    });
}
