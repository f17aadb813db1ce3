//! Where a text is not YAML, and why, in words for somebody who does not know YAML.

use std::fmt;

use saphyr_parser::ScanError;

use crate::shown::Show as _;

/// How many characters of a line are shown before and after the fault.
const SHOWN: usize = 60;

/// A fault in the text, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    /// The line itself.
    text: String,
    problem: String,
}

impl SyntaxError {
    /// Explains an error of the parser.
    pub(super) fn new(text: &str, error: &ScanError) -> Self {
        let lines = lines(text);
        let marker = error.marker();
        let at = Position {
            line: marker.line().max(1),
            column: marker.col() + 1,
        };
        let (at, problem) = explain(&lines, at, error.info());
        // At the end of the text, the parser stands behind the last line.
        let line = at.line.min(lines.len().max(1));
        Self {
            line,
            column: if line == at.line { at.column } else { 1 },
            text: line_at(&lines, line).to_owned(),
            problem,
        }
    }

    /// A problem with a whole line.
    pub(super) fn at(text: &str, line: usize, problem: &str) -> Self {
        Self {
            line,
            column: 1,
            text: line_at(&lines(text), line).to_owned(),
            problem: problem.to_owned(),
        }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, .. } = self;
        write!(f, "line {line}, column {column}: {}", self.problem.shown())?;
        let from = column.saturating_sub(1).saturating_sub(SHOWN);
        let part = |from: usize, count: usize| {
            let part: String = self.text.chars().skip(from).take(count).collect();
            part.shown().to_string()
        };
        // What is escaped is longer than in the file.
        let before = part(from, column.saturating_sub(1) - from).chars().count();
        let blank = " ".repeat(line.to_string().len());
        write!(f, "\n  {line} | {}", part(from, 2 * SHOWN))?;
        write!(f, "\n  {blank} | {}^", " ".repeat(before))
    }
}

#[derive(Debug, Clone, Copy)]
struct Position {
    line: usize,
    column: usize,
}

/// The lines of a text, as YAML breaks it.
fn lines(text: &str) -> Vec<&str> {
    let lines = text.split('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\r')
    });
    let mut lines: Vec<&str> = lines.collect();
    // What follows the last line break is no line.
    lines.pop_if(|last| last.is_empty());
    lines
}

fn line_at<'a>(lines: &[&'a str], line: usize) -> &'a str {
    let line = line.checked_sub(1).and_then(|at| lines.get(at));
    line.copied().unwrap_or_default()
}

/// The usual mistakes; the parser often notices them only in the next line.
fn explain(lines: &[&str], at: Position, info: &str) -> (Position, String) {
    let text = line_at(lines, at.line);
    if let Some(found) = tab(lines, at) {
        return found;
    }
    let is_indented = text.starts_with(' ');
    let problem = match info {
        "mapping values are not allowed in this context" if is_indented => {
            let start = text.len() - text.trim_start().len() + 1;
            let at = Position {
                column: start,
                ..at
            };
            return (
                at,
                "this line is indented; begin each key in the first column".to_owned(),
            );
        }
        "mapping values are not allowed in this context" => {
            "a colon and a blank inside a value; put the value in quotes"
        }
        "simple key expect ':'" | "simple key expected" => match without_colon(lines, at.line) {
            Some(line) => {
                let at = Position { line, column: 1 };
                return (
                    at,
                    "no colon with a blank after it; write KEY: value".to_owned(),
                );
            }
            None => info,
        },
        "did not find expected <document start>" if !is_indented => {
            "the keys above are indented, and this one is not; begin each key in the first column"
        }
        "invalid indentation in quoted scalar"
        | "while scanning a quoted scalar, found unexpected end of stream" => {
            "the quote that begins here does not end; close it, or leave it out"
        }
        "while parsing a quoted scalar, found unknown escape character" => {
            "in double quotes, \\ begins an escape; use single quotes"
        }
        "illegal placement of ':' indicator"
        | "invalid indentation in flow construct"
        | "while parsing a flow mapping, did not find expected ',' or '}'"
        | "while parsing a flow sequence, expected ',' or ']'" => {
            "a [ or { before this is not closed; close it, or put the value in quotes"
        }
        "while parsing node, found unknown anchor" => {
            "a value that begins with * must be in quotes"
        }
        info if info.starts_with("unexpected character") => {
            let begin = text.chars().nth(at.column - 1).unwrap_or(' ');
            return (
                at,
                format!("a value that begins with {begin} must be in quotes"),
            );
        }
        info => return (at, format!("not valid YAML: {info}")),
    };
    (at, problem.to_owned())
}

/// A tab that indents this line or the next one, or that separates a key from its value.
fn tab(lines: &[&str], at: Position) -> Option<(Position, String)> {
    for line in at.line..=at.line + 1 {
        let text = line_at(lines, line);
        let indentation = text.len() - text.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = text.find('\t').filter(|tab| *tab < indentation) {
            let column = tab + 1;
            return Some((
                Position { line, column },
                "a tab cannot indent a line; use blanks".to_owned(),
            ));
        }
    }
    let before = line_at(lines, at.line).chars().take(at.column - 1);
    let tab = before.collect::<Vec<_>>().iter().rposition(|c| *c == '\t');
    let column = tab.filter(|tab| tab + 2 == at.column)? + 1;
    Some((
        Position { column, ..at },
        "a tab after the colon; use a blank".to_owned(),
    ))
}

/// The last line up to this one that sets no key, although it begins in the first column.
fn without_colon(lines: &[&str], until: usize) -> Option<usize> {
    let before = lines.iter().take(until).enumerate();
    let mut keys = before.filter(|(_, line)| {
        let begins = line.chars().next();
        begins.is_some_and(|first| !matches!(first, ' ' | '#' | '-'))
    });
    let has_none = |line: &str| !line.contains(": ") && !line.trim_end().ends_with(':');
    keys.rfind(|(_, line)| has_none(line)).map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::super::yaml::{NoSettings, settings};
    use super::*;

    fn error(text: &str) -> SyntaxError {
        match settings(text) {
            Err(NoSettings::Syntax(error)) => error,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn usual_mistakes_are_told_where_they_are() {
        for (text, line, column, problem) in [
            ("A: b\n\tC: d\n", 2, 1, "a tab cannot indent"),
            ("A:\n\t- d\n", 2, 1, "a tab cannot indent"),
            ("\tA: b\nC: d\n", 2, 1, "the keys above are indented"),
            ("A: b\nC:\tyes\n", 2, 3, "a tab after the colon"),
            ("A: b\n  C: d\n", 2, 3, "this line is indented"),
            ("  A: b\nC: d\n", 2, 1, "the keys above are indented"),
            ("A: b: c\n", 1, 5, "a colon and a blank inside"),
            ("A: b\nC d\nE: f\n", 2, 1, "no colon with a blank"),
            ("A: b\nC:d\n", 2, 1, "no colon with a blank"),
            ("A: b\nC: \"d\nE: f\n", 2, 4, "the quote that begins here"),
            ("A: b\nC: 'd\n", 2, 4, "the quote that begins here"),
            ("A: \"C:\\data\"\n", 1, 4, "use single quotes"),
            ("A: *b\n", 1, 4, "begins with *"),
            ("A: @b\n", 1, 4, "begins with @"),
            ("A: b\nC: %d\n", 2, 4, "begins with %"),
            ("A: b\n---\nC: d\n", 2, 1, "a second document"),
            ("A: [b\nC: d\n", 2, 2, "a [ or { before this"),
            ("A: [b, c\n", 1, 1, "a [ or { before this"),
            ("A: {b\nC: d\n", 2, 1, "a [ or { before this"),
            ("A: [b] c\n", 1, 8, "not valid YAML"),
            ("A: b\nC: - d\n", 2, 4, "not valid YAML"),
        ] {
            let error = error(text);
            assert_eq!(
                (error.line, error.column),
                (line, column),
                "{text:?}: {error}"
            );
            assert!(error.problem.contains(problem), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_line_is_shown_and_the_column_marked() {
        assert_eq!(
            error("A: b\n \t\x07C: d\n").to_string(),
            "line 2, column 2: a tab cannot indent a line; use blanks\n  \
             2 |  \\t\\x07C: d\n    |  ^"
        );
        let long = format!("A: {}: b\n", "é".repeat(500));
        let text = error(&long).to_string();
        assert!(
            text.lines().all(|line| line.chars().count() < 140),
            "{text}"
        );
        assert!(text.ends_with(&format!("| {}^", " ".repeat(60))), "{text}");
    }

    #[test]
    fn lines_are_counted_as_yaml_does() {
        assert_eq!(lines("a\r\nb\rc\n\nd"), ["a", "b", "c", "", "d"]);
        assert_eq!(lines("a\n"), ["a"]);
        assert_eq!(error("A: b\rC: d\r\n\tE: f").line, 3);
    }
}
