//! `config.yml`, checked once: keys, types and roots. All problems are reported at once.
//!
//! ```text
//! file (text) ─► yaml (settings with lines) ─► values (typed, by key) ─► overlaps (of folders)
//! ```

mod cache_size;
mod error;
mod example;
mod expand;
mod file;
mod keys;
mod memory;
mod overlaps;
mod path;
mod scalar;
mod size;
mod syntax;
mod values;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::datasets::{KnownDatasets, OptionKind, OptionValue, RawTree};
use crate::render::RenderParams;
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::storage::Folder;
use cache_size::CacheSize;
pub use error::ConfigError;
pub use example::{ExampleKey, ExampleParagraph, example, example_text};
use keys::Key;
pub use keys::near as near_key;
pub use memory::{MemoryLimit, NotEnoughMemory, check_memory};
pub use overlaps::InRawData;
use overlaps::Overlap;
pub use size::parse as parse_size;
use values::Reader;
use yaml::{NoSettings, Setting};

/// Programs that list folders and never map or copy a file by its `st_size`.
const LISTING_PROGRAMS: [&str; 12] = [
    "ls", "eza", "exa", "lsd", "tree", "find", "fd", "du", "ncdu", "bash", "zsh", "fish",
];

/// Default of `CACHE_SIZE`: a few hundred thousand images.
const CACHE_SIZE: u64 = 200 << 30;

/// Default of `CACHE_MIN_FREE` in percent.
const CACHE_MIN_FREE: u8 = 5;

/// Range of `IMAGE_SIZE`: the sizes that a JPEG can have.
const IMAGE_SIZES: std::ops::RangeInclusive<u64> = 1..=65_500;

/// A checked configuration. All paths are absolute and lexically normalised.
#[derive(Clone)]
pub struct Config {
    /// The config file itself.
    pub file: PathBuf,
    /// `MACHEX_PATH`: where the tree is, or appears.
    pub machex_path: PathBuf,
    /// `NUM_WORKERS`: at least 1; by default the number of cores.
    pub workers: usize,
    /// `CACHE_PATH`; by default `machex` in the user's cache folder (`$XDG_CACHE_HOME`, `~/.cache`).
    pub cache_path: PathBuf,
    /// `CACHE_SIZE` in bytes.
    pub cache_size: u64,
    /// `CACHE_MIN_FREE`: how much of the cache's disk stays free, in percent.
    pub cache_min_free: u8,
    /// `IMAGE_SIZE`: side length of the square output image in pixels.
    pub image_size: u32,
    /// `JPEG_QUALITY`: 1 to 100.
    pub jpeg_quality: u8,
    /// `LISTING_PROGRAMS`: programs that list folders and never read by `st_size`.
    pub listing_programs: Vec<String>,
    /// `DURABLE`: finished files also survive a power failure.
    pub durable: bool,
    /// `ONLY_PRESENT`: images without a source are left out.
    pub only_present: bool,
    /// `SKIP_DAMAGED`: images whose source is damaged are left out.
    pub skip_damaged: bool,
    /// `METADATA`: `materialize` writes `metadata.parquet` beside each index.
    pub metadata: bool,
    /// The datasets with a root, in the order of the known ones.
    pub trees: Vec<RawTree>,
}

impl Config {
    /// Reads and checks a config file over `known` datasets.
    ///
    /// # Errors
    /// All problems of the file at once.
    pub fn load(file: &Path, known: KnownDatasets) -> Result<Self, ConfigError> {
        let file = path::absolute(file, &std::env::current_dir()?);
        let doing = format!("reading {}", file.shown());
        let text = announce_if_slow(doing, || file::read(&file))?;
        let settings = yaml::settings(&text).map_err(|error| match error {
            NoSettings::Syntax(error) => ConfigError::Syntax(error),
            NoSettings::Empty => ConfigError::Empty,
            NoSettings::NoMapping(line) => ConfigError::NoMapping(line),
        })?;
        Self::from_settings(file, &settings, known)
    }

    /// Sets another `CACHE_PATH`, by the rules for the one in a config file.
    ///
    /// # Errors
    /// All problems at once.
    pub fn set_cache_path(&mut self, cache_path: &Path) -> Result<(), ConfigError> {
        let cache_path = path::absolute(cache_path, &std::env::current_dir()?);
        let problems: Vec<String> = overlaps::overlaps(&self.machex_path, &cache_path, &self.trees)
            .into_iter()
            .map(|Overlap { problem, .. }| problem)
            .collect();
        if !problems.is_empty() {
            return Err(ConfigError::Problems(problems));
        }
        self.cache_path = cache_path;
        Ok(())
    }

    /// Sets another `CACHE_SIZE`, by the rules for the one in a config file.
    ///
    /// # Errors
    /// If not a single image has room.
    pub fn set_cache_size(&mut self, bytes: u64) -> Result<(), ConfigError> {
        let size = CacheSize::new(bytes, self.render_params());
        size.check()
            .map_err(|problem| ConfigError::Problems(vec![problem]))?;
        self.cache_size = bytes;
        Ok(())
    }

    /// What is odd about `CACHE_SIZE`, in words: that only a few images have room.
    pub fn doubt_cache_size(&self) -> Option<String> {
        CacheSize::new(self.cache_size, self.render_params()).doubt()
    }

    /// Checks that a path that machex is asked to write to is not among raw data.
    ///
    /// # Errors
    /// The raw dataset that the path is in.
    pub fn check_outside_raw(&self, path: &Path) -> Result<(), InRawData> {
        overlaps::check_outside(path, &self.trees)
    }

    /// Size and quality of the output images.
    pub fn render_params(&self) -> RenderParams {
        RenderParams {
            size: self.image_size,
            quality: self.jpeg_quality,
        }
    }

    fn from_settings(
        file: PathBuf,
        settings: &[Setting],
        known: KnownDatasets,
    ) -> Result<Self, ConfigError> {
        let folder = file.parent().unwrap_or(Path::new("/"));
        let mut reader = Reader::new(settings, folder);
        let machex_path = reader.path(Key::MACHEX_PATH);
        if machex_path.is_none() {
            reader.require(Key::MACHEX_PATH, "the folder of the finished tree");
        }
        let frontal_only = reader.bool(Key::FRONTAL_ONLY);
        if frontal_only.is_none() {
            reader.require(Key::FRONTAL_ONLY, "true, or false for lateral views too");
        }
        let workers = reader.number(Key::NUM_WORKERS, 1..=4096);
        let cache_path = reader.path(Key::CACHE_PATH);
        let cache_size = reader.size(Key::CACHE_SIZE);
        let cache_min_free = reader.number(Key::CACHE_MIN_FREE, 0..=99);
        let image_size = reader.number(Key::IMAGE_SIZE, IMAGE_SIZES);
        let jpeg_quality = reader.number(Key::JPEG_QUALITY, 1..=100);
        let listing_programs = reader.strings(Key::LISTING_PROGRAMS);
        let durable = reader.bool(Key::DURABLE);
        let only_present = reader.bool(Key::ONLY_PRESENT).unwrap_or(false);
        let skip_damaged = reader.bool(Key::SKIP_DAMAGED);
        let metadata = reader.bool(Key::METADATA);

        let mut trees = Vec::new();
        // Each is read once, even if several datasets have it, so that a fault is told once.
        let mut values: BTreeMap<&str, Option<OptionValue>> = BTreeMap::new();
        for dataset in known.iter().copied() {
            let mut options = BTreeMap::new();
            for option in dataset.info().options {
                let value = values
                    .entry(option.name)
                    .or_insert_with(|| match option.kind {
                        OptionKind::Folder => reader.folder(option.name).map(OptionValue::Folder),
                        OptionKind::File => reader.file(option.name).map(OptionValue::File),
                        OptionKind::Bool => reader.bool(option.name).map(OptionValue::Bool),
                    });
                options.extend(value.clone().map(|value| (option.name, value)));
            }
            if let Some(root) = reader.folder(dataset.root_key()) {
                let frontal_only = frontal_only.unwrap_or(true);
                trees.push(RawTree {
                    dataset,
                    known,
                    root,
                    storage: Folder::shared(),
                    frontal_only,
                    only_present,
                    options,
                });
            }
        }
        if !known.iter().any(|dataset| reader.has(dataset.root_key())) {
            let keys: Vec<&str> = known.iter().map(|dataset| dataset.root_key()).collect();
            reader.complain_of_file(format!(
                "No datasets were specified: give one of {}",
                keys.join(", ")
            ));
        }
        let cache_path = cache_path.or_else(default_cache_path);
        if cache_path.is_none() {
            reader.require(
                Key::CACHE_PATH,
                "name a folder for the cache, since neither XDG_CACHE_HOME nor HOME is set",
            );
        }
        if let (Some(machex_path), Some(cache_path)) = (&machex_path, &cache_path) {
            for Overlap { key, problem } in overlaps::overlaps(machex_path, cache_path, &trees) {
                reader.complain(key, &problem);
            }
        }
        let params = RenderParams {
            size: image_size.map_or(1024, |size| size as u32),
            quality: jpeg_quality.map_or(95, |quality| quality as u8),
        };
        let cache_size = cache_size.unwrap_or(CACHE_SIZE);
        if let Err(problem) = CacheSize::new(cache_size, params).check() {
            reader.complain(Key::CACHE_SIZE, &problem);
        }
        reader.complain_about_unknown_keys(known);
        let (Some(machex_path), Some(cache_path), true) =
            (machex_path, cache_path, reader.is_good())
        else {
            return Err(ConfigError::Problems(reader.into_problems()));
        };
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            machex_path,
            workers: workers.map_or_else(cores, |workers| workers as usize),
            cache_path,
            cache_size,
            cache_min_free: cache_min_free.map_or(CACHE_MIN_FREE, |percent| percent as u8),
            image_size: params.size,
            jpeg_quality: params.quality,
            listing_programs: listing_programs
                .unwrap_or_else(|| LISTING_PROGRAMS.map(str::to_owned).to_vec()),
            durable: durable.unwrap_or(false),
            only_present,
            skip_damaged: skip_damaged.unwrap_or(false),
            metadata: metadata.unwrap_or(false),
            trees,
            file,
        })
    }
}

/// `machex` in the user's cache folder of the XDG base directory specification.
fn default_cache_path() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("machex"))
}
