//! `machex man`.

mod command_page;
mod config_page;
mod facts;
mod page;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory as _;

use super::{CliResult, Exit};
use crate::datasets::KnownDatasets;
use crate::shown::Show as _;
use crate::words::counted;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder to write to
    dir: PathBuf,
}

/// A man page.
struct Page {
    /// Name of the file, such as `machex-mount.1`.
    file: String,
    text: String,
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let dir = arguments.dir.as_path();
    let pages = pages(known).context("making the pages")?;
    fs::create_dir_all(dir).with_context(|| dir.shown().to_string())?;
    for page in &pages {
        let path = dir.join(&page.file);
        fs::write(&path, &page.text).with_context(|| path.shown().to_string())?;
    }
    let count = counted(pages.len() as u64, "page", "pages");
    let dir = dir.shown();
    writeln!(
        io::stdout(),
        "Wrote {count} to {dir}. Now try:\n    man -l {dir}/machex.1"
    )?;
    Ok(Exit::Success)
}

fn pages(known: KnownDatasets) -> io::Result<Vec<Page>> {
    let mut machex = super::Arguments::command()
        .disable_help_subcommand(true)
        .subcommand_help_heading("COMMANDS");
    machex.build();
    let commands: Vec<_> = machex
        .get_subcommands()
        .filter(|each| !each.is_hide_set())
        .collect();
    let names: Vec<&str> = commands.iter().map(|command| command.get_name()).collect();
    let mut pages = vec![
        Page {
            file: "machex.1".to_owned(),
            text: command_page::render(&machex, &names, known)?,
        },
        Page {
            file: format!("{}.5", config_page::NAME),
            text: config_page::render(known),
        },
    ];
    for command in commands {
        pages.push(Page {
            file: format!("machex-{}.1", command.get_name()),
            text: command_page::render(command, &names, known)?,
        });
    }
    Ok(pages)
}

/// The end of `machex --help`: exit statuses, and where to read more.
pub fn help() -> String {
    let mut text = String::from("Exit status:");
    for status in facts::STATUSES {
        let _ = write!(text, "\n  {:3}  {}", status.term, status.text);
    }
    text + "\n\n\"machex COMMAND --help\" explains a command with examples. So do the man pages \
            machex-COMMAND(1);\nmachex.yml(5) explains the config. \"machex man DIR\" writes them."
}
