//! `machex man`.

mod command_page;
mod config_page;
mod facts;
mod page;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::CommandFactory as _;

use super::{CliResult, Exit};
use crate::datasets::KnownDatasets;
use crate::shown::Show as _;
use crate::words::counted;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder for the pages, such as ~/.local/share/man; they go to its folders man1 and man5
    dir: PathBuf,
}

/// A man page.
struct Page {
    /// Below the folder of all pages.
    path: String,
    text: String,
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let dir = arguments.dir.as_path();
    let pages = pages(known).context("making the pages")?;
    for page in &pages {
        let path = dir.join(&page.path);
        write(&path, &page.text).with_context(|| path.shown().to_string())?;
    }
    let count = counted(pages.len() as u64, "page", "pages");
    let dir = dir.shown();
    writeln!(
        io::stdout(),
        "Wrote {count} below {dir}. Now try:\n    man -M {dir} machex"
    )?;
    Ok(Exit::Success)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
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
            path: "man1/machex.1".to_owned(),
            text: command_page::render(&machex, &names, known)?,
        },
        Page {
            path: format!("man5/{}.5", config_page::NAME),
            text: config_page::render(known),
        },
    ];
    for command in commands {
        pages.push(Page {
            path: format!("man1/machex-{}.1", command.get_name()),
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
