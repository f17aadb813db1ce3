//! Which folders must not lie in which.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::keys::Key;
use super::values::Reader;
use crate::datasets::{Numbering, OptionValue, RawTree};
use crate::mount::machex_mounts;
use crate::store::StateFolder;

/// Links that are followed in one path, as the kernel has it.
const MAX_LINKS: u32 = 40;

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

/// A path without links, as far as it exists. What lies in a mount of ours is not looked at: its
/// process may have stopped, and whoever looks would wait for it.
pub fn real(path: &Path) -> PathBuf {
    let mounts = machex_mounts();
    let mut real = PathBuf::from("/");
    let mut left = parts(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    let mut links = 0;
    while let Some(name) = left.pop_front() {
        if name == ".." {
            real.pop();
            continue;
        }
        let next = real.join(&name);
        if mounts.contains(&next) {
            real = next;
            real.extend(left);
            break;
        }
        match fs::read_link(&next) {
            Ok(target) if links < MAX_LINKS => {
                links += 1;
                if target.is_absolute() {
                    real = PathBuf::from("/");
                }
                let mut target = parts(&target);
                target.append(&mut left);
                left = target;
            }
            _ => real = next,
        }
    }
    real
}

/// Names and `..` of a path.
fn parts(path: &Path) -> VecDeque<OsString> {
    let part = |component: Component<'_>| match component {
        Component::Normal(_) | Component::ParentDir => Some(component.as_os_str().to_owned()),
        _ => None,
    };
    path.components().filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_as_far_as_there_is_something() {
        let base = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(base.path()).unwrap();
        fs::create_dir_all(base.join("a/b")).unwrap();
        symlink("a/b", base.join("relative")).unwrap();
        symlink(base.join("a"), base.join("absolute")).unwrap();
        symlink("../../absolute/b", base.join("a/b/twice")).unwrap();
        symlink("round", base.join("round")).unwrap();
        for (path, expected) in [
            ("relative", "a/b"),
            ("absolute/b/new/er", "a/b/new/er"),
            ("relative/twice/x", "a/b/x"),
            ("relative/../c", "a/c"),
            ("round/x", "round/x"),
            ("missing/x", "missing/x"),
        ] {
            assert_eq!(real(&base.join(path)), base.join(expected), "{path}");
        }
        assert_eq!(real(Path::new("/")), Path::new("/"));
    }
}
