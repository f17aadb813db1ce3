//! `machex sample`.

use std::path::PathBuf;

use super::CliResult;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder to write; must be empty, new, or an earlier sample
    dir: PathBuf,
    /// Images of each dataset, or "real" for as many as the real lists have
    #[arg(long, value_name = "N", default_value = "8")]
    images: String,
    /// The same seed draws the same images
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Draw a few images only and repeat them as hard links, for large trees
    #[arg(long)]
    hard_link: bool,
}

pub fn run(arguments: &Arguments) -> CliResult {
    anyhow::bail!("{arguments:?}")
}
