//! Reports of Open-i's chest X-rays: one XML file each, `ecgen-radiology/<n>.xml`.
//!
//! What is read of a file, whose root is `eCitation`:
//!
//! ```text
//! uId@id                       CXR<n>
//! AbstractText@Label           COMPARISON, INDICATION, FINDINGS or IMPRESSION; may be empty
//! MeSH/major, MeSH/automatic   terms of the indexers and of a program
//! parentImage@id               the report's images, without extension
//! ```
//!
//! Entities are only XML's own five and characters by number, so none can grow. Elements are read
//! one after another, without recursion.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

/// Size of a file; the largest of the collection has 8,967.
const MAX_BYTES: usize = 1 << 20;

/// Nested elements; the collection has 7.
const MAX_DEPTH: usize = 64;

/// Characters of a message that may quote the file.
const MAX_MESSAGE: usize = 200;

/// A report. Texts are trimmed; `None` if empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// `CXR1000`; not empty.
    pub uid: String,
    pub findings: Option<String>,
    pub impression: Option<String>,
    pub indication: Option<String>,
    pub comparison: Option<String>,
    /// Terms of the indexers: a heading, and qualifiers after slashes.
    pub major: Vec<String>,
    /// Terms that a program found in the text.
    pub automatic: Vec<String>,
    /// `CXR1000_IM-0003-1001`
    pub images: Vec<String>,
}

/// Why a report cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct ReportError {
    /// Counts from 1.
    pub line: usize,
    /// Counts from 0.
    pub byte: usize,
    pub fault: ReportFault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportFault {
    #[error("the file has more than {limit} bytes: this is not a report of Open-i")]
    Long { limit: usize },
    #[error("this is not UTF-8")]
    NotUtf8,
    /// The message may quote the file.
    #[error("this is not XML: {0}")]
    Xml(String),
    /// The message quotes the file.
    #[error("entity \"{0}\" is not one of XML's own five")]
    Entity(String),
    #[error("more than {limit} nested elements: this is not a report of Open-i")]
    Deep { limit: usize },
    #[error("the root of a report is one <eCitation>")]
    Root,
    #[error("the file is cut off: download it again")]
    CutOff,
    #[error("the report has no <uId id=\"…\">")]
    NoUid,
}

/// Reads a report.
pub fn report(bytes: &[u8]) -> Result<Report, ReportError> {
    let at = |byte: usize, fault| {
        let before = bytes.get(..byte).unwrap_or(bytes);
        ReportError {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            byte,
            fault,
        }
    };
    if bytes.len() > MAX_BYTES {
        return Err(at(0, ReportFault::Long { limit: MAX_BYTES }));
    }
    let text =
        str::from_utf8(bytes).map_err(|error| at(error.valid_up_to(), ReportFault::NotUtf8))?;
    let mut reader = Reader::from_str(text);
    let mut builder = Builder::default();
    loop {
        let start = reader.buffer_position() as usize;
        let event = reader.read_event();
        let event =
            event.map_err(|error| at(reader.error_position() as usize, xml_fault(&error)))?;
        if matches!(event, Event::Eof) {
            return builder.finish().map_err(|fault| at(start, fault));
        }
        builder.add(event).map_err(|fault| at(start, fault))?;
    }
}

/// Where the text of an element goes.
#[derive(Clone, Copy)]
enum Target {
    Findings,
    Impression,
    Indication,
    Comparison,
    Major,
    Automatic,
}

/// A report while its file is read.
#[derive(Default)]
struct Builder {
    report: Report,
    /// For each open element, from the root on: whether it is `MeSH`.
    open: Vec<bool>,
    has_root: bool,
    /// The element whose text is collected, and the number of elements open in front of it.
    target: Option<(Target, usize)>,
    text: String,
}

impl Builder {
    fn add(&mut self, event: Event<'_>) -> Result<(), ReportFault> {
        match event {
            Event::Start(element) => self.start(&element)?,
            Event::Empty(element) => {
                self.start(&element)?;
                self.end();
            }
            Event::End(_) => self.end(),
            Event::Text(text) if self.target.is_some() => self.text += &text.xml10_content(),
            Event::CData(text) if self.target.is_some() => self.text += &text.xml10_content(),
            Event::GeneralRef(entity) if self.target.is_some() => {
                push_entity(&entity, &mut self.text)?
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), ReportFault> {
        let name = element.name();
        let name = name.as_ref();
        if self.open.is_empty() {
            if self.has_root || name != "eCitation" {
                return Err(ReportFault::Root);
            }
            self.has_root = true;
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(ReportFault::Deep { limit: MAX_DEPTH });
        }
        let is_in_mesh = self.open.last() == Some(&true);
        let target = match name {
            "uId" if self.report.uid.is_empty() => {
                self.report.uid = attribute(element, "id")?.unwrap_or_default();
                None
            }
            "parentImage" => {
                self.report.images.extend(attribute(element, "id")?);
                None
            }
            "major" if is_in_mesh => Some(Target::Major),
            "automatic" if is_in_mesh => Some(Target::Automatic),
            "AbstractText" => attribute(element, "Label")?.and_then(|label| match label.as_str() {
                "FINDINGS" => Some(Target::Findings),
                "IMPRESSION" => Some(Target::Impression),
                "INDICATION" => Some(Target::Indication),
                "COMPARISON" => Some(Target::Comparison),
                _ => None,
            }),
            _ => None,
        };
        if let (Some(target), None) = (target, self.target) {
            self.target = Some((target, self.open.len()));
        }
        self.open.push(name == "MeSH");
        Ok(())
    }

    fn end(&mut self) {
        self.open.pop();
        let Some((target, _)) = self.target.filter(|(_, depth)| *depth >= self.open.len()) else {
            return;
        };
        self.target = None;
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let section = match target {
            Target::Major => return self.report.major.push(text.to_owned()),
            Target::Automatic => return self.report.automatic.push(text.to_owned()),
            Target::Findings => &mut self.report.findings,
            Target::Impression => &mut self.report.impression,
            Target::Indication => &mut self.report.indication,
            Target::Comparison => &mut self.report.comparison,
        };
        // No file of the collection has a section twice.
        match section {
            None => *section = Some(text.to_owned()),
            Some(before) => {
                before.push('\n');
                before.push_str(text);
            }
        }
    }

    fn finish(self) -> Result<Report, ReportFault> {
        if !self.open.is_empty() {
            Err(ReportFault::CutOff)
        } else if !self.has_root {
            Err(ReportFault::Root)
        } else if self.report.uid.is_empty() {
            Err(ReportFault::NoUid)
        } else {
            Ok(self.report)
        }
    }
}

/// An attribute, trimmed, if the element has it and it is not empty.
fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, ReportFault> {
    let mut attributes = element.attributes();
    // The search for duplicates takes time with the square of their number.
    for attribute in attributes.with_checks(false) {
        let attribute = attribute.map_err(|error| xml_fault(&error))?;
        if attribute.key.as_ref() == name {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value: Cow<'_, str> = value.map_err(|error| xml_fault(&error))?;
            let value = value.trim();
            return Ok((!value.is_empty()).then(|| value.to_owned()));
        }
    }
    Ok(None)
}

fn push_entity(entity: &BytesRef<'_>, text: &mut String) -> Result<(), ReportFault> {
    if let Some(character) = entity
        .resolve_char_ref()
        .map_err(|error| xml_fault(&error))?
    {
        text.push(character);
        return Ok(());
    }
    let predefined = resolve_predefined_entity(entity);
    *text += predefined.ok_or_else(|| ReportFault::Entity(short(entity)))?;
    Ok(())
}

fn xml_fault(error: &impl ToString) -> ReportFault {
    ReportFault::Xml(short(&error.to_string()))
}

/// The beginning of a message.
fn short(message: &str) -> String {
    message.chars().take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests;
