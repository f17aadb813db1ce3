//! Files and folders that no output may replace or be written into.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::config::Config;
use crate::files::real_path;
use crate::shown::Show as _;
use crate::store::StateFolder;

/// A place where no output may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub path: PathBuf,
    /// What it is.
    pub by: &'static str,
}

impl Taken {
    pub fn new(path: &Path, by: &'static str) -> Self {
        let path = path.to_owned();
        Self { path, by }
    }

    /// A tree and its records.
    pub fn by_tree(root: &Path) -> [Self; 2] {
        let tree = "the tree, where every entry counts as a dataset";
        let records = "where machex keeps its records of the tree";
        [
            Self::new(root, tree),
            Self::new(StateFolder::of(root).path(), records),
        ]
    }

    /// What a config names, but for the cache, where a log may be.
    pub fn by_config(config: &Config) -> Vec<Self> {
        let mut taken = Self::by_tree(&config.machex_path).to_vec();
        taken.push(Self::new(&config.file, "the config file"));
        for tree in &config.trees {
            let links = tree.links();
            let folders = tree.folders().chain(links.iter().map(PathBuf::as_path));
            taken.extend(folders.map(|folder| Self::new(folder, "a raw dataset")));
        }
        taken
    }
}

/// Checks that the file `given`, whose path without links is `real`, is not in a taken place.
pub fn keep_out_of(taken: &[Taken], given: &Path, real: &Path) -> anyhow::Result<()> {
    let is_inside = |taken: &&Taken| real.starts_with(real_path(&taken.path));
    match taken.iter().find(is_inside) {
        None => Ok(()),
        Some(Taken { path, by }) => {
            let (given, path) = (given.shown(), path.shown());
            bail!("{given}: {path} is {by}; give another place")
        }
    }
}
