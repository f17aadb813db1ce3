//! The command line: arguments, exit statuses and printed output. One file per subcommand.

mod check;
mod check_page;
mod colour;
mod dataset_argument;
mod datasets;
mod exit;
mod helper;
mod input;
mod job;
mod log;
mod materialize;
mod mount;
mod output;
mod pasted;
mod preview;
mod redraw;
mod report;
mod sample;
mod signals;
mod status;
mod status_page;
mod table;
mod tell;
mod unmount;
mod usage;
mod wrap;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use exit::Exit;

use crate::datasets::{KnownDatasets, conflict};
use crate::shown::Show as _;

/// The config file that is read if the user names none.
const DEFAULT_CONFIG: &str = "config.yml";

/// Public chest X-ray datasets as one uniform tree of 1024x1024 JPEGs.
#[derive(Debug, Parser)]
#[command(name = "machex", version, about, max_term_width = 100)]
struct Arguments {
    /// Log more (-v: info, -vv: debug); RUST_LOG overrides this.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Mount the tree; machex renders each image the first time something reads it.
    Mount(mount::Arguments),
    /// Unmount a tree.
    #[command(alias = "umount")]
    Unmount(unmount::Arguments),
    /// Show what a mount is doing.
    Status(status::Arguments),
    /// Render all images to disk in parallel; run the same command again to resume.
    Materialize(materialize::Arguments),
    /// Show what the raw datasets contain and what would fail; takes seconds.
    Check(check::Arguments),
    /// Draw a contact sheet: a few images of each dataset in one PNG.
    Preview(preview::Arguments),
    /// Write one HTML page that shows what the datasets contain and what fails.
    Report(report::Arguments),
    /// List the known datasets: folder, config key, and where an image's patient is recorded.
    Datasets(datasets::Arguments),
    /// Write small synthetic raw datasets, and a config.yml for them, to try machex.
    Sample(sample::Arguments),
}

/// The config file: a positional argument, or -c as in the original script.
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

/// Runs the program with these known datasets.
pub fn main(known: KnownDatasets) -> std::process::ExitCode {
    if let Some(conflict) = conflict(known) {
        tell::problem(&conflict.to_string());
        return Exit::Failure.into();
    }
    let given = helper::translate(std::env::args_os());
    let arguments = usage::parse(given.unwrap_or_else(|| std::env::args_os().collect()));
    if let Err(error) = signals::survive_limits_on_file_sizes() {
        // This only matters if there is a limit.
        tell::problem(&format!("catching SIGXFSZ: {error}"));
    }
    let target = match &arguments.command {
        Command::Mount(arguments) => arguments.log_target(known),
        _ => log::Target::ErrorOutput,
    };
    if let Err(error) = log::start(arguments.verbose, &target) {
        tell::problem(&match &target {
            log::Target::File(path) => format!("--log-file {}: {error}", path.shown()),
            _ => format!("starting the log: {error}"),
        });
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
    // Log lines come before the final message.
    log::flush();
    exit::report(result).into()
}

/// The result of a subcommand.
type CliResult = anyhow::Result<Exit>;
