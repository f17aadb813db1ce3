//! Folders of images that are reached by a link in a root: they are raw data, wherever they are.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::RawTree;
use crate::slow::announce_if_slow;

impl RawTree {
    /// The links in the root that lead to a part of the dataset, such as `images` on another disk.
    /// Only names that its marks give in full are looked for: a root may also hold links to
    /// anything else.
    pub fn links(&self) -> BTreeSet<PathBuf> {
        let doing = format!("looking at {}", self.shown_root());
        announce_if_slow(doing, || self.find_links())
    }

    fn find_links(&self) -> BTreeSet<PathBuf> {
        let marks = &self.dataset.info().marks;
        let patterns = marks.root.iter().copied().flatten().chain(marks.parts);
        let mut links = BTreeSet::new();
        for pattern in patterns {
            let mut path = self.root.clone();
            for name in pattern.split('/').take_while(|name| !name.contains('*')) {
                path.push(name);
                if path.is_symlink() {
                    links.insert(path.clone());
                }
            }
        }
        links
    }
}
