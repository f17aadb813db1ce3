//! `machex materialize` onto a disk that fails: nothing that the disk did not take counts as finished
//! or is in an index, and once the disk is well, another run makes exactly what is missing.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::faulty::{Fault, FaultyDisk, Op, Told};
use common::mounted::skips_fuse;
use common::{Bench, Ran, copy_tree, files_below};
use rustix::io::Errno;
use serde_json::Value;

const IMAGES: u32 = 8;

/// One of the sources cannot be rendered, so that there is a list of failures, too.
const BAD: u32 = 3;

/// The image that meets the faults.
const VICTIM: u32 = 5;

const DATASET: &str = "chex-ray14";

/// What a full disk, a quota and a broken disk say.
const ERRNOS: [Errno; 3] = [Errno::NOSPC, Errno::DQUOT, Errno::IO];

/// A tree on a faulty disk, and what it must be at the end.
struct World {
    // Dropped first: it lies in the bench's folder.
    disk: FaultyDisk,
    bench: Bench,
    expected: BTreeMap<String, Vec<u8>>,
}

impl World {
    fn new(extra: &str) -> Self {
        let bench = Bench::small(IMAGES, "");
        let config = format!(
            "MACHEX_PATH: disk/out\nNUM_WORKERS: 2\nCACHE_PATH: cache\nFRONTAL_ONLY: true\n\
             CHEXRAY14_ROOT: raw\nIMAGE_SIZE: 96\n{extra}\n"
        );
        fs::write(bench.path("config.yml"), config).unwrap();
        fs::write(bench.small_source(BAD), "not an image").unwrap();
        let disk = FaultyDisk::new(&bench.path("real"), &bench.path("disk"));
        let mut world = Self {
            disk,
            bench,
            expected: BTreeMap::new(),
        };
        world.run().expect_status(3);
        world.expected = world.tree();
        assert_eq!(
            world.expected.len(),
            IMAGES as usize,
            "{:?}",
            world.expected.keys()
        );
        world.clear();
        world
    }

    fn run(&self) -> Ran {
        self.bench.run(&["materialize"])
    }

    /// What is in the tree in truth.
    fn tree(&self) -> BTreeMap<String, Vec<u8>> {
        let out = self.real("out");
        let files = files_below(&out).into_iter();
        files
            .map(|name| (name.clone(), fs::read(out.join(name)).unwrap()))
            .collect()
    }

    fn real(&self, name: &str) -> PathBuf {
        self.disk.real.join(name)
    }

    fn clear(&self) {
        for name in ["out", "out.state"] {
            let _ = fs::remove_dir_all(self.real(name));
        }
    }

    /// Images that have a record, as the next run will read it, and are what they should be.
    #[track_caller]
    fn finished(&self, what: &str) -> usize {
        let tree = self.real("out");
        let mut finished = std::collections::BTreeSet::new();
        let state = self.real("out.state").join(DATASET);
        for journal in fs::read_dir(&state).into_iter().flatten().flatten() {
            if !journal
                .file_name()
                .to_string_lossy()
                .starts_with("finished")
            {
                continue;
            }
            let text = fs::read(journal.path()).unwrap();
            for line in text.split(|byte| *byte == b'\n') {
                let Ok(record) = serde_json::from_slice::<Value>(line) else {
                    continue;
                };
                let name = format!("{DATASET}/00/{:06}.jpg", record["image"].as_u64().unwrap());
                let is_right =
                    fs::read(tree.join(&name)).is_ok_and(|got| got == self.expected[&name]);
                assert!(
                    is_right,
                    "{what}: {name} is recorded, but is not what it should be"
                );
                finished.insert(name);
            }
        }
        finished.len()
    }

    /// An index names finished images only.
    #[track_caller]
    fn check_index(&self, what: &str) {
        let name = format!("{DATASET}/index.json");
        let Ok(text) = fs::read(self.real("out").join(&name)) else {
            return;
        };
        assert!(text == self.expected[&name], "{what}: a wrong index");
        for (name, expected) in &self.expected {
            let got = fs::read(self.real("out").join(name)).unwrap_or_default();
            assert!(got == *expected, "{what}: {name} is in the index and wrong");
        }
    }

    /// Runs with these faults, and again without. The first run must fail with an error that concerns
    /// the run, not only images.
    #[track_caller]
    fn check(&self, what: &str, faults: Vec<Fault>) {
        let active: Vec<_> = faults
            .into_iter()
            .map(|fault| self.disk.add(fault))
            .collect();
        let ran = self.run();
        assert!(
            active.iter().any(|fault| fault.hits() > 0),
            "{what}: the fault was not met"
        );
        assert_failed(&ran, what);
        self.check_index(what);
        let finished = self.finished(what);
        drop(active);
        self.disk.faults().space.unlimit();

        let ran = self.run().expect_status(3);
        let [images, new, skipped, failed] = ran.summary_of(DATASET);
        assert_eq!((images, failed), (IMAGES, 1), "{what}");
        assert_eq!(
            skipped as usize, finished,
            "{what}: what was finished stays"
        );
        assert_eq!(new + skipped + 1, IMAGES, "{what}");
        let tree = self.tree();
        assert_eq!(
            tree.keys().collect::<Vec<_>>(),
            self.expected.keys().collect::<Vec<_>>(),
            "{what}"
        );
        assert!(
            tree == self.expected,
            "{what}: other bytes than a clean run"
        );
        let failures = fs::read_to_string(self.real("out.state/failures.jsonl")).unwrap();
        assert_eq!(failures.lines().count(), 1, "{what}");
        self.clear();
    }
}

/// The run itself failed, and said why: not only images.
#[track_caller]
fn assert_failed(ran: &Ran, what: &str) {
    let stderr = ran.stderr();
    let says_why = stderr.lines().any(|line| line.starts_with("machex: "));
    assert!(
        ran.status() == 1 && says_why,
        "{what}: {}\n{}\n{stderr}",
        ran.status(),
        ran.stdout()
    );
}

type PathTest = fn(&str) -> bool;

/// The temporary file of one image, or the image itself.
fn is_victim(path: &str) -> bool {
    path.contains(&format!("{VICTIM:06}.jpg"))
}

/// Each of the calls by which a file gets its bytes and its name fails; so do writes that said that all
/// was well, and calls that come later than the first.
fn check_each_call(world: &World, what: &str, at: PathTest, is_renamed: bool) {
    for errno in ERRNOS {
        for op in [Op::Write, Op::Fsync, Op::Close, Op::Rename] {
            if op != Op::Rename || is_renamed {
                let what = format!("{what}: {op:?} fails with {errno}");
                world.check(&what, vec![Fault::fail(errno).on(&[op]).at(at)]);
            }
        }
        for told in [Told::Close, Told::Fsync] {
            let what = format!("{what}: {errno} of a write is told by {told:?}");
            world.check(&what, vec![Fault::lose(errno, told).at(at)]);
        }
    }
}

#[test]
fn an_image_that_was_not_accepted_is_not_finished() {
    if skips_fuse("images on a faulty disk") {
        return;
    }
    check_each_call(&World::new(""), "image", is_victim, true);
}

#[test]
fn a_journal_that_was_not_accepted_finishes_nothing() {
    if skips_fuse("the journal on a faulty disk") {
        return;
    }
    let at = |path: &str| path.contains("/finished");
    check_each_call(&World::new(""), "journal", at, false);
}

#[test]
fn an_index_that_was_not_accepted_is_not_there() {
    if skips_fuse("index.json on a faulty disk") {
        return;
    }
    let at = |path: &str| path.contains("index.json");
    check_each_call(&World::new(""), "index.json", at, true);
}

#[test]
fn a_list_of_failures_that_was_not_accepted_is_an_error() {
    if skips_fuse("failures.jsonl on a faulty disk") {
        return;
    }
    let at = |path: &str| path.contains("failures");
    check_each_call(&World::new(""), "failures.jsonl", at, true);
}

#[test]
fn a_disk_that_fills_up_loses_nothing() {
    if skips_fuse("a tree on a disk that fills up") {
        return;
    }
    let world = World::new("");
    let size: usize = world.expected.values().map(Vec::len).sum();
    for told in [Told::Write, Told::Close, Told::Fsync] {
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
            for part in [1, 2, 3] {
                let space = &world.disk.faults().space;
                space.limit((size * part / 4) as u64, errno, told);
                let never = Fault::fail(errno).at(|_| false);
                let what = format!("{part}/4 of the room, {errno} told by {told:?}");
                // Any request at all, to see that it was met.
                let any = Fault::delay(Duration::ZERO).on(&[Op::Write]);
                world.check(&what, vec![never, any]);
            }
        }
    }
}

#[test]
fn a_full_disk_is_named_and_other_faults_are_not_called_that() {
    if skips_fuse("the words for a full disk") {
        return;
    }
    let world = World::new("");
    for (errno, words) in [
        (Errno::NOSPC, "is full"),
        (Errno::DQUOT, "is full"),
        (Errno::IO, "Input/output error"),
        (Errno::STALE, "Stale file handle"),
    ] {
        for op in [Op::Write, Op::Close] {
            let fault = world.disk.add(Fault::fail(errno).on(&[op]).at(is_victim));
            let ran = world.run();
            drop(fault);
            assert_failed(&ran, "full or broken");
            let stderr = ran.stderr();
            assert!(stderr.contains(words), "{op:?} {errno}: {stderr}");
            assert!(stderr.contains("000005.jpg"), "it names the file: {stderr}");
        }
    }
}

/// Faults that come and go, on anything.
#[test]
fn a_disk_with_hiccups_gets_the_whole_tree_in_the_end() {
    if skips_fuse("a disk with hiccups") {
        return;
    }
    let world = World::new("");
    for every in [3, 5, 7, 11, 17, 29] {
        for (errno, ops) in [
            (Errno::STALE, [Op::Write, Op::Fsync, Op::Close].as_slice()),
            (Errno::IO, &[Op::Open, Op::Create, Op::Lookup, Op::Read]),
            (
                Errno::NOSPC,
                &[Op::Create, Op::Write, Op::Mkdir, Op::Rename],
            ),
            (
                Errno::MFILE,
                &[Op::Readdir, Op::Getattr, Op::Unlink, Op::Setattr],
            ),
        ] {
            let what = format!("{errno} for every {every}th of {ops:?}");
            let fault = world.disk.add(Fault::fail(errno).on(ops).every(every));
            let ran = world.run();
            drop(fault);
            // Not ended by a signal or a panic.
            let is_told = matches!(ran.status(), 1 | 3);
            assert!(is_told, "{what}: {}", ran.stderr());
            world.finished(&what);
            world.run().expect_status(3);
            assert!(world.tree() == world.expected, "{what}");
            world.clear();
        }
    }
}

/// The same with what is finished already: a source that changed is replaced whole or not at all.
#[test]
fn what_cannot_be_replaced_stays_or_is_made_again() {
    if skips_fuse("replacing images on a faulty disk") {
        return;
    }
    let mut world = World::new("");
    world.run().expect_status(3);
    copy_tree(&world.real("out"), &world.bench.path("before"));
    let source = world.bench.small_source(VICTIM);
    common::write_png(&source, 300, 310, 77);
    let name = format!("{DATASET}/00/{VICTIM:06}.jpg");
    let old = world.expected[&name].clone();
    let new = world.bench.expected(&source, 96);
    assert!(new != old);
    for errno in ERRNOS {
        for op in [Op::Write, Op::Fsync, Op::Close, Op::Rename] {
            let fault = world.disk.add(Fault::fail(errno).on(&[op]).at(is_victim));
            let ran = world.run();
            assert!(fault.hits() > 0, "{op:?}");
            assert_failed(&ran, "replacing");
            let got = fs::read(world.real("out").join(&name)).ok();
            assert!(
                got.is_none_or(|got| got == old),
                "{op:?}: neither the old image nor none"
            );
            let index = world.real("out").join(DATASET).join("index.json");
            assert!(!index.exists(), "{op:?}: an index of before");
        }
    }
    world.run().expect_status(3);
    world.expected.insert(name.clone(), new);
    assert!(world.tree()[&name] == world.expected[&name]);
    assert!(Path::new(&world.bench.path("before")).exists());
}
