//! `config.yml`, checked once: keys, types and roots, with every problem reported at once.

use std::path::PathBuf;

use crate::datasets::RawTree;

/// A checked configuration. All paths are absolute and lexically normalised.
#[derive(Clone)]
pub struct Config {
    /// The config file itself.
    pub file: PathBuf,
    /// `MACHEX_PATH`: where the tree is (or appears).
    pub machex_path: PathBuf,
    /// `NUM_WORKERS`: at least 1; the machine's cores where the file does not say.
    pub workers: usize,
    /// `CACHE_PATH`; by default `machex` in the user's cache folder (`$XDG_CACHE_HOME`, `~/.cache`).
    pub cache_path: PathBuf,
    /// `CACHE_SIZE` in bytes.
    pub cache_size: u64,
    /// `IMAGE_SIZE`: side of the square output image in pixels.
    pub image_size: u32,
    /// `JPEG_QUALITY`: 1 to 100.
    pub jpeg_quality: u8,
    /// `LISTING_PROGRAMS`: programs that list folders and never read by `st_size`.
    pub listing_programs: Vec<String>,
    /// The datasets that have a root, in the order of [`crate::datasets::ALL`].
    pub trees: Vec<RawTree>,
}
