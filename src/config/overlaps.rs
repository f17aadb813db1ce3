//! Checks which folders must not be inside which.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::keys::Key;
use crate::datasets::{Numbering, OptionValue, RawTree};
use crate::files::{machex_mount_of, real_path};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::store::StateFolder;

/// Problems if the tree would be written into or over raw data, or if the cache is in the tree's
/// root, where every entry counts as a dataset, or among images that are numbered by listing their
/// folder.
pub(super) fn overlaps(machex_path: &Path, cache_path: &Path, trees: &[RawTree]) -> Vec<String> {
    let mut problems = Vec::new();
    let look = |key: &str, path: &Path| {
        let doing = format!("looking at {key}, {}", path.shown());
        announce_if_slow(doing, || real_path(path))
    };
    let tree = look(Key::MACHEX_PATH, machex_path);
    let state = real_path(StateFolder::of(machex_path).path());
    let cache = look(Key::CACHE_PATH, cache_path);
    let outputs: Vec<PathBuf> = trees
        .iter()
        .map(|out| real_path(&tree.join(out.dataset.folder())))
        .collect();
    for raw in trees {
        for (key, folder) in folders(raw) {
            let raw_folder = real_path(folder);
            let is_over = |output: &PathBuf| raw_folder.starts_with(output);
            if is_in(&tree, &raw_folder) || outputs.iter().any(is_over) {
                let path = machex_path.shown();
                problems.push(format!(
                    "{}: in {path}, images would be written where {key} is; give another folder",
                    Key::MACHEX_PATH,
                ));
            } else if is_in(&state, &raw_folder) {
                problems.push(format!(
                    "{}: what machex remembers of the tree, {}, would lie where {key} is; give \
                     another folder",
                    Key::MACHEX_PATH,
                    StateFolder::of(machex_path).path().shown(),
                ));
            }
        }
        let images = listed_images(raw);
        if images.is_some_and(|images| is_in(&cache, &real_path(&images))) {
            problems.push(format!(
                "{}: {} lies among the images of {}, which are numbered as they are listed; give \
                 another folder",
                Key::CACHE_PATH,
                cache_path.shown(),
                raw.dataset.root_key(),
            ));
        }
    }
    if is_in(&cache, &tree) {
        problems.push(format!(
            "{}: {} lies in {}, where everything is taken for a dataset",
            Key::CACHE_PATH,
            cache_path.shown(),
            Key::MACHEX_PATH
        ));
    } else if is_in(&cache, &state) {
        problems.push(format!(
            "{}: {} lies where machex remembers what is in {}; give another folder",
            Key::CACHE_PATH,
            cache_path.shown(),
            Key::MACHEX_PATH
        ));
    }
    problems
}

/// Whether `path` is `folder` or inside it, even through another mount of the same disk (`mount
/// --bind`). Both paths must be without links.
fn is_in(path: &Path, folder: &Path) -> bool {
    if path.starts_with(folder) {
        return true;
    }
    // A machex mount may not answer, and shares no folder with another disk.
    let in_a_mount = |path: &Path| !machex_mount_of(path).is_ok_and(|mount| mount.is_none());
    if in_a_mount(path) || in_a_mount(folder) {
        return false;
    }
    let identity = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    let wanted = identity(folder);
    wanted.is_some()
        && path
            .ancestors()
            .any(|ancestor| identity(ancestor) == wanted)
}

/// The folders of a raw dataset, each with its config key.
fn folders(raw: &RawTree) -> impl Iterator<Item = (&'static str, &Path)> {
    let options = raw.options.iter().filter_map(|(key, value)| match value {
        OptionValue::Folder(path) => Some((*key, path.as_path())),
        OptionValue::Bool(_) => None,
    });
    std::iter::once((raw.dataset.root_key(), raw.root.as_path())).chain(options)
}

/// The folder of images of a dataset that is numbered by listing it.
fn listed_images(raw: &RawTree) -> Option<PathBuf> {
    match raw.dataset.info().numbering {
        Numbering::Folder { images } => Some(raw.root.join(images)),
        Numbering::Lists => None,
    }
}
