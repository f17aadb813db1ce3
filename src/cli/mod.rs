//! The command line: arguments, exit statuses and printed output. One file per subcommand.

mod check;
mod check_page;
mod colour;
mod completions;
mod config;
mod dataset_argument;
mod datasets;
mod examples;
mod exit;
mod helper;
mod input;
mod job;
mod log;
mod man;
mod materialize;
mod metadata;
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
mod taken;
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
///
/// machex reads the datasets as you downloaded them, and makes one folder of images for each, with a
/// list of them in index.json. Either mount the tree, so that an image is rendered when a program
/// first reads it, or materialize it on a disk. A config file says where the datasets are.
#[derive(Debug, Parser)]
#[command(name = "machex", version, about, max_term_width = 100)]
#[command(subcommand_value_name = "COMMAND")]
#[command(after_help = "\"machex COMMAND --help\" explains a command, with examples.")]
#[command(after_long_help = examples::help(examples::MACHEX) + "\n\n" + &man::help())]
struct Arguments {
    /// Log more (-v: info, -vv: debug); RUST_LOG overrides this
    #[arg(short, long, action = clap::ArgAction::Count, global = true, display_order = 100)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

/// The commands in the order in which a newcomer needs them.
#[derive(Debug, Subcommand)]
enum Command {
    /// Write small synthetic raw datasets, and a config.yml for them, to try machex.
    ///
    /// You need no data use agreement for them. The folder gets raw/, with a tree for each dataset
    /// in the layout of the real download, and config.yml. An earlier sample there is replaced,
    /// unless you have added or changed a file in it: sample-files.jsonl lists what was written.
    #[command(after_long_help = examples::help(examples::SAMPLE))]
    Sample(sample::Arguments),
    /// Print a commented example of a config file, or what single keys mean.
    #[command(after_long_help = examples::help(examples::CONFIG))]
    Config(config::Arguments),
    /// Show what the raw datasets contain and what would fail; takes seconds.
    ///
    /// Prints a table with the layout, the images by view, and files that are missing, and renders
    /// one image of each dataset as proof. If a root is the wrong folder, it names the right one.
    /// Nothing is written but the cache of lists.
    #[command(after_long_help = examples::help(examples::CHECK))]
    Check(check::Arguments),
    /// Draw a contact sheet: a few images of each dataset in one PNG.
    ///
    /// Give a config to see the raw datasets, or the folder of a finished tree or of a mount.
    #[command(after_long_help = examples::help(examples::PREVIEW))]
    Preview(preview::Arguments),
    /// Write one HTML page that shows what the datasets contain and what fails.
    ///
    /// The page has counts by dataset and view, the frequency of findings, some images, and
    /// failures. It is a single file, and has no text of radiology reports. Give a config to see the
    /// raw datasets, or the folder of a finished tree or of a mount.
    #[command(after_long_help = examples::help(examples::REPORT))]
    Report(report::Arguments),
    /// Write one table of what the lists say about images: labels, patients, views, boxes, reports.
    ///
    /// The table has a row for each image of the tree, in its order. The labels of all datasets are
    /// in one vocabulary of 37 findings: 1 present, 0 absent, -1 uncertain, null not labelled. A
    /// value that no list has is null; "machex check" says which lists are missing. Give a config
    /// to read the lists, or the folder of a mount or of a tree that was made with metadata.
    #[command(after_long_help = examples::help(examples::METADATA))]
    Metadata(metadata::Arguments),
    /// Mount the tree; machex renders each image the first time something reads it.
    ///
    /// Returns once the mount is ready; a process in the background serves it until you unmount it.
    /// Rendered images are kept in CACHE_PATH, up to CACHE_SIZE. Images that you have materialized
    /// are not rendered again. You need not be root.
    #[command(override_usage = "machex mount [OPTIONS] [CONFIG] [MOUNTPOINT]")]
    #[command(after_long_help = examples::help(examples::MOUNT))]
    Mount(mount::Arguments),
    /// Show what a mount is doing.
    ///
    /// Shows the images of each dataset, how many of them are rendered, how long programs wait for
    /// them, the use of the cache, and the last failures.
    #[command(after_long_help = examples::help(examples::STATUS))]
    Status(status::Arguments),
    /// Unmount a tree.
    ///
    /// Waits for open files to be closed, and fails if they stay open. Rendered images stay in the
    /// cache.
    #[command(alias = "umount", after_long_help = examples::help(examples::UNMOUNT))]
    Unmount(unmount::Arguments),
    /// Render all images to disk in parallel; run the same command again to resume.
    ///
    /// Writes the tree to MACHEX_PATH. Finished images are skipped unless their source or a setting
    /// has changed. An image that cannot be rendered is recorded, and the others are rendered all
    /// the same. You can interrupt it with Ctrl-C at any time.
    #[command(after_long_help = examples::help(examples::MATERIALIZE))]
    Materialize(materialize::Arguments),
    /// List the known datasets: folder, config key, and where an image's patient is recorded.
    #[command(after_long_help = examples::help(examples::DATASETS))]
    Datasets(datasets::Arguments),
    /// Print a script that lets a shell complete commands, datasets, mount points and config keys.
    ///
    /// Write the script again after an update of machex.
    #[command(after_long_help = examples::help(examples::COMPLETIONS))]
    Completions(completions::Arguments),
    /// Write the man pages.
    #[command(after_long_help = examples::help(examples::MAN))]
    Man(man::Arguments),
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
        Command::Metadata(arguments) => metadata::run(&arguments, known),
        Command::Datasets(arguments) => datasets::run(&arguments, known),
        Command::Sample(arguments) => sample::run(&arguments, known),
        Command::Config(arguments) => config::run(&arguments, known),
        Command::Completions(arguments) => completions::run(&arguments, known),
        Command::Man(arguments) => man::run(&arguments, known),
    };
    // Log lines come before the final message.
    log::flush();
    exit::report(result).into()
}

/// The result of a subcommand.
type CliResult = anyhow::Result<Exit>;
