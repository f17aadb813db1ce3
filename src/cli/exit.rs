//! Exit statuses, in one place.

use std::io::{self, Write};
use std::process::ExitCode;

use super::CliResult;
use crate::shown::Show as _;

/// How the program ends. Wrong usage is clap's own status 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Success,
    /// Something failed; what, has been said.
    Failure,
    /// Ended by the user: 128 + SIGINT, as shells have it.
    Interrupted,
}

impl Exit {
    /// The end of a subcommand whose last words were `printed`: what went wrong before counts more
    /// than that nobody reads of it.
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
            Exit::Interrupted => 130,
        })
    }
}

/// Prints the error of a subcommand, if it is one, and returns the status to end with. A reader
/// that went away (`machex check | head`) is no error.
pub fn report(result: CliResult) -> Exit {
    match result {
        Ok(exit) => exit,
        Err(error) if is_broken_pipe(&error) => Exit::Success,
        Err(error) => {
            let text = in_safe_lines(&on_one_line(&error));
            let _ = writeln!(io::stderr(), "machex: {text}");
            Exit::Failure
        }
    }
}

/// A text whose further lines are set in by two blanks, as those of machex' own errors are. What else could
/// begin a line or move the cursor is escaped, whatever it was that let it through.
pub fn in_safe_lines(text: &str) -> String {
    /// Begins a further line.
    const NEXT: &str = "\n  ";
    let lines = text.split(NEXT).map(|line| line.shown().to_string());
    lines.collect::<Vec<_>>().join(NEXT)
}

/// The error and its causes, without those that an error's own text holds.
fn on_one_line(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(|cause| in_safe_lines(&cause.to_string()))
        .fold(String::new(), |mut line, cause| {
            if !line.contains(&cause) {
                if !line.is_empty() {
                    line += ": ";
                }
                line += &cause;
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
