//! The input of `preview` and `report`: the raw datasets of a config file, or a finished tree.

use std::io;
use std::path::{Path, PathBuf};

use super::dataset_argument::DatasetArgument;
use super::taken::Taken;
use super::{DEFAULT_CONFIG, job};
use crate::config::Config;
use crate::datasets::KnownDatasets;
use crate::files::is_disconnected;
use crate::survey::{self, Options, Survey, Tree};

/// A config file or a finished tree, and a selection of its datasets.
#[derive(Debug, clap::Args)]
pub struct InputArguments {
    /// Config file, or folder of a finished tree or of a mount [default: config.yml]
    #[arg(value_name = "CONFIG|ROOT", conflicts_with = "config")]
    place: Option<PathBuf>,
    /// Config file
    #[arg(short = 'c', long, value_name = "CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    dataset: DatasetArgument,
    /// Number of images per dataset, evenly spread and including the first
    #[arg(long, value_name = "N", default_value_t = 6)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    images: u32,
}

/// The opened input.
pub struct Input {
    kind: Kind,
    options: Options,
}

enum Kind {
    Config(Box<Config>),
    Tree(Tree),
}

impl InputArguments {
    /// Opens the input and checks that it has the named datasets.
    pub fn open(&self, known: KnownDatasets) -> anyhow::Result<Input> {
        let root = self.place.as_ref().filter(|place| is_folder(place));
        let (kind, datasets) = match root {
            Some(root) => {
                let tree = Tree::open(root, known)?;
                let datasets = self.dataset.of_tree(&tree)?;
                (Kind::Tree(tree), datasets)
            }
            None => {
                let named = self.config.as_ref().or(self.place.as_ref());
                let path = named.map_or(Path::new(DEFAULT_CONFIG), PathBuf::as_path);
                let config = job::load_config_file(path, known)?;
                let datasets = self.dataset.of_config(&config, known)?;
                (Kind::Config(Box::new(config)), datasets)
            }
        };
        let images = self.images;
        Ok(Input {
            kind,
            options: Options { datasets, images },
        })
    }
}

impl Input {
    /// Where no output may be written: the tree, and everything that it is made from.
    pub fn taken(&self) -> Vec<Taken> {
        let (root, config) = match &self.kind {
            Kind::Config(config) => (config.machex_path.as_path(), Some(config.as_ref().clone())),
            Kind::Tree(tree) => (tree.root(), tree.config()),
        };
        let mut taken = Taken::by_tree(root).to_vec();
        if let Some(config) = &config {
            taken.extend(Taken::by_config(config));
            taken.push(Taken::new(&config.cache_path, "machex' cache"));
        }
        taken
    }

    /// Reads lists or indexes; for a config file, also starts the threads that render.
    pub fn survey(&self) -> anyhow::Result<Survey> {
        match &self.kind {
            Kind::Config(config) => {
                job::start_threads(config.workers)?;
                Ok(survey::of_config(config, &self.options))
            }
            Kind::Tree(tree) => Ok(tree.survey(&self.options)),
        }
    }
}

/// Whether a path is a folder. A mount whose process is gone or does not answer counts as one,
/// since it cannot be a config file.
pub fn is_folder(path: &Path) -> bool {
    match crate::files::is_folder(path) {
        Ok(is_folder) => is_folder,
        Err(error) => is_disconnected(&error) || error.kind() == io::ErrorKind::TimedOut,
    }
}
