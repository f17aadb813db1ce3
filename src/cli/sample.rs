//! `machex sample`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;

use super::CliResult;
use super::exit::Exit;
use crate::datasets::KnownDatasets;
use crate::sample::{self, Count, Options};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::synthetic::Drawing;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder to write to; must be new, empty, or an earlier sample
    dir: PathBuf,
    /// Number of images per dataset, or "real" for as many as the real lists have
    #[arg(long, value_name = "N", default_value = "8")]
    images: Images,
    /// Random seed; the same seed draws the same images
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Draw only a few images and repeat them as hard links, for large trees
    #[arg(long)]
    hard_link: bool,
}

/// The value of `--images`.
#[derive(Debug, Clone, Copy)]
struct Images(Count);

impl FromStr for Images {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "real" => Ok(Images(Count::Real)),
            _ => text
                .parse()
                .map(|count| Images(Count::Each(count)))
                .map_err(|_| "give a number, or \"real\""),
        }
    }
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let options = Options {
        count: arguments.images.0,
        drawing: Drawing {
            seed: arguments.seed,
            hard_link: arguments.hard_link,
        },
    };
    let doing = format!("writing the sample in {}", arguments.dir.shown());
    let config = announce_if_slow(doing, || sample::write(&arguments.dir, options, known))?;
    let (mut out, config) = (io::stdout().lock(), config.shown());
    writeln!(out, "Wrote raw trees of all datasets. Now try:")?;
    writeln!(out, "    machex check {config}")?;
    writeln!(out, "    machex report {config} -o report.html")?;
    writeln!(out, "    mkdir mnt && machex mount {config} mnt")?;
    writeln!(out, "    machex materialize {config}")?;
    Ok(Exit::Success)
}
