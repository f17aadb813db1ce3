//! The width of the output, and text in lines that fit it.

use std::fmt;
use std::io::{self, Write};
use std::os::fd::AsFd;

use terminal_size::{Width, terminal_size_of};
use textwrap::{Options, WordSeparator, WordSplitter};

/// The width of pipes and files, where `COLUMNS` does not say otherwise. Programs read `--json`.
const DEFAULT_WIDTH: usize = 80;

/// No line is made shorter than this, however narrow the terminal.
const LEAST_WIDTH: usize = 20;

/// The width of the standard output in columns.
pub fn width() -> usize {
    let wanted = || std::env::var("COLUMNS").ok()?.parse().ok();
    let width = terminal_width(io::stdout()).or_else(wanted);
    width.unwrap_or(DEFAULT_WIDTH).max(LEAST_WIDTH)
}

/// The width of an output that is a terminal.
pub fn terminal_width(output: impl AsFd) -> Option<usize> {
    let (Width(columns), _) = terminal_size_of(output)?;
    Some(usize::from(columns).max(LEAST_WIDTH))
}

/// Breaks the lines of a text at spaces. What goes on in the next line is indented by two columns
/// more than its line. Longer words than a line stay whole, so that paths can be copied.
pub fn fill(text: &str, width: usize) -> String {
    let lines = text.split('\n').map(|line| {
        let start = line.len() - line.trim_start_matches(' ').len();
        let (indent, words) = line.split_at(start);
        fill_after(indent, words, start + 2, width)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The same for one line that starts with `head`; the next lines are indented by `indent` columns.
pub fn fill_after(head: &str, text: &str, indent: usize, width: usize) -> String {
    let indent = " ".repeat(indent);
    let options = Options::new(width)
        .initial_indent(head)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(text, options)
}

/// Writes lines that fit the standard output.
pub struct Page<W> {
    pub out: W,
    pub width: usize,
}

impl<W: Write> Page<W> {
    pub fn new(out: W) -> Self {
        let width = width();
        Self { out, width }
    }

    /// Writes a text as [`fill`] breaks it.
    pub fn line(&mut self, text: impl fmt::Display) -> io::Result<()> {
        writeln!(self.out, "{}", fill(&text.to_string(), self.width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::colour::{BAD, styled};

    #[test]
    fn lines_are_broken_at_spaces_and_indented() {
        let text = "brax: warning: a few of these\n  files are far too large";
        assert_eq!(
            fill(text, 20),
            "brax: warning: a few\n  of these\n  files are far too\n    large"
        );
        assert_eq!(fill("", 20), "");
        let path = "see /a/path/that/is/longer/than/a/line";
        assert_eq!(fill(path, 20), "see\n  /a/path/that/is/longer/than/a/line");
        assert_eq!(
            fill_after("cache    ", "of this and that", 9, 20),
            "cache    of this and\n         that"
        );
    }

    #[test]
    fn colour_takes_no_room() {
        let text = format!("{} two", styled(BAD, "one"));
        assert_eq!(fill(&text, 7), text);
    }
}
