//! `config.yml`, checked once: keys, types and roots. All problems are reported at once.

mod example;
mod keys;
mod memory;
mod overlaps;
mod path;
mod size;
mod values;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use crate::datasets::{KnownDatasets, OptionKind, OptionValue, RawTree};
use crate::files::read_within;
use crate::render::RenderParams;
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::storage::Folder;
pub use example::{ExampleKey, ExampleParagraph, example, example_text};
use keys::Key;
pub use keys::nearest as nearest_key;
pub use memory::{MemoryLimit, NotEnoughMemory, check_memory};
pub use size::parse as parse_size;
use values::Reader;

/// Programs that list folders and never map or copy a file by its `st_size`.
const LISTING_PROGRAMS: [&str; 12] = [
    "ls", "eza", "exa", "lsd", "tree", "find", "fd", "du", "ncdu", "bash", "zsh", "fish",
];

/// Maximum size of a config file.
const MAX_BYTES: u64 = 1 << 20;

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
    /// The datasets with a root, in the order of the known ones.
    pub trees: Vec<RawTree>,
}

/// Why a config file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("not valid YAML: {}", .0.to_string().shown())]
    Yaml(#[from] serde_yaml::Error),
    #[error("the file must consist of lines \"KEY: value\"")]
    NoMapping,
    /// One line for each problem.
    #[error("{}", as_lines(.0))]
    Problems(Vec<String>),
}

/// Describes the first repeated key with its two lines: keys start in the first column, values do
/// not.
fn repeated_key(text: &str) -> Option<String> {
    let mut lines = BTreeMap::new();
    let key_of = |line: &'_ str| Some(line.split_once(':')?.0.trim_end().to_owned());
    for (line, number) in text.lines().zip(1..) {
        let Some(key) = key_of(line).filter(|key| !key.starts_with([' ', '#'])) else {
            continue;
        };
        if let Some(first) = lines.insert(key.clone(), number) {
            let key = key.shown();
            return Some(format!(
                "{key} is set twice: in line {first} and in line {number}"
            ));
        }
    }
    None
}

fn as_lines(problems: &[String]) -> String {
    match problems {
        [only] => only.clone(),
        many => format!("{} problems\n  {}", many.len(), many.join("\n  ")),
    }
}

impl Config {
    /// Reads and checks a config file over `known` datasets.
    ///
    /// # Errors
    /// All problems of the file at once.
    pub fn load(file: &Path, known: KnownDatasets) -> Result<Self, ConfigError> {
        let file = path::absolute(file, &std::env::current_dir()?);
        let doing = format!("reading {}", file.shown());
        let text = announce_if_slow(doing, || read_text(&file))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let value = serde_yaml::from_str(text).map_err(|error| match repeated_key(text) {
            // The parser gives no line number for this error.
            Some(problem) if error.to_string().starts_with("duplicate entry") => {
                ConfigError::Problems(vec![problem])
            }
            _ => error.into(),
        })?;
        let mapping = match value {
            Value::Mapping(mapping) => mapping,
            Value::Null => Mapping::new(),
            _ => return Err(ConfigError::NoMapping),
        };
        Self::from_mapping(file, &mapping, known)
    }

    /// Sets another `CACHE_PATH`, by the rules for the one in a config file.
    ///
    /// # Errors
    /// All problems at once.
    pub fn set_cache_path(&mut self, cache_path: &Path) -> Result<(), ConfigError> {
        let cache_path = path::absolute(cache_path, &std::env::current_dir()?);
        let problems = overlaps::overlaps(&self.machex_path, &cache_path, &self.trees);
        if !problems.is_empty() {
            return Err(ConfigError::Problems(problems));
        }
        self.cache_path = cache_path;
        Ok(())
    }

    /// Size and quality of the output images.
    pub fn render_params(&self) -> RenderParams {
        RenderParams {
            size: self.image_size,
            quality: self.jpeg_quality,
        }
    }

    fn from_mapping(
        file: PathBuf,
        mapping: &Mapping,
        known: KnownDatasets,
    ) -> Result<Self, ConfigError> {
        let folder = file.parent().unwrap_or(Path::new("/"));
        let mut reader = Reader::new(mapping, folder);
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

        let mut trees = Vec::new();
        for dataset in known.iter().copied() {
            let mut options = BTreeMap::new();
            for option in dataset.info().options {
                let value = match option.kind {
                    OptionKind::Folder => reader.folder(option.name).map(OptionValue::Folder),
                    OptionKind::Bool => reader.bool(option.name).map(OptionValue::Bool),
                };
                options.extend(value.map(|value| (option.name, value)));
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
            reader.complain(format!(
                "No datasets were specified: give one of {}",
                keys.join(", ")
            ));
        }
        let cache_path = cache_path.or_else(default_cache_path);
        if cache_path.is_none() {
            reader.require(
                Key::CACHE_PATH,
                "a folder; there is neither XDG_CACHE_HOME nor HOME",
            );
        }
        if let (Some(machex_path), Some(cache_path)) = (&machex_path, &cache_path) {
            for problem in overlaps::overlaps(machex_path, cache_path, &trees) {
                reader.complain(problem);
            }
        }
        reader.complain_about_unknown_keys(known);
        let (Some(machex_path), Some(cache_path), []) =
            (machex_path, cache_path, reader.problems())
        else {
            return Err(ConfigError::Problems(reader.into_problems()));
        };
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            machex_path,
            workers: workers.map_or_else(cores, |workers| workers as usize),
            cache_path,
            cache_size: cache_size.unwrap_or(CACHE_SIZE),
            cache_min_free: cache_min_free.map_or(CACHE_MIN_FREE, |percent| percent as u8),
            image_size: image_size.map_or(1024, |size| size as u32),
            jpeg_quality: jpeg_quality.map_or(95, |quality| quality as u8),
            listing_programs: listing_programs
                .unwrap_or_else(|| LISTING_PROGRAMS.map(str::to_owned).to_vec()),
            durable: durable.unwrap_or(false),
            only_present,
            skip_damaged: skip_damaged.unwrap_or(false),
            trees,
            file,
        })
    }
}

/// Reads a text of at most [`MAX_BYTES`]. It may be a pipe, such as the shell's `<(...)`.
fn read_text(file: &Path) -> io::Result<String> {
    let bytes = read_within(File::open(file)?, MAX_BYTES)?;
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
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
