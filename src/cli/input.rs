//! The input of `preview` and `report`: the raw datasets of a config file, or a finished tree.

use std::collections::BTreeSet;
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
pub struct PlaceArguments {
    /// Config file, or folder of a finished tree or of a mount [default: config.yml]
    #[arg(value_name = "CONFIG|ROOT", conflicts_with = "config")]
    place: Option<PathBuf>,
    /// Config file
    #[arg(short = 'c', long, value_name = "CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    dataset: DatasetArgument,
}

/// The same, and the number of images to show.
#[derive(Debug, clap::Args)]
pub struct InputArguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// Number of images per dataset, evenly spread and including the first
    #[arg(long, value_name = "N", default_value_t = 6)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    images: u32,
}

/// The opened input.
pub struct Input {
    kind: Place,
    options: Options,
}

/// An opened config file or finished tree.
pub enum Place {
    Config(Box<Config>),
    Tree(Tree),
}

impl PlaceArguments {
    /// Opens the place, and checks that it has the named datasets.
    pub fn open(&self, known: KnownDatasets) -> anyhow::Result<(Place, BTreeSet<String>)> {
        let root = self.place.as_ref().filter(|place| is_folder(place));
        Ok(match root {
            Some(root) => {
                let tree = Tree::open(root, known)?;
                let datasets = self.dataset.of_tree(&tree)?;
                (Place::Tree(tree), datasets)
            }
            None => {
                let named = self.config.as_ref().or(self.place.as_ref());
                let path = named.map_or(Path::new(DEFAULT_CONFIG), PathBuf::as_path);
                let config = job::load_config_file(path, known)?;
                let datasets = self.dataset.of_config(&config, known)?;
                (Place::Config(Box::new(config)), datasets)
            }
        })
    }
}

impl InputArguments {
    /// Opens the input and checks that it has the named datasets.
    pub fn open(&self, known: KnownDatasets) -> anyhow::Result<Input> {
        let (kind, datasets) = self.place.open(known)?;
        let images = self.images;
        Ok(Input {
            kind,
            options: Options {
                datasets,
                images,
                metadata: false,
            },
        })
    }
}

impl Place {
    /// Where no output may be written: the tree, and everything that it is made from.
    pub fn taken(&self) -> Vec<Taken> {
        let (root, config) = match self {
            Place::Config(config) => (config.machex_path.as_path(), Some(config.as_ref().clone())),
            Place::Tree(tree) => (tree.root(), tree.config()),
        };
        let mut taken = Taken::by_tree(root).to_vec();
        if let Some(config) = &config {
            taken.extend(Taken::by_config(config));
            taken.push(Taken::new(&config.cache_path, "machex' cache"));
        }
        taken
    }
}

impl Input {
    /// Also counts what the metadata tells.
    pub fn with_metadata(mut self) -> Self {
        self.options.metadata = true;
        self
    }

    /// See [`Place::taken`].
    pub fn taken(&self) -> Vec<Taken> {
        self.kind.taken()
    }

    /// Reads lists or indexes; for a config file, also starts the threads that render.
    pub fn survey(&self) -> anyhow::Result<Survey> {
        match &self.kind {
            Place::Config(config) => {
                job::start_threads(config.workers)?;
                Ok(survey::of_config(config, &self.options))
            }
            Place::Tree(tree) => Ok(tree.survey(&self.options)),
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
