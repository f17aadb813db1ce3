//! `machex completions`.
//!
//! A script for a shell is short: it calls this command again with the unfinished command line, and
//! gets what may follow. The first line of the answer is `values`, `files` or `folders`; after
//! `values`, each line is one value. clap's engine finds the values. The scripts are machex' own
//! since clap's do not complete `--option=value` in bash, nor on the first try as a function of
//! zsh's `fpath`, and do not quote blanks.

mod bash_line;
mod values;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::{CommandFactory as _, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::engine::complete;

use super::{CliResult, Exit};
use crate::datasets::KnownDatasets;
use bash_line::BashLine;
use values::{FILES, FOLDERS, with_values};

/// What stands for the name of the program in a script.
const NAME: &str = "NAME";

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The shell that the script is for
    shell: Shell,
    /// What a script asks about (internal): bash's line up to the cursor and bash's word; or the
    /// words up to the cursor
    #[arg(last = true, hide = true)]
    line: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let text = match arguments.line.as_slice() {
        [] => script(arguments.shell, &program_name()),
        line => answer(arguments.shell, line, known)?,
    };
    let printed = io::stdout().lock().write_all(text.as_bytes());
    Exit::Success.after_printing(printed.map_err(Into::into))
}

fn script(shell: Shell, name: &str) -> String {
    let script = match shell {
        Shell::Bash => include_str!("machex.bash"),
        Shell::Zsh => include_str!("machex.zsh"),
        Shell::Fish => include_str!("machex.fish"),
    };
    script.replace(NAME, name)
}

/// The name by which this program was called: a program with a dataset of its own has another name
/// than `machex`.
fn program_name() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&called)
        .file_name()
        .and_then(|name| name.to_str());
    let is_plain = |name: &&str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    name.filter(is_plain).unwrap_or("machex").to_owned()
}

/// What may follow.
fn answer(shell: Shell, line: &[OsString], known: KnownDatasets) -> io::Result<String> {
    let bash = match (shell, line) {
        (Shell::Bash, [line, typed]) => line.to_str().map(BashLine::parse).zip(typed.to_str()),
        _ => None,
    };
    let words = match &bash {
        Some((line, _)) => line.words.iter().map(OsString::from).collect(),
        None => line.to_vec(),
    };
    let is_option = words.last().is_some_and(|word| starts_with_dash(word));
    let last = words.len().saturating_sub(1);
    let mut command = with_values(super::Arguments::command(), known);
    let mut candidates = complete(&mut command, words, last, None)?;
    // Options are shown if they are asked for, or if there is nothing else.
    let is_value = |candidate: &CompletionCandidate| !starts_with_dash(candidate.get_value());
    if !is_option && candidates.iter().any(is_value) {
        candidates.retain(is_value);
    }
    let tag = |candidate: &CompletionCandidate| candidate.get_tag().map(ToString::to_string);
    let (paths, values): (Vec<_>, Vec<_>) = candidates
        .iter()
        .partition(|candidate| matches!(tag(candidate).as_deref(), Some(FILES | FOLDERS)));
    if let (Some(paths), []) = (paths.first(), values.as_slice()) {
        return Ok(tag(paths).unwrap_or_default() + "\n");
    }
    let mut text = "values\n".to_owned();
    for candidate in values {
        let Some(value) = candidate.get_value().to_str() else {
            continue;
        };
        let help = candidate
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        text += &match (shell, &bash) {
            (Shell::Bash, Some((line, typed))) => line.insert(value, typed),
            (Shell::Bash, None) => value.to_owned(),
            (Shell::Zsh, _) => format!("{}:{help}", value.replace('\\', r"\\").replace(':', r"\:")),
            (Shell::Fish, _) => format!("{value}\t{help}"),
        };
        text += "\n";
    }
    Ok(text)
}

fn starts_with_dash(word: &std::ffi::OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}
