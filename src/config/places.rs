//! Which folders must not lie in which.

use std::path::{Path, PathBuf};

use super::keys::Key;
use super::real_path::real_path as real;
use super::values::Reader;
use crate::datasets::{Numbering, OptionValue, RawTree};
use crate::store::StateFolder;

/// Complains where the tree would be written among raw data or over it, or where the cache lies in
/// the tree's root, of which every entry is taken for a dataset, or among images that are numbered
/// by listing their folder.
pub(super) fn keep_apart(
    machex_path: &Path,
    cache_path: &Path,
    trees: &[RawTree],
    reader: &mut Reader<'_>,
) {
    let tree = real(machex_path);
    let state = real(StateFolder::of(machex_path).path());
    let cache = real(cache_path);
    let outputs: Vec<PathBuf> = trees
        .iter()
        .map(|out| real(&tree.join(out.dataset.folder())))
        .collect();
    for raw in trees {
        for (key, folder) in folders(raw) {
            let raw_folder = real(folder);
            let is_over = |output: &PathBuf| raw_folder.starts_with(output);
            if tree.starts_with(&raw_folder) || outputs.iter().any(is_over) {
                let path = machex_path.display();
                reader.complain(format!(
                    "{}: in {path}, images would be written where {key} is; give another folder",
                    Key::MACHEX_PATH,
                ));
            } else if state.starts_with(&raw_folder) {
                reader.complain(format!(
                    "{}: what machex remembers of the tree, {}, would lie where {key} is; give \
                     another folder",
                    Key::MACHEX_PATH,
                    StateFolder::of(machex_path).path().display(),
                ));
            }
        }
        let images = listed_images(raw);
        if images.is_some_and(|images| cache.starts_with(real(&images))) {
            reader.complain(format!(
                "{}: {} lies among the images of {}, which are numbered as they are listed; give \
                 another folder",
                Key::CACHE_PATH,
                cache_path.display(),
                raw.dataset.root_key(),
            ));
        }
    }
    if cache.starts_with(&tree) {
        reader.complain(format!(
            "{}: {} lies in {}, where everything is taken for a dataset",
            Key::CACHE_PATH,
            cache_path.display(),
            Key::MACHEX_PATH
        ));
    }
}

/// The folders of a raw dataset, each with the key that gives it.
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
