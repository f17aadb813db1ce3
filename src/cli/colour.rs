//! Colour in what the commands print.
//!
//! Text is styled in any case: `{GOOD}text{GOOD:#}`, or [`styled`]. The streams drop the escapes if
//! the output is not a terminal, `NO_COLOR` is set, or `TERM` is `dumb` without `CI`, whose logs
//! understand escapes; `CLICOLOR_FORCE` keeps them. So everything that may contain a style is
//! written to [`stdout`] or [`stderr`].

use std::fmt;
use std::io::{Stderr, Stdout};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// What is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();

/// What the user should look at.
pub const WARNING: Style = AnsiColor::Yellow.on_default();

/// What failed.
pub const BAD: Style = AnsiColor::Red.on_default().bold();

/// Heads of tables, and names that start a paragraph.
pub const STRONG: Style = Style::new().bold();

/// What is there for completeness.
pub const FAINT: Style = Style::new().dimmed();

/// The standard output.
pub fn stdout() -> AutoStream<Stdout> {
    anstream::stdout()
}

/// The standard error output.
pub fn stderr() -> AutoStream<Stderr> {
    anstream::stderr()
}

/// A text as the standard output shows it: without styles where they are dropped.
pub fn as_shown(text: String) -> String {
    match stdout().current_choice() {
        ColorChoice::Never => strip_str(&text).to_string(),
        _ => text,
    }
}

/// A text in a style.
pub fn styled<T: fmt::Display>(style: Style, text: T) -> Styled<T> {
    Styled { style, text }
}

/// See [`styled`].
pub struct Styled<T> {
    style: Style,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { style, text } = self;
        write!(f, "{style}{text}{style:#}")
    }
}
