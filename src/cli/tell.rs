//! Lines for the user on the standard error output: errors, and what is worth knowing.

use std::io::{self, Write};

use anstyle::Style;

use super::colour::{self, BAD, STRONG};
use super::wrap::{fill, terminal_width};

/// Tells what is wrong. The text contains nothing that a terminal would act on.
pub fn problem(text: &str) {
    tell(BAD, text);
}

/// Tells something that is not wrong.
pub fn remark(text: &str) {
    tell(STRONG, text);
}

/// Ignores errors: a closed standard error output is no reason to stop.
fn tell(style: Style, text: &str) {
    let line = format!("{style}machex:{style:#} {text}");
    // In a log, a message stays one line.
    let line = match terminal_width(io::stderr()) {
        Some(width) => fill(&line, width),
        None => line,
    };
    let _ = writeln!(colour::stderr(), "{line}");
}
