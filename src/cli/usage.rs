//! Parses the command line. Errors are printed without characters that a terminal would interpret.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Parser;
use clap::error::ErrorKind;

use super::Arguments;
use crate::shown::Show as _;

/// clap's exit status for wrong usage.
const WRONG_USAGE: i32 = 2;

/// Parses the command line, or prints what is wrong with it and ends the process.
pub fn parse(given: Vec<OsString>) -> Arguments {
    Arguments::try_parse_from(&given).unwrap_or_else(|error| refuse(&given, &error))
}

fn refuse(given: &[OsString], error: &clap::Error) -> ! {
    if is_answer(error) {
        error.exit();
    }
    // The error quotes the arguments. With the arguments escaped, clap fails in the same way, and
    // the error can be shown.
    let shown = given.iter().map(|word| word.shown().to_string());
    match Arguments::try_parse_from(shown) {
        Err(error) if !is_answer(&error) => error.exit(),
        _ => {
            let text = error.to_string();
            let text = text.trim_end().shown();
            let _ = writeln!(io::stderr(), "{text}");
            std::process::exit(WRONG_USAGE)
        }
    }
}

/// Whether this is help or version output, and not an error.
fn is_answer(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    )
}
