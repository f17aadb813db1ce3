//! Suggestions if a dataset is not as expected: another folder, another release, an archive that is
//! not unpacked. They say what to do next.

use std::path::{Path, PathBuf};

use super::finder::{Finder, Listing, is_visible};
use super::marks::Release;
use super::{Dataset, RawTree};
use crate::catalog::CatalogError;
use crate::shown::Show as _;
use crate::storage::Storage;
use crate::words::counted;

const ARCHIVES: [&str; 6] = ["*.zip", "*.tar", "*.tar.gz", "*.tgz", "*.7z", "*.rar"];

/// Number of names to show from a folder.
const NAMED: usize = 3;

/// What was found in place of a dataset.
enum Meant {
    /// The name in another case than required.
    Renamed {
        there: PathBuf,
        wanted: &'static str,
    },
    Above(PathBuf),
    Below(Vec<PathBuf>),
    Other {
        release: &'static Release,
        mark: PathBuf,
    },
    OtherDataset(&'static dyn Dataset),
    Archive(PathBuf),
    /// Only a part of the dataset.
    Part(PathBuf),
}

/// Adds a suggestion to an error.
pub fn explain(tree: &RawTree, error: CatalogError) -> CatalogError {
    let mut finder = Finder::new(&*tree.storage);
    let hint = match &error {
        CatalogError::MissingList { .. } | CatalogError::MissingFolder { .. } => {
            Some(hint(&mut finder, tree))
        }
        // The list of another release may have the same name.
        CatalogError::MissingColumn { .. } => other(&mut finder, tree, &tree.root)
            .or_else(|| other_dataset(&mut finder, tree))
            .map(|meant| meant.words(tree)),
        _ => None,
    };
    match hint {
        Some(hint) => CatalogError::Hinted {
            error: Box::new(error),
            hint,
        },
        None => error,
    }
}

/// What exists near a missing root: the same name in another case, or an archive.
pub fn near(storage: &dyn Storage, root: &Path) -> Option<String> {
    let name = root.file_name()?.to_str()?;
    let listing = Finder::new(storage).list(root.parent()?);
    let is_archive = |file: &&String| {
        let rest = file.strip_prefix(name);
        rest.is_some_and(|rest| ARCHIVES.iter().any(|end| end.get(1..) == Some(rest)))
    };
    let there = |name: &String| root.with_file_name(name).shown().to_string();
    let mut folders = listing.folders.iter();
    if let Some(folder) = folders.find(|folder| folder.eq_ignore_ascii_case(name)) {
        return Some(format!("{} is there", there(folder)));
    }
    let archive = listing.files.iter().find(is_archive)?;
    Some(format!("{} is there and not unpacked", there(archive)))
}

/// A suggestion; or, without one, what the folder contains.
pub(super) fn hint(finder: &mut Finder<'_>, tree: &RawTree) -> String {
    match meant(finder, tree) {
        Some(meant) => meant.words(tree),
        None => nothing(finder, tree),
    }
}

/// Advice for a dataset whose lists exist but none of whose images.
pub fn why_missing(tree: &RawTree) -> String {
    let mut finder = Finder::new(&*tree.storage);
    let root = &tree.root;
    let meant = other(&mut finder, tree, root)
        .or_else(|| archive(&mut finder, tree, root))
        .or_else(|| any_archive(&mut finder, root));
    let (root, marks) = (root.shown(), &tree.dataset.info().marks);
    match meant {
        Some(meant) => meant.words(tree),
        None => format!(
            "Download the images of {} ({}) into {root}, and unpack them there",
            marks.title, marks.home
        ),
    }
}

fn meant(finder: &mut Finder<'_>, tree: &RawTree) -> Option<Meant> {
    let root = &tree.root;
    let is_root = |finder: &mut Finder<'_>, folder: &Path| is_root(finder, tree.dataset, folder);
    let below = |found: Vec<PathBuf>| (!found.is_empty()).then_some(found);
    renamed(finder, tree)
        .or_else(|| finder.above(root, is_root).map(Meant::Above))
        .or_else(|| below(finder.below(root, is_root)).map(Meant::Below))
        .or_else(|| other(finder, tree, root))
        .or_else(|| archive(finder, tree, root))
        .or_else(|| in_folders(finder, root, |finder, folder| other(finder, tree, folder)))
        .or_else(|| other_dataset(finder, tree))
        .or_else(|| part(finder, tree))
        .or_else(|| in_folders(finder, root, |finder, folder| archive(finder, tree, folder)))
        .or_else(|| any_archive(finder, root))
}

/// Whether a folder looks like a dataset's root.
fn is_root(finder: &mut Finder<'_>, dataset: &dyn Dataset, folder: &Path) -> bool {
    let roots = dataset.info().marks.root;
    roots.iter().any(|all| finder.has_all(folder, all))
}

fn renamed(finder: &mut Finder<'_>, tree: &RawTree) -> Option<Meant> {
    let root = &tree.root;
    for all in tree.dataset.info().marks.root {
        if !finder.has_all(root, all) {
            continue;
        }
        for wanted in *all {
            let there = finder.first(root, wanted)?;
            let path = there.strip_prefix(root).ok()?;
            let names = path.iter().zip(wanted.split('/'));
            let is_other = |(name, wanted): (&std::ffi::OsStr, &str)| {
                !wanted.contains('*') && name.to_str() != Some(wanted)
            };
            let wanted = wanted.split('/').next()?;
            let there = root.join(path.iter().next()?);
            if names.clone().any(is_other) {
                return Some(Meant::Renamed { there, wanted });
            }
        }
    }
    None
}

fn other(finder: &mut Finder<'_>, tree: &RawTree, folder: &Path) -> Option<Meant> {
    tree.dataset.info().marks.others.iter().find_map(|release| {
        let mark = first_of(finder, folder, release.marks)?;
        if first_of(finder, folder, release.unless).is_some() {
            return None;
        }
        Some(Meant::Other { release, mark })
    })
}

fn other_dataset(finder: &mut Finder<'_>, tree: &RawTree) -> Option<Meant> {
    let others = tree.known.iter().copied();
    let mut others = others.filter(|other| other.folder() != tree.dataset.folder());
    let other = others.find(|other| is_root(finder, *other, &tree.root))?;
    Some(Meant::OtherDataset(other))
}

fn archive(finder: &mut Finder<'_>, tree: &RawTree, folder: &Path) -> Option<Meant> {
    first_of(finder, folder, tree.dataset.info().marks.archives).map(Meant::Archive)
}

fn any_archive(finder: &mut Finder<'_>, folder: &Path) -> Option<Meant> {
    first_of(finder, folder, &ARCHIVES).map(Meant::Archive)
}

fn part(finder: &mut Finder<'_>, tree: &RawTree) -> Option<Meant> {
    first_of(finder, &tree.root, tree.dataset.info().marks.parts).map(Meant::Part)
}

fn first_of(finder: &mut Finder<'_>, folder: &Path, patterns: &[&str]) -> Option<PathBuf> {
    patterns
        .iter()
        .find_map(|pattern| finder.first(folder, pattern))
}

/// The first result of `look` in the folders below `root`.
fn in_folders(
    finder: &mut Finder<'_>,
    root: &Path,
    mut look: impl FnMut(&mut Finder<'_>, &Path) -> Option<Meant>,
) -> Option<Meant> {
    let mut found = None;
    finder.below(root, |finder, folder| {
        found = found.take().or_else(|| look(finder, folder));
        found.is_some()
    });
    found
}

impl Meant {
    fn words(&self, tree: &RawTree) -> String {
        let (key, marks) = (tree.dataset.root_key(), &tree.dataset.info().marks);
        let title = marks.title;
        match self {
            Meant::Renamed { there, wanted } => {
                let there = there.shown();
                format!("{there} is there: rename it to {wanted}")
            }
            Meant::Above(folder) => {
                let folder = folder.shown();
                format!("The folder of {title} is above it: set {key}: {folder}")
            }
            Meant::Below(folders) => match folders.as_slice() {
                [only] => {
                    let only = only.shown();
                    format!("The folder of {title} is below it: set {key}: {only}")
                }
                several => {
                    let several: Vec<String> =
                        several.iter().map(|f| f.shown().to_string()).collect();
                    let several = several.join(", or ");
                    format!("There are several folders of {title} below it: set {key}: {several}")
                }
            },
            Meant::Other { release, mark } => {
                let (name, advice, mark) = (release.name, release.advice, mark.shown());
                format!("This is {name} ({mark} is there); {advice}")
            }
            Meant::OtherDataset(other) => {
                let (other, its_key) = (other.info().marks.title, other.root_key());
                format!(
                    "The folder looks like that of {other}, whose key is {its_key}; set {key} to the \
                     folder of {title}, or to null"
                )
            }
            Meant::Archive(path) => {
                let path = path.shown();
                format!(
                    "{path} is there and not unpacked: unpack it there, with the folders that are in it"
                )
            }
            Meant::Part(part) => {
                let (part, home) = (part.shown(), marks.home);
                format!(
                    "The folder is that of {title} ({part} is there), and not complete: download what \
                     is missing into it ({home})"
                )
            }
        }
    }
}

/// The message if there is no suggestion.
fn nothing(finder: &mut Finder<'_>, tree: &RawTree) -> String {
    let (key, marks) = (tree.dataset.root_key(), &tree.dataset.info().marks);
    let (title, home) = (marks.title, marks.home);
    let holds = holds(&finder.list(&tree.root));
    format!(
        "The folder holds {holds}, and nothing of {title} is in it, nor in the folders above and below: \
         set {key} to the folder into which {title} was unpacked ({home}), or to null"
    )
}

/// Describes the contents of a folder.
fn holds(listing: &Listing) -> String {
    let named = |names: &[String], one: &str, many: &str| {
        let names: Vec<&String> = names.iter().filter(|name| is_visible(name)).collect();
        if names.is_empty() {
            return None;
        }
        let count = counted(names.len() as u64, one, many);
        let shown = names.iter().take(NAMED);
        let shown: Vec<String> = shown.map(|name| name.shown().to_string()).collect();
        let more = if names.len() > NAMED { ", ..." } else { "" };
        Some(format!("{count} ({}{more})", shown.join(", ")))
    };
    let parts = [
        named(&listing.folders, "folder", "folders"),
        named(&listing.files, "file", "files"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.as_slice() {
        [] => "nothing".to_owned(),
        _ if listing.is_cut => format!("among others {}", parts.join(" and ")),
        _ => parts.join(" and "),
    }
}
