//! Parts that all man pages have.

use clap_mangen::roff::{Roff, bold, roman};

use super::facts::Fact;
use crate::cli::examples::Example;

/// The source that the foot of a page names.
const SOURCE: &str = concat!("machex ", env!("CARGO_PKG_VERSION"));

/// The manual that the head of a page names.
const MANUAL: &str = "machex";

/// The beginning of a page. It has no date, so that the same version always writes the same pages.
pub fn title(name: &str, section: &str) -> Roff {
    // roff writes an argument as it is unless it contains blanks, and an empty one is nothing.
    const EMPTY: &str = "\"\"";
    let mut roff = Roff::new();
    roff.control("TH", [name, section, EMPTY, SOURCE, MANUAL]);
    // Hyphens within names of options and pages could not be told from those of a line break.
    roff.control("nh", []).control("ad", ["l"]);
    roff
}

/// Adds a section with a table of terms, unless it would be empty.
pub fn add_facts(roff: &mut Roff, heading: &str, facts: &[Fact], command: &str) {
    let mut facts = facts.iter().filter(|fact| fact.is_on(command)).peekable();
    if facts.peek().is_some() {
        roff.control("SH", [heading]);
    }
    for fact in facts {
        roff.control("TP", []).text([bold(fact.term)]);
        roff.text([roman(fact.text)]);
    }
}

/// Adds the section EXAMPLES.
pub fn add_examples(roff: &mut Roff, examples: &[Example]) {
    roff.control("SH", ["EXAMPLES"]);
    for (number, Example { what, lines }) in examples.iter().enumerate() {
        if number > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(format!("{what}:"))]);
        add_lines(roff, lines);
    }
}

/// Adds lines that are shown as they are.
pub fn add_lines(roff: &mut Roff, lines: &str) {
    roff.control("PP", [])
        .control("RS", ["4"])
        .control("nf", []);
    for line in lines.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []).control("RE", []);
}

/// Adds the section SEE ALSO.
pub fn add_see_also(roff: &mut Roff, pages: &[String]) {
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages.join(", "))]);
}

/// The source of a page made of parts, each of which starts with the definition of an apostrophe.
pub fn join(parts: &[String]) -> String {
    let preamble = Roff::new().render();
    let mut page = preamble.clone();
    for part in parts {
        page += part.strip_prefix(&preamble).unwrap_or(part);
    }
    let escaped = page.chars().map(|character| match character {
        // groff prints another character, which cannot be pasted into a shell.
        '~' => r"\(ti".to_owned(),
        // Not every program that shows pages reads UTF-8.
        _ if !character.is_ascii() => format!(r"\[u{:04X}]", u32::from(character)),
        _ => character.to_string(),
    });
    escaped.collect()
}
