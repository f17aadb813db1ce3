//! Searches around the expected place of a dataset, to suggest the right folder or name the release
//! that is there. It runs only after a failure, and is bounded: the disk may be remote and hold
//! millions of files.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::storage::{Kind, Storage};

/// Maximum number of names to read from one folder, and in total.
const NAMES_OF_FOLDER: usize = 400;
const NAMES: usize = 8000;

/// Maximum number of folders to enter.
const FOLDERS: usize = 300;

/// Levels below the root to search.
const DEPTH: usize = 4;

/// Levels above the root to search.
const LEVELS_ABOVE: usize = 3;

/// Maximum number of folders to suggest.
const FOUND: usize = 3;

/// The first names in a folder, sorted. Names that are not UTF-8 occur in no dataset.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub files: Vec<String>,
    pub folders: Vec<String>,
    /// Whether there are more.
    pub is_cut: bool,
}

/// Reads each folder once, until its limit is reached.
pub(super) struct Finder<'a> {
    storage: &'a dyn Storage,
    names_left: usize,
    known: HashMap<PathBuf, Rc<Listing>>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(storage: &'a dyn Storage) -> Self {
        Self {
            storage,
            names_left: NAMES,
            known: HashMap::new(),
        }
    }

    /// The names in `folder`; none if it cannot be read or the limit is reached.
    pub(super) fn list(&mut self, folder: &Path) -> Rc<Listing> {
        if let Some(known) = self.known.get(folder) {
            return Rc::clone(known);
        }
        if self.names_left == 0 {
            return Rc::default();
        }
        let mut listing = Listing::default();
        let most = NAMES_OF_FOLDER.min(self.names_left);
        if let Ok(names) = self.storage.list(folder) {
            for (number, listed) in names.flatten().enumerate() {
                if number == most {
                    listing.is_cut = true;
                    break;
                }
                self.names_left -= 1;
                let Ok(name) = listed.name.into_string() else {
                    continue;
                };
                let is_folder = match listed.kind {
                    Kind::Link => self.storage.is_folder(&folder.join(&name)),
                    kind => kind == Kind::Folder,
                };
                if is_folder {
                    listing.folders.push(name);
                } else {
                    listing.files.push(name);
                }
            }
        }
        listing.files.sort();
        listing.folders.sort();
        let listing = Rc::new(listing);
        self.known.insert(folder.to_owned(), Rc::clone(&listing));
        listing
    }

    /// The first path below `folder` that matches `pattern`, ignoring case; `*` matches any
    /// characters.
    pub(super) fn first(&mut self, folder: &Path, pattern: &str) -> Option<PathBuf> {
        let (name, rest) = match pattern.split_once('/') {
            Some((name, rest)) => (name, Some(rest)),
            None => (pattern, None),
        };
        let mut candidates = Vec::new();
        if !name.contains('*') && self.storage.stat(&folder.join(name)).is_ok() {
            candidates.push(name.to_owned());
        } else {
            let listing = self.list(folder);
            let folders = listing.folders.iter();
            let files = listing.files.iter().filter(|_| rest.is_none());
            candidates.extend(folders.chain(files).filter(|n| matches(name, n)).cloned());
        }
        for candidate in candidates {
            let path = folder.join(candidate);
            match rest {
                None => return Some(path),
                Some(rest) => {
                    if let Some(found) = self.first(&path, rest) {
                        return Some(found);
                    }
                }
            }
        }
        None
    }

    /// Whether all of `patterns` have a match below `folder`.
    pub(super) fn has_all(&mut self, folder: &Path, patterns: &[&str]) -> bool {
        patterns
            .iter()
            .all(|pattern| self.first(folder, pattern).is_some())
    }

    /// The nearest wanted folders below `root`, not including `root`. Folders below a wanted one
    /// are not searched.
    pub(super) fn below(
        &mut self,
        root: &Path,
        mut is_wanted: impl FnMut(&mut Self, &Path) -> bool,
    ) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let (mut entered, mut folders) = (HashSet::new(), 0);
        let mut waiting = VecDeque::from([(root.to_owned(), 0)]);
        while let Some((folder, depth)) = waiting.pop_front() {
            // A link may form a loop; there are no links outside a file system.
            let is_new = self
                .storage
                .stat(&folder)
                .is_ok_and(|stat| match stat.inode {
                    Some(inode) => entered.insert((inode.device, inode.number)),
                    None => true,
                });
            folders += usize::from(is_new);
            if !is_new || folders > FOLDERS || found.len() == FOUND {
                continue;
            }
            if depth > 0 && is_wanted(self, &folder) {
                found.push(folder);
            } else if depth < DEPTH {
                let listing = self.list(&folder);
                let folders = listing.folders.iter().filter(|name| is_visible(name));
                waiting.extend(folders.map(|name| (folder.join(name), depth + 1)));
            }
        }
        found
    }

    /// The nearest wanted folder above `root`.
    pub(super) fn above(
        &mut self,
        root: &Path,
        mut is_wanted: impl FnMut(&mut Self, &Path) -> bool,
    ) -> Option<PathBuf> {
        let above = root.ancestors().skip(1).take(LEVELS_ABOVE);
        above
            .filter(|folder| folder.parent().is_some())
            .find(|folder| is_wanted(self, folder))
            .map(Path::to_owned)
    }
}

/// Whether a name is not created by macOS or a tool.
pub(super) fn is_visible(name: &str) -> bool {
    !name.starts_with('.') && name != "__MACOSX" && name != "lost+found"
}

/// Whether `name` matches, ignoring case; `*` matches any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Folder;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_star_stands_for_anything_and_case_does_not_matter() {
        for (pattern, name) in [
            ("train", "Train"),
            ("*.png", "a.PNG"),
            ("df_chexpert_plus_*.csv", "df_chexpert_plus_240401.csv"),
            ("a*b*c", "a-b-b-c"),
            ("*", ""),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("train", "train2"),
            ("*.png", "png"),
            ("a*b", "ab-"),
            ("ab*b", "ab"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn the_nearest_are_found_and_loops_end() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for folder in ["a/b/c/wanted", "d/wanted", "d/wanted/wanted", "a/b/c/d/e/f"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        symlink("..", root.join("a/loop")).unwrap();
        symlink("gone", root.join("a/dangling")).unwrap();
        fs::create_dir_all(root.join("a/b/c/d/e/wanted")).unwrap();
        let is_wanted = |_: &mut Finder<'_>, folder: &Path| folder.ends_with("wanted");
        let found = Finder::new(&Folder).below(root, is_wanted);
        assert_eq!(
            found,
            ["d/wanted", "a/b/c/wanted"].map(|name| root.join(name))
        );
        let above = Finder::new(&Folder).above(&root.join("d/wanted/wanted"), is_wanted);
        assert_eq!(above, Some(root.join("d/wanted")));
    }

    #[test]
    fn no_more_than_enough_is_read() {
        let root = tempfile::tempdir().unwrap();
        for folder in 0..30 {
            let folder = root.path().join(folder.to_string());
            fs::create_dir(&folder).unwrap();
            for file in 0..NAMES_OF_FOLDER + 1 {
                fs::File::create(folder.join(format!("{file}.png"))).unwrap();
            }
        }
        let mut finder = Finder::new(&Folder);
        finder.below(root.path(), |finder, folder| {
            finder.first(folder, "*.dcm").is_some()
        });
        assert_eq!(finder.names_left, 0);
        assert!(finder.list(root.path()).folders.len() == 30);
        assert!(finder.list(&root.path().join("none")).files.is_empty());
    }
}
