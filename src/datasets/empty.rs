//! Why a dataset has no images.

use std::collections::BTreeMap;
use std::path::Path;

use indicatif::HumanCount;

use super::finder::Finder;
use super::hint::{hint, why_missing};
use super::{Numbering, RawTree};
use crate::catalog::Catalog;
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::storage::{Kind, Storage};
use crate::words::counted;

/// Maximum number of names to count.
const COUNTED: u64 = 200_000;

/// Levels of folders to count in.
const DEPTH: u32 = 4;

/// Number of kinds of files to name.
const KINDS: usize = 3;

/// Why a dataset gives no images, and what to do; `None` if there are images.
pub fn why_empty(tree: &RawTree, catalog: &Catalog) -> Option<String> {
    if catalog.present() > 0 {
        return None;
    }
    let doing = format!("looking at {}", tree.shown_root());
    Some(announce_if_slow(doing, || words(tree, catalog)))
}

fn words(tree: &RawTree, catalog: &Catalog) -> String {
    let key = tree.dataset.root_key();
    if !catalog.is_empty() {
        let count = HumanCount(u64::from(catalog.len()));
        let (root, hint) = (tree.root.shown(), why_missing(tree));
        return format!("none of the {count} images that the lists name is in {root}. {hint}");
    }
    let views = catalog.views();
    let named = [views.frontal, views.lateral, views.other];
    let named: u64 = named.into_iter().map(u64::from).sum();
    if named > 0 {
        let count = counted(named, "image is named", "images are named");
        let left_out = catalog.left_out().to_string();
        let advice = if tree.frontal_only {
            format!(
                "set FRONTAL_ONLY: false to take other views, or {key}: null to leave the dataset out"
            )
        } else {
            format!("set {key} to another folder, or to null")
        };
        return format!(
            "there are no images: {count}, and none has a view that is taken ({left_out}); {advice}"
        );
    }
    match (tree.dataset.info().numbering, catalog.list()) {
        (Numbering::Lists, Some(list)) => {
            let what = if is_text(list) {
                "is empty"
            } else {
                "has a header and no rows"
            };
            let home = tree.dataset.info().marks.home;
            format!(
                "there are no images: {} {what}; download it again ({home})",
                list.shown()
            )
        }
        _ => nothing_listed(tree),
    }
}

fn is_text(list: &Path) -> bool {
    let name = list.as_os_str().as_encoded_bytes();
    name.strip_suffix(b".gz").unwrap_or(name).ends_with(b".txt")
}

fn nothing_listed(tree: &RawTree) -> String {
    let folder = match tree.dataset.info().numbering {
        Numbering::Folder { images } => tree.root.join(images),
        Numbering::Lists => tree.root.clone(),
    };
    let marks = &tree.dataset.info().marks;
    let holds = holds(&*tree.storage, &folder);
    let hint = hint(&mut Finder::new(&*tree.storage), tree);
    let folder = folder.components().as_path().shown();
    // Files of the right kind are in subfolders, or have unexpected names.
    if holds.contains(marks.files) {
        format!("there are no images in {folder} itself, which holds {holds}. {hint}")
    } else {
        format!(
            "there are no images: {folder} holds {holds}, and {} has {} files. {hint}",
            marks.title, marks.files
        )
    }
}

/// Describes the files below a folder, counted by extension.
fn holds(storage: &dyn Storage, folder: &Path) -> String {
    let mut kinds = BTreeMap::new();
    let mut left = COUNTED;
    count(storage, folder, DEPTH, (&mut kinds, &mut left));
    let mut kinds: Vec<(String, u64)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let said = kinds.iter().take(KINDS).map(|(kind, count)| {
        let count = counted(*count, "file", "files");
        match count.split_once(' ') {
            Some((number, files)) => format!("{number} {} {files}", kind.shown()),
            None => count,
        }
    });
    let said: Vec<String> = said.collect();
    match (said.as_slice(), left) {
        ([], _) => "no files".to_owned(),
        (_, 0) => format!("more than {}", said.join(", ")),
        _ => said.join(", "),
    }
}

fn count(
    storage: &dyn Storage,
    folder: &Path,
    depth: u32,
    (kinds, left): (&mut BTreeMap<String, u64>, &mut u64),
) {
    let Ok(listing) = storage.list(folder) else {
        return;
    };
    for listed in listing.flatten() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        // Links to folders are not followed: they may form a loop.
        if listed.kind == Kind::Folder {
            if depth > 1 {
                let below = folder.join(&listed.name);
                count(storage, &below, depth - 1, (kinds, left));
            }
            continue;
        }
        let extension = Path::new(&listed.name).extension();
        let kind = extension.map_or_else(
            || "other".to_owned(),
            |extension| format!(".{}", extension.shown()),
        );
        // Limited, since extensions can be anything.
        if kinds.contains_key(&kind) || kinds.len() < 1000 {
            *kinds.entry(kind).or_default() += 1;
        }
    }
}
