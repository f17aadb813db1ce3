//! Exit statuses.

use std::io;
use std::process::ExitCode;

use super::{CliResult, tell};
use crate::shown::Show as _;

/// How the program ends. For wrong usage, clap exits with status 2. `docs/operations.md` has the
/// table for users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything succeeded.
    Success,
    /// The command could not run or could not be completed, and the program has printed why.
    Failure,
    /// The command is completed, but some of the data are at fault: images that cannot be rendered,
    /// sources that are missing. Running it again changes nothing before the data are mended.
    SomeFailed,
    /// Interrupted by the user: 128 + SIGINT, as in shells.
    Interrupted,
}

impl Exit {
    /// Combines this status with the result of printing: an earlier failure takes precedence over a
    /// failure to print.
    pub fn after_printing(self, printed: anyhow::Result<()>) -> CliResult {
        match self {
            Exit::Success => printed.map(|()| self),
            _ => Ok(self),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::SomeFailed => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// Prints the error of a subcommand, if there is one, and returns the exit status. A closed pipe
/// (`machex check | head`) is not an error.
pub fn report(result: CliResult) -> Exit {
    match result {
        Ok(exit) => exit,
        Err(error) if is_broken_pipe(&error) => Exit::Success,
        Err(error) => {
            tell::problem(&in_safe_lines(&on_one_line(&error)));
            Exit::Failure
        }
    }
}

/// Escapes everything in a text that could start a line or move the cursor, except line breaks
/// followed by two spaces, which machex' own errors use.
pub fn in_safe_lines(text: &str) -> String {
    /// Starts a continuation line.
    const NEXT: &str = "\n  ";
    let lines = text.split(NEXT).map(|line| line.shown().to_string());
    lines.collect::<Vec<_>>().join(NEXT)
}

/// The error and its causes, without causes, or paths at their start, that the text already
/// contains.
fn on_one_line(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(|cause| in_safe_lines(&cause.to_string()))
        .fold(String::new(), |mut line, cause| {
            let (start, rest) = cause.split_once(": ").unwrap_or((&cause, ""));
            let is_said = !start.is_empty() && line.ends_with(start);
            let news = if is_said { rest } else { &cause };
            if !line.contains(news) {
                if !line.is_empty() {
                    line += ": ";
                }
                line += news;
            }
            line
        })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_not_said_twice() {
        let error = anyhow::anyhow!("disk on fire")
            .context("/x: disk on fire")
            .context("config");
        assert_eq!(on_one_line(&error), "config: /x: disk on fire");
        let error = anyhow::anyhow!("x.yml: disk on fire").context("config x.yml");
        assert_eq!(on_one_line(&error), "config x.yml: disk on fire");
    }

    #[test]
    fn no_error_can_fake_a_line() {
        let text = in_safe_lines("2 problems\n  a\x1b[2J\n  b\nmachex: all is well");
        assert_eq!(text, "2 problems\n  a\\x1b[2J\n  b\\nmachex: all is well");
    }

    #[test]
    fn a_closed_pipe_is_success_and_other_errors_are_not() {
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(
            report(Err(anyhow::Error::new(pipe).context("writing"))),
            Exit::Success
        );
        assert_eq!(report(Err(anyhow::anyhow!("no"))), Exit::Failure);
        assert_eq!(report(Ok(Exit::Interrupted)), Exit::Interrupted);
    }
}
