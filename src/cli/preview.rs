//! `machex preview`.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::input::InputArguments;
use super::output::{Output, extension, shown_pictures, tell_written};
use super::{CliResult, Exit, tell};
use crate::datasets::KnownDatasets;
use crate::preview::{Format, Preview, TILE_SIDES};
use crate::shown::Show as _;
use crate::survey::{Gallery, GalleryImage, printable};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    place: InputArguments,
    /// File to write, a .png or a .jpg; "-" for a PNG on standard output
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
    let format = format(&arguments.output)?;
    let survey = place.survey()?;
    let preview = Preview::draw(&survey, arguments.tile)?;
    output.write(|out| preview.write(out, format))?;
    let exit = tell_failures(&preview.galleries);
    let what = counted_pictures(&preview.galleries);
    let told = tell_written(&output, &arguments.output, &what);
    exit.after_printing(told.map_err(Into::into))
}

/// The format that a file name asks for.
fn format(given: &Path) -> anyhow::Result<Format> {
    match extension(given).as_deref() {
        None | Some("png") => Ok(Format::Png),
        Some("jpg" | "jpeg") => Ok(Format::Jpeg),
        Some(_) => bail!(
            "{}: a contact sheet is a PNG or a JPEG; give a name that ends in .png or .jpg",
            given.shown()
        ),
    }
}

fn counted_pictures(galleries: &[Gallery<'_>]) -> String {
    let images = || galleries.iter().flat_map(|gallery| &gallery.images);
    let drawn = images().filter(|image| image.thumbnail.is_ok()).count();
    shown_pictures(galleries.len(), drawn, images().count() - drawn)
}

/// Prints what could not be read.
fn tell_failures(galleries: &[Gallery<'_>]) -> Exit {
    let mut exit = Exit::Success;
    let mut tell = |line: String| {
        exit = Exit::SomeFailed;
        tell::problem(&line);
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
