//! The command line, parsed; what is wrong with it is said without what a terminal would act on.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Parser;
use clap::error::ErrorKind;

use super::Arguments;
use crate::shown::Show as _;

/// The status of wrong usage, as clap has it.
const WRONG_USAGE: i32 = 2;

/// Parses the command line, or says what is wrong with it and ends the process.
pub fn parse(given: Vec<OsString>) -> Arguments {
    Arguments::try_parse_from(&given).unwrap_or_else(|error| refuse(&given, &error))
}

fn refuse(given: &[OsString], error: &clap::Error) -> ! {
    if is_answer(error) {
        error.exit();
    }
    // The error quotes what was given. The same words, fit to be shown, are wrong in the same way.
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

/// Whether an error is none, but an answer.
fn is_answer(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    )
}
