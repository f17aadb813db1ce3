//! The command line: arguments, exit statuses, and what is printed. One file a subcommand.

mod check;
mod datasets;
mod exit;
mod helper;
mod input;
mod job;
mod log;
mod materialize;
mod mount;
mod output;
mod preview;
mod report;
mod sample;
mod signals;
mod status;
mod table;
mod unmount;
mod usage;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use exit::Exit;

use crate::datasets::{KnownDatasets, conflict};
use crate::shown::Show as _;

/// The config file that is taken when none is named.
const DEFAULT_CONFIG: &str = "config.yml";

/// Public chest X-ray datasets as one uniform tree of 1024x1024 JPEGs.
#[derive(Debug, Parser)]
#[command(name = "machex", version, about, max_term_width = 100)]
struct Arguments {
    /// Log more (-v: info, -vv: debug); RUST_LOG has the last word.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the tree appear at once; each image is rendered when it is first read.
    Mount(mount::Arguments),
    /// End a mount.
    #[command(alias = "umount")]
    Unmount(unmount::Arguments),
    /// Show what a mount is doing.
    Status(status::Arguments),
    /// Render every image of every dataset, in parallel; run it again to go on where it ended.
    Materialize(materialize::Arguments),
    /// Show what the raw datasets hold and what would fail, in seconds.
    Check(check::Arguments),
    /// Draw a contact sheet: some images of each dataset on one PNG.
    Preview(preview::Arguments),
    /// Write a page of what the datasets hold and what fails: one HTML file.
    Report(report::Arguments),
    /// List the datasets: their folders, config keys, and where the patient of an image is from.
    Datasets(datasets::Arguments),
    /// Write small synthetic raw trees of all datasets, and a config.yml for them.
    Sample(sample::Arguments),
}

/// The config file, as an argument or as -c as the original script has it.
#[derive(Debug, clap::Args)]
struct ConfigArgument {
    /// Config file [default: config.yml]
    #[arg(value_name = "CONFIG", conflicts_with = "config_option")]
    config: Option<PathBuf>,
    /// The same as CONFIG
    #[arg(
        short = 'c',
        long = "config",
        value_name = "CONFIG",
        id = "config_option"
    )]
    config_option: Option<PathBuf>,
}

impl ConfigArgument {
    fn path(&self) -> PathBuf {
        let named = self.config.as_ref().or(self.config_option.as_ref());
        named
            .cloned()
            .unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG))
    }
}

/// Runs the program with the datasets that it knows.
pub fn main(known: KnownDatasets) -> std::process::ExitCode {
    if let Some(conflict) = conflict(known) {
        let _ = writeln!(io::stderr(), "machex: {conflict}");
        return Exit::Failure.into();
    }
    let given = helper::translate(std::env::args_os());
    let arguments = usage::parse(given.unwrap_or_else(|| std::env::args_os().collect()));
    if let Err(error) = signals::survive_limits_on_file_sizes() {
        // Nothing is lost by it as long as there is no limit.
        let _ = writeln!(io::stderr(), "machex: catching SIGXFSZ: {error}");
    }
    let target = match &arguments.command {
        Command::Mount(arguments) => arguments.log_target(known),
        _ => log::Target::ErrorOutput,
    };
    if let Err(error) = log::start(arguments.verbose, &target) {
        let _ = match &target {
            log::Target::File(path) => {
                let path = path.shown();
                writeln!(io::stderr(), "machex: --log-file {path}: {error}")
            }
            _ => writeln!(io::stderr(), "machex: starting the log: {error}"),
        };
        return Exit::Failure.into();
    }
    let result = match arguments.command {
        Command::Mount(arguments) => mount::run(&arguments, known),
        Command::Unmount(arguments) => unmount::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Materialize(arguments) => materialize::run(&arguments, known),
        Command::Check(arguments) => check::run(&arguments, known),
        Command::Preview(arguments) => preview::run(&arguments, known),
        Command::Report(arguments) => report::run(&arguments, known),
        Command::Datasets(arguments) => datasets::run(&arguments, known),
        Command::Sample(arguments) => sample::run(&arguments, known),
    };
    // Before the last word.
    log::flush();
    exit::report(result).into()
}

/// What a subcommand ends with.
type CliResult = anyhow::Result<Exit>;
