//! `machex report`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;

use super::input::InputArguments;
use super::output::Output;
use super::{CliResult, Exit};
use crate::datasets::KnownDatasets;
use crate::report_page::Report;
use crate::survey::printable;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    place: InputArguments,
    /// HTML file to write; "-" for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let place = arguments.place.open(known)?;
    let output = Output::open(&arguments.output, &place.taken())?;
    let survey = place.survey()?;
    let page = Report::of(&survey).to_html().context("making the page")?;
    output.write(|out| out.write_all(page.as_bytes()))?;
    let mut exit = Exit::Success;
    for dataset in &survey.datasets {
        if let Some(error) = &dataset.error {
            exit = Exit::Failure;
            let (name, error) = (printable(&dataset.name), printable(error));
            let _ = writeln!(io::stderr(), "machex: {name}: {error}");
        }
    }
    Ok(exit)
}
