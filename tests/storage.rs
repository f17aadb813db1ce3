//! Datasets that are in no file system: their lists, sources and reports come out of memory, through
//! the same interface as out of a folder.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use machex::catalog::Catalog;
use machex::config::Config;
use machex::datasets::{self, Numbering, RawTree, why_empty};
use machex::render::RenderParams;
use machex::sample::{self, Count, Options};
use machex::source::{Source, SourceBuffer, SourceRenderer, fetch};
use machex::storage::{Kind, Listed, Listing, OpenFile, Stamp, Stat, Storage, check_fit};
use machex::synthetic::Drawing;
use tempfile::TempDir;

/// Where the datasets seem to be.
const NOWHERE: &str = "/no such folder";

const PARAMS: RenderParams = RenderParams {
    size: 32,
    quality: 90,
};

/// Files by name. Folders are where a file is below them.
#[derive(Debug, Default)]
struct Memory {
    files: BTreeMap<PathBuf, (Arc<[u8]>, Stamp)>,
    opened: AtomicUsize,
}

impl Memory {
    /// The files below `folder`, as if they were below `root`.
    fn of(folder: &Path, root: &Path) -> Self {
        let mut memory = Self::default();
        let mut waiting = vec![folder.to_owned()];
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(
                    fs::read_dir(path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
                continue;
            }
            let stamp = Stamp::of(&fs::metadata(&path).unwrap());
            let name = root.join(path.strip_prefix(folder).unwrap());
            memory
                .files
                .insert(name, (fs::read(&path).unwrap().into(), stamp));
        }
        memory
    }

    fn remove(&mut self, name: &Path) {
        self.files.remove(name).unwrap();
    }

    fn below<'a>(&'a self, name: &'a Path) -> impl Iterator<Item = &'a Path> {
        let files = self.files.range(name.to_owned()..);
        files
            .map(|(path, _)| path.as_path())
            .take_while(move |path| path.starts_with(name))
    }
}

impl Storage for Memory {
    fn list(&self, name: &Path) -> io::Result<Listing<'_>> {
        let mut kinds: BTreeMap<&OsStr, Kind> = BTreeMap::new();
        for path in self.below(name) {
            let mut rest = path.strip_prefix(name).unwrap().iter();
            let first = rest.next().ok_or(io::ErrorKind::NotADirectory)?;
            let kind = rest.next().map_or(Kind::File, |_| Kind::Folder);
            kinds.insert(first, kind);
        }
        if kinds.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let listed = kinds.into_iter().map(|(name, kind)| Listed {
            name: name.to_owned(),
            kind,
        });
        let listed: Vec<Listed> = listed.collect();
        Ok(Box::new(listed.into_iter().map(Ok)))
    }

    fn stat(&self, name: &Path) -> io::Result<Stat> {
        let (kind, stamp) = match self.files.get(name) {
            Some((_, stamp)) => (Kind::File, *stamp),
            None if self.below(name).next().is_some() => (Kind::Folder, Stamp::of_file(0, (0, 0))),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Stat {
            kind,
            stamp,
            inode: None,
        })
    }

    fn open(&self, name: &Path, limit: u64) -> io::Result<Box<dyn OpenFile>> {
        check_fit(&self.stat(name)?, limit)?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        let (bytes, stamp) = &self.files[name];
        Ok(Box::new(InMemory {
            bytes: Cursor::new(Arc::clone(bytes)),
            stamp: *stamp,
        }))
    }
}

#[derive(Debug)]
struct InMemory {
    bytes: Cursor<Arc<[u8]>>,
    stamp: Stamp,
}

impl Read for InMemory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

impl OpenFile for InMemory {
    fn stamp(&self) -> Stamp {
        self.stamp
    }

    fn check_unchanged(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A sample of all datasets in a folder, whose files are old: lists that were changed only now are not
/// kept in their stored form.
fn sample() -> (TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        count: Count::Each(7),
        drawing: Drawing {
            seed: 1,
            hard_link: false,
        },
    };
    let sample = sample::write(folder.path(), options, datasets::ALL, &|| {}).unwrap();
    let config = Config::load(&sample.config, datasets::ALL).unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let mut waiting = vec![folder.path().join("raw")];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_modified(then).unwrap();
        }
    }
    (folder, config)
}

/// A dataset of the sample, and the same in memory and at another place.
fn in_memory(tree: &RawTree, change: impl FnOnce(&mut Memory, &Path)) -> (RawTree, Arc<Memory>) {
    let root = Path::new(NOWHERE).join(tree.dataset.folder());
    let mut memory = Memory::of(&tree.root, &root);
    change(&mut memory, &root);
    let memory = Arc::new(memory);
    let moved = RawTree {
        root,
        storage: Arc::clone(&memory) as Arc<dyn Storage>,
        ..tree.clone()
    };
    (moved, memory)
}

fn keys(catalog: &Catalog, tree: &RawTree) -> Vec<String> {
    let entries = (0..catalog.len()).map(|number| catalog.get(number).unwrap());
    // Those of one dataset are paths.
    let root = tree.root.to_str().unwrap();
    entries
        .map(|entry| entry.key().replace(root, "ROOT"))
        .collect()
}

#[test]
fn all_datasets_are_read_looked_at_and_rendered_without_a_file_system() {
    let (folder, config) = sample();
    let mut rendered = Vec::new();
    for tree in &config.trees {
        let catalog = datasets::load(tree, None).unwrap();
        let mut renderer = SourceRenderer::new(PARAMS);
        let images = (0..catalog.len()).map(|number| {
            let entry = catalog.get(number).unwrap();
            let source = Source::look(tree, &entry, PARAMS).unwrap();
            let image = renderer.render_file(&*tree.storage, &source.path).unwrap();
            (source, image.jpeg, tree.report(entry.key()))
        });
        let images: Vec<_> = images.collect();
        rendered.push((in_memory(tree, |_, _| {}), keys(&catalog, tree), images));
    }
    assert_eq!(rendered.len(), datasets::ALL.len());
    folder.close().unwrap();

    for ((tree, _), expected_keys, expected) in rendered {
        let name = tree.dataset.folder();
        let catalog = datasets::load(&tree, None).unwrap();
        assert_eq!(keys(&catalog, &tree), expected_keys, "{name}");
        assert!(!catalog.is_empty() && why_empty(&tree, &catalog).is_none());
        let mut renderer = SourceRenderer::new(PARAMS);
        for (number, (source, jpeg, report)) in expected.iter().enumerate() {
            let entry = catalog.get(number as u32).unwrap();
            let looked = Source::look(&tree, &entry, PARAMS).unwrap();
            assert!(looked.path.starts_with(NOWHERE));
            assert_eq!((looked.key, looked.modified), (source.key, source.modified));
            assert_eq!(Source::look_without_waiting(&tree, &entry, PARAMS), None);
            let image = renderer.render_file(&*tree.storage, &looked.path).unwrap();
            assert!(image.jpeg == *jpeg, "{name} {number}");
            let (fetched, size) = fetch(&tree, looked.path, PARAMS, |size| {
                Ok((SourceBuffer::default(), size))
            })
            .unwrap();
            assert_eq!(size, image.stamp.size);
            assert_eq!(fetched.source.key, source.key);
            assert!(renderer.render(&fetched.bytes).unwrap().jpeg == *jpeg);
            assert_eq!(tree.report(entry.key()), *report, "{name} {number}");
        }
    }
}

#[test]
fn what_is_missing_in_memory_is_left_out_or_named() {
    let (_folder, config) = sample();
    for tree in &config.trees {
        if tree.dataset.info().numbering != Numbering::Lists {
            let (empty, _) = in_memory(tree, |memory, _| memory.files.clear());
            let error = datasets::load(&empty, None).unwrap_err().to_string();
            assert!(error.contains(NOWHERE), "{error}");
            continue;
        }
        let catalog = datasets::load(tree, None).unwrap();
        let gone = catalog.get(2).unwrap().source().unwrap();
        let gone = gone.strip_prefix(&tree.root).unwrap();
        let (mut partial, _) = in_memory(tree, |memory, root| memory.remove(&root.join(gone)));
        partial.only_present = true;
        let present = datasets::load(&partial, None).unwrap();
        let absent: Vec<u32> = present.absent_numbers().collect();
        assert_eq!(absent, [2], "{}", tree.dataset.folder());

        let list = catalog.list().unwrap().strip_prefix(&tree.root).unwrap();
        let (without, _) = in_memory(tree, |memory, root| memory.remove(&root.join(list)));
        let error = datasets::load(&without, None).unwrap_err().to_string();
        assert!(error.contains(list.to_str().unwrap()), "{error}");
        // The images tell whose folder it is.
        assert!(error.contains("not complete"), "{error}");
    }
}

#[test]
fn the_stored_form_of_a_catalog_is_used_while_the_storage_has_the_same_lists() {
    let (_folder, config) = sample();
    let cache = tempfile::tempdir().unwrap();
    for tree in &config.trees {
        if tree.dataset.info().numbering != Numbering::Lists {
            continue;
        }
        let name = tree.dataset.folder();
        let (tree, memory) = in_memory(tree, |_, _| {});
        let catalog = datasets::load(&tree, Some(cache.path())).unwrap();
        let opened = memory.opened.swap(0, Ordering::Relaxed);
        assert!(opened > 0, "{name}");
        let again = datasets::load(&tree, Some(cache.path())).unwrap();
        assert_eq!(memory.opened.load(Ordering::Relaxed), 0, "{name}");
        assert!(again == catalog, "{name}");

        let list = catalog.list().unwrap();
        let mut changed = Memory {
            files: memory.files.clone(),
            ..Memory::default()
        };
        let (_, stamp) = changed.files.get_mut(list).unwrap();
        *stamp = Stamp::of_file(stamp.size, (stamp.modified.0 + 1, 0));
        let changed = Arc::new(changed);
        let tree = RawTree {
            storage: Arc::clone(&changed) as Arc<dyn Storage>,
            ..tree
        };
        assert!(datasets::load(&tree, Some(cache.path())).unwrap() == catalog);
        assert_eq!(changed.opened.load(Ordering::Relaxed), opened, "{name}");
    }
}
