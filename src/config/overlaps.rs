//! Checks which folders must not be inside which: machex writes nothing among raw data, and where
//! it writes, nothing else may be.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::keys::Key;
use crate::datasets::{OptionValue, RawTree};
use crate::files::{machex_mount_of, real_path};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::store::StateFolder;

/// The usual name of the tree.
const NAME: &str = "machex";

/// A folder that machex cannot write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Overlap {
    /// The key to change.
    pub key: &'static str,
    pub problem: String,
}

/// A path that machex is asked to write to is among raw data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is in {key}, {}, and machex writes nothing among raw data; give another place",
    .path.shown(), .folder.shown()
)]
pub struct InRawData {
    path: PathBuf,
    key: &'static str,
    folder: PathBuf,
}

/// A folder of raw data.
struct RawFolder<'a> {
    key: &'static str,
    path: PathBuf,
    /// Without links.
    real: PathBuf,
    /// The folder that the config names: `path`, or the one in which `path` is a link.
    named: &'a Path,
    /// The name of its dataset.
    dataset: &'static str,
}

/// Problems if the tree, its records or the cache would be in raw data, or if other folders are in
/// the tree, where every entry counts as a dataset.
pub(super) fn overlaps(machex_path: &Path, cache_path: &Path, trees: &[RawTree]) -> Vec<Overlap> {
    let look = |key: &str, path: &Path| {
        let doing = format!("looking at {key}, {}", path.shown());
        announce_if_slow(doing, || real_path(path))
    };
    let tree = look(Key::MACHEX_PATH, machex_path);
    let cache = look(Key::CACHE_PATH, cache_path);
    let state_path = StateFolder::of(machex_path).path().to_owned();
    let state = real_path(&state_path);
    let raw = raw_folders(trees);
    let mut problems = Vec::new();
    let mut add = |key, problem: String| problems.push(Overlap { key, problem });

    let mut tree_problem = not_a_folder(machex_path, &tree);
    for raw_folder in &raw {
        let RawFolder {
            key, path, real, ..
        } = raw_folder;
        let (key, shown) = (*key, path.shown());
        let found = if is_in(&tree, real) {
            let advice = raw_folder.advice(&raw);
            Some(if is_in(real, &tree) {
                format!("{shown} is {key}, too, and machex writes nothing among raw data; {advice}")
            } else {
                format!(
                    "{} is in {key}, {shown}, and machex writes nothing among raw data; {advice}",
                    machex_path.shown()
                )
            })
        } else if is_in(&state, real) {
            Some(format!(
                "what machex remembers of the tree, {}, would lie in {key}, {shown}; {}",
                state_path.shown(),
                raw_folder.advice(&raw)
            ))
        } else if is_in(real, &tree) {
            let own = machex_path.join(NAME);
            let own = free(&own, &raw).map(|own| format!(", such as {}", own.shown()));
            Some(format!(
                "{key}, {shown}, is in it, where every entry counts as a dataset; give a folder of \
                 its own{}",
                own.unwrap_or_default()
            ))
        } else {
            None
        };
        // One is enough: the folder has to be changed anyway.
        tree_problem = tree_problem.or(found);
    }
    tree_problem = tree_problem.or_else(|| link_into_raw_data((machex_path, &tree), trees, &raw));
    tree_problem = tree_problem.or_else(|| {
        not_a_folder(&state_path, &state)?;
        Some(format!(
            "{}, where machex keeps its records of the tree, is a file; move it away",
            state_path.shown()
        ))
    });
    if let Some(problem) = tree_problem {
        add(Key::MACHEX_PATH, problem);
    }

    let shown = cache_path.shown();
    let in_raw = among(&cache, &raw);
    if let Some(problem) = not_a_folder(cache_path, &cache) {
        add(Key::CACHE_PATH, problem);
    } else if let Some(raw) = in_raw {
        let (key, folder) = (raw.key, raw.path.shown());
        let problem = format!(
            "{shown} is in {key}, {folder}, and machex writes nothing among raw data; give another \
             folder"
        );
        add(Key::CACHE_PATH, problem);
    } else if is_in(&cache, &tree) {
        let problem = format!(
            "{shown} is in {}, where every entry counts as a dataset; give another folder",
            Key::MACHEX_PATH
        );
        add(Key::CACHE_PATH, problem);
    } else if is_in(&cache, &state) {
        let problem = format!(
            "{shown} is where machex remembers what is in {}; give another folder",
            Key::MACHEX_PATH
        );
        add(Key::CACHE_PATH, problem);
    }
    problems
}

/// Checks that `path`, which need not exist, is not among raw data.
pub(super) fn check_outside(path: &Path, trees: &[RawTree]) -> Result<(), InRawData> {
    let raw = raw_folders(trees);
    match among(&real_path(path), &raw) {
        None => Ok(()),
        Some(RawFolder {
            key, path: folder, ..
        }) => Err(InRawData {
            path: path.to_owned(),
            key,
            folder: folder.to_owned(),
        }),
    }
}

/// The raw data that a path without links is in.
fn among<'a>(real: &Path, raw: &'a [RawFolder<'a>]) -> Option<&'a RawFolder<'a>> {
    raw.iter().find(|raw| is_in(real, &raw.real))
}

impl RawFolder<'_> {
    /// Where to write instead of into this folder.
    fn advice(&self, all: &[RawFolder<'_>]) -> String {
        let beside = self.named.parent().filter(|above| above.parent().is_some());
        let beside = beside.and_then(|above| free(&above.join(NAME), all));
        match beside {
            Some(beside) => format!("give a folder outside, such as {}", beside.shown()),
            None => format!(
                "give a folder outside, or move the dataset into a folder of its own, such as {}",
                self.named.join(self.dataset).shown()
            ),
        }
    }
}

/// `path`, unless it is among raw data.
fn free(path: &Path, raw: &[RawFolder<'_>]) -> Option<PathBuf> {
    let real = real_path(path);
    let is_taken = raw
        .iter()
        .any(|raw| is_in(&real, &raw.real) || is_in(&raw.real, &real));
    (!is_taken).then(|| path.to_owned())
}

/// The problem if the folder of a dataset in the tree is a link into raw data. The tree is given as
/// in the config and without links.
fn link_into_raw_data(
    (machex_path, tree): (&Path, &Path),
    trees: &[RawTree],
    raw: &[RawFolder<'_>],
) -> Option<String> {
    let mut names = trees.iter().map(|tree| tree.dataset.folder());
    names.find_map(|name| {
        let folder = machex_path.join(name);
        let real = real_path(&folder);
        if real == tree.join(name) {
            return None;
        }
        let RawFolder { key, path, .. } = among(&real, raw)?;
        let (folder, path) = (folder.shown(), path.shown());
        Some(format!(
            "{folder} is a link into {key}, {path}, and machex writes nothing among raw data; \
             remove the link, or give another folder"
        ))
    })
}

/// The problem if something that is no folder is at a path, or above it.
fn not_a_folder(path: &Path, real: &Path) -> Option<String> {
    // A mount that does not answer is a folder all the same.
    if !matches!(machex_mount_of(real), Ok(None)) {
        return None;
    }
    let doing = format!("looking at {}", path.shown());
    match announce_if_slow(doing, || std::fs::metadata(real)) {
        Ok(found) if !found.is_dir() => Some(format!(
            "{} is a file; give a folder, which need not exist",
            path.shown()
        )),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let file = path.ancestors().find(|above| above.is_file())?;
            let (path, file) = (path.shown(), file.shown());
            Some(format!(
                "{path} cannot be a folder, since {file} is a file; give another one"
            ))
        }
        _ => None,
    }
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

/// The folders of all raw datasets.
fn raw_folders(trees: &[RawTree]) -> Vec<RawFolder<'_>> {
    let mut folders = Vec::new();
    for tree in trees {
        let mut add = |key, path: &Path, named| {
            folders.push(RawFolder {
                key,
                path: path.to_owned(),
                real: real_path(path),
                named,
                dataset: tree.dataset.folder(),
            });
        };
        add(tree.dataset.root_key(), &tree.root, tree.root.as_path());
        for link in tree.links() {
            add(tree.dataset.root_key(), &link, &tree.root);
        }
        for (key, value) in &tree.options {
            if let OptionValue::Folder(path) = value {
                add(key, path, path);
            }
        }
    }
    folders
}
