//! `machex preview`.

use std::io::{self, Write};
use std::path::PathBuf;

use super::input::InputArguments;
use super::output::Output;
use super::{CliResult, Exit};
use crate::datasets::KnownDatasets;
use crate::preview::{Preview, TILE_SIDES};
use crate::shown::Show as _;
use crate::survey::{Gallery, GalleryImage, printable};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    place: InputArguments,
    /// PNG file to write; "-" for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Side length of each picture in pixels
    #[arg(long, value_name = "PX", default_value_t = 224)]
    #[arg(value_parser = clap::value_parser!(u32).range(side(TILE_SIDES.start())..=side(TILE_SIDES.end())))]
    tile: u32,
}

fn side(pixels: &u32) -> i64 {
    i64::from(*pixels)
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let place = arguments.place.open(known)?;
    let output = Output::open(&arguments.output, &place.taken())?;
    let survey = place.survey()?;
    let preview = Preview::draw(&survey, arguments.tile)?;
    output.write(|out| preview.write(out).map_err(io::Error::from))?;
    Ok(tell_failures(&preview.galleries))
}

/// Prints what could not be read.
fn tell_failures(galleries: &[Gallery<'_>]) -> Exit {
    let mut exit = Exit::Success;
    let mut tell = |line: String| {
        exit = Exit::Failure;
        let _ = writeln!(io::stderr(), "machex: {line}");
    };
    for gallery in galleries {
        let dataset = gallery.dataset;
        let name = printable(&dataset.name);
        if let Some(error) = &dataset.error {
            tell(format!("{name}: {}", printable(error)));
        }
        for GalleryImage {
            pick, thumbnail, ..
        } in &gallery.images
        {
            if let Err(cause) = thumbnail {
                let file = pick.file().map_or_else(
                    || format!("key {}", pick.key.shown()),
                    |file| file.shown().to_string(),
                );
                let (id, file) = (printable(&pick.id), printable(&file));
                tell(format!("{name} {id}: {file}: {}", printable(cause)));
            }
        }
    }
    exit
}
