//! Exit statuses, in one place.

use std::io::{self, Write};
use std::process::ExitCode;

use super::CliResult;

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
            let _ = writeln!(io::stderr(), "machex: {}", on_one_line(&error));
            Exit::Failure
        }
    }
}

/// The error and its causes, without those that an error's own text holds.
fn on_one_line(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
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
