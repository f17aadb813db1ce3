//! `machex report`.

use std::path::PathBuf;

use anyhow::{Context, bail};

use super::input::InputArguments;
use super::output::{Output, extension, shown_pictures, tell_written};
use super::{CliResult, Exit, tell};
use crate::datasets::KnownDatasets;
use crate::report_page::Report;
use crate::shown::Show as _;
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
    let place = arguments.place.open(known)?.with_metadata();
    let output = Output::open(&arguments.output, &place.taken())?;
    if !matches!(
        extension(&arguments.output).as_deref(),
        None | Some("html" | "htm")
    ) {
        bail!(
            "{}: a report is an HTML page; give a name that ends in .html",
            arguments.output.shown()
        );
    }
    let survey = place.survey()?;
    let report = Report::of(&survey);
    let page = report.to_html().context("making the page")?;
    output.write(|out| out.write_all(page.as_bytes()))?;
    let mut exit = Exit::Success;
    for dataset in &survey.datasets {
        if let Some(error) = &dataset.error {
            exit = Exit::SomeFailed;
            let (name, error) = (printable(&dataset.name), printable(error));
            tell::problem(&format!("{name}: {error}"));
        }
    }
    let (shown, failed) = report.pictures();
    if failed > 0 {
        exit = Exit::SomeFailed;
    }
    let what = shown_pictures(survey.datasets.len(), shown, failed);
    let told = tell_written(&output, &arguments.output, &what);
    exit.after_printing(told.map_err(Into::into))
}
