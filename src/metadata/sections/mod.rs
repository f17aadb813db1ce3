//! The sections of MIMIC-CXR's reports.
//!
//! The rules are those of MIMIC-CXR's authors, who chose the text to label with them (`txt/` of
//! <https://github.com/MIT-LCP/mimic-cxr>, `section_parser.py` and `create_section_files.py`):
//!
//! * A heading is at the start of any line but the report's first: a blank, only capitals, blanks
//!   and `()/,-` up to a colon, and white space. If that is the line's end, the next line is text
//!   even if it looks like a heading.
//! * Headings come under few names (`names`). If several sections have a name, the last counts.
//! * Impressions and findings without text do not count. If a report has neither, its last section
//!   ends at its first line with nothing but one blank; what follows is the last paragraph.
//!
//! Lines end in line feeds: replace other line ends first, as Python does.

mod by_hand;
mod names;

use by_hand::{Replacement, replacement};
use names::{is_space, name_of};

/// The sections of a report that the table has, trimmed; `None` if there is none or it has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sections<'a> {
    pub findings: Option<&'a str>,
    pub impression: Option<&'a str>,
    pub last_paragraph: Option<&'a str>,
    pub indication: Option<&'a str>,
    pub comparison: Option<&'a str>,
    /// The text from which MIMIC-CXR's labels were made: the first that the report has of
    /// impression, findings, last paragraph and comparison, or a part chosen by hand.
    pub labelled: Option<&'a str>,
}

/// The sections of a report.
pub fn sections(text: &str) -> Sections<'_> {
    Split::new(text).sections()
}

/// The sections of the report of a study, `s50913680`. For 54 studies, MIMIC-CXR's authors chose
/// the labelled text by hand; the other sections are those of [`sections`].
pub fn sections_of_study<'a>(study: &str, text: &'a str) -> Sections<'a> {
    let split = Split::new(text);
    let mut sections = split.sections();
    match replacement(study) {
        Some(Replacement::Section(name)) => {
            // A report without that section is of another release.
            if let Some(section) = split.last(name) {
                sections.labelled = non_empty(section);
            }
        }
        Some(Replacement::Characters(start, end)) => {
            sections.labelled = characters(text, start, end).and_then(non_empty);
        }
        None => {}
    }
    sections
}

/// A report without its headings.
struct Split<'a> {
    /// Names and texts, in the order of the report.
    sections: Vec<(String, &'a str)>,
}

impl<'a> Split<'a> {
    fn new(text: &'a str) -> Self {
        let mut sections = Vec::new();
        let mut next = find_heading(text, 0);
        let preamble = next
            .as_ref()
            .map_or(text, |heading| &text[..heading.name_start]);
        sections.push((String::new(), preamble));
        while let Some(heading) = next {
            let start = heading.end;
            next = find_heading(text, start);
            let end = next.as_ref().map_or(text.len(), |next| next.start);
            let name = name_of(&text[heading.name_start..heading.name_end]);
            sections.push((name, &text[start..end]));
        }
        sections.retain(|(name, text)| {
            let may_be_empty = !matches!(name.as_str(), "impression" | "findings");
            may_be_empty || non_empty(text).is_some()
        });
        let mut split = Self { sections };
        if split.last("impression").is_none() && split.last("findings").is_none() {
            split.cut_last_paragraph();
        }
        split
    }

    fn cut_last_paragraph(&mut self) {
        let Some((_, last)) = self.sections.last_mut() else {
            return;
        };
        if let Some((before, paragraph)) = last.split_once("\n \n") {
            *last = before;
            self.sections.push(("last_paragraph".to_owned(), paragraph));
        }
    }

    /// The last section with a name.
    fn last(&self, name: &str) -> Option<&'a str> {
        let mut sections = self.sections.iter().rev();
        sections
            .find(|(other, _)| other == name)
            .map(|(_, text)| *text)
    }

    fn sections(&self) -> Sections<'a> {
        let section = |name| self.last(name).and_then(non_empty);
        // The first that there is counts, even if it has no text.
        let labelled = ["impression", "findings", "last_paragraph", "comparison"]
            .into_iter()
            .find_map(|name| self.last(name))
            .and_then(non_empty);
        Sections {
            findings: section("findings"),
            impression: section("impression"),
            last_paragraph: section("last_paragraph"),
            indication: section("indication"),
            comparison: section("comparison"),
            labelled,
        }
    }
}

/// A section's text without white space around it; `None` if nothing is left.
fn non_empty(text: &str) -> Option<&str> {
    let text = text.trim_matches(is_space);
    (!text.is_empty()).then_some(text)
}

/// Part of a text by numbers of characters, of which there may be fewer.
fn characters(text: &str, start: usize, end: usize) -> Option<&str> {
    let byte = |count| {
        text.char_indices()
            .nth(count)
            .map_or(text.len(), |(byte, _)| byte)
    };
    text.get(byte(start)..byte(end))
}

/// Where a heading stands.
struct Heading {
    /// Of the line feed before it.
    start: usize,
    name_start: usize,
    name_end: usize,
    /// Of the text after it.
    end: usize,
}

/// The first heading after a byte of the text.
fn find_heading(text: &str, from: usize) -> Option<Heading> {
    let mut from = from;
    loop {
        let start = from + text[from..].find("\n ")?;
        let name_start = start + 2;
        let in_name =
            |byte: &u8| matches!(byte, b'A'..=b'Z' | b' ' | b'(' | b')' | b'/' | b',' | b'-');
        let length = text.as_bytes()[name_start..]
            .iter()
            .take_while(|byte| in_name(byte))
            .count();
        let name_end = name_start + length;
        let mut after = text[name_end..].chars();
        let is_heading = length > 0 && after.next() == Some(':');
        if let Some(white) = after.next().filter(|next| is_heading && is_space(*next)) {
            let end = name_end + 1 + white.len_utf8();
            return Some(Heading {
                start,
                name_start,
                name_end,
                end,
            });
        }
        // No other heading can begin within the name, which has no line feed.
        from = name_end;
    }
}

#[cfg(test)]
mod tests;
