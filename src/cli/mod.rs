//! The command line: arguments, exit statuses, and what is printed. One file a subcommand.

mod check;
mod exit;
mod job;
mod materialize;
mod sample;
mod table;
mod units;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use exit::Exit;

/// The config file that is taken when none is named.
const DEFAULT_CONFIG: &str = "config.yml";

/// Ten public chest X-ray datasets as one uniform tree of 1024x1024 JPEGs.
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
    /// Render every image of every dataset, in parallel; run it again to go on where it ended.
    Materialize(materialize::Arguments),
    /// Show what the raw datasets hold and what would fail, in seconds.
    Check(check::Arguments),
    /// Write small synthetic raw trees in all ten layouts, and a config.yml for them.
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

/// Runs the program.
pub fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    start_log(arguments.verbose);
    let result = match arguments.command {
        Command::Materialize(arguments) => materialize::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Sample(arguments) => sample::run(&arguments),
    };
    exit::report(result).into()
}

fn start_log(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
}

/// What a subcommand ends with.
type CliResult = anyhow::Result<Exit>;
