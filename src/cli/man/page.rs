//! Parts that all man pages have.

use clap_mangen::roff::{Roff, bold, roman};

use super::facts::Fact;
use crate::cli::examples::Example;

/// The source that the foot of a page names.
pub const SOURCE: &str = concat!("machex ", env!("CARGO_PKG_VERSION"));

/// The manual that the head of a page names.
pub const MANUAL: &str = "machex";

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
    for Example { what, lines } in examples {
        roff.control("PP", []).text([roman(format!("{what}:"))]);
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
    // Unless it is escaped, groff prints another character, which cannot be pasted into a shell.
    page.replace('~', r"\(ti")
}
