//! The settings of a YAML text, each with its line. Values stay as they are written: the key
//! decides whether `4` is a number or the name of a folder.

use std::collections::BTreeMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::syntax::SyntaxError;

/// A line `KEY: value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// `None` if it is not a word, but a list, for example.
    pub key: Option<String>,
    /// The line of the key, from 1.
    pub line: usize,
    /// Shared by an anchor and its aliases.
    pub value: Rc<Value>,
}

/// A value as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Scalar {
        text: String,
        /// In quotes, or a block of text: never a null.
        is_quoted: bool,
    },
    List(Vec<Rc<Value>>),
    /// What no key takes: a mapping, a list in a list, a value with a tag such as `!!set`.
    Other(&'static str),
}

/// Why a text has no settings.
#[derive(Debug)]
pub(super) enum NoSettings {
    Syntax(SyntaxError),
    /// Nothing but blanks and comments.
    Empty,
    /// A list or a text, which begins in this line.
    NoMapping(usize),
}

/// Reads all settings, also those whose key was there before.
pub(super) fn settings(text: &str) -> Result<Vec<Setting>, NoSettings> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
    };
    reader.document().map_err(|stop| match stop {
        Stop::Scan(error) => NoSettings::Syntax(SyntaxError::new(text, &error)),
        Stop::SecondDocument(line) => NoSettings::Syntax(SyntaxError::at(
            text,
            line,
            "a second document begins here; a config is one document",
        )),
        Stop::Empty => NoSettings::Empty,
        Stop::NoMapping(line) => NoSettings::NoMapping(line),
    })
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Rc<Value>>,
}

enum Stop {
    Scan(ScanError),
    SecondDocument(usize),
    Empty,
    NoMapping(usize),
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Self::Scan(error)
    }
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), ScanError> {
        match self.parser.next_event() {
            Some(event) => event.map(|(event, span): (Event<'_>, Span)| (event, span.start.line())),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn document(&mut self) -> Result<Vec<Setting>, Stop> {
        let mut settings = None;
        loop {
            let (event, line) = self.next()?;
            match event {
                Event::StreamEnd => return settings.ok_or(Stop::Empty),
                Event::DocumentStart(_) if settings.is_some() => {
                    return Err(Stop::SecondDocument(line));
                }
                Event::MappingStart(..) => settings = Some(self.mapping()?),
                Event::Scalar(text, ScalarStyle::Plain, ..) if text.is_empty() => {}
                Event::Scalar(..) | Event::SequenceStart(..) | Event::Alias(_) => {
                    return Err(Stop::NoMapping(line));
                }
                _ => {}
            }
        }
    }

    fn mapping(&mut self) -> Result<Vec<Setting>, Stop> {
        let mut settings = Vec::new();
        loop {
            let (event, line) = self.next()?;
            if let Event::MappingEnd | Event::StreamEnd = event {
                return Ok(settings);
            }
            let key = match &*self.value(event, true)? {
                Value::Scalar { text, .. } => Some(text.clone()),
                _ => None,
            };
            let (event, _) = self.next()?;
            let value = self.value(event, true)?;
            settings.push(Setting { key, line, value });
        }
    }

    /// The value that begins with this event. Goes no deeper than a list of scalars.
    fn value(&mut self, event: Event<'a>, may_be_list: bool) -> Result<Rc<Value>, Stop> {
        let (value, anchor) = match event {
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor);
                // The anchor is around the alias, or in something that no key takes.
                return Ok(known.map_or_else(|| Rc::new(Value::Other("an alias")), Rc::clone));
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = match tag.as_deref() {
                    Some(tag) if !is_scalar(tag) => Value::Other("a value with a tag"),
                    tag => Value::Scalar {
                        text: text.into_owned(),
                        is_quoted: style != ScalarStyle::Plain
                            || tag.is_some_and(|tag| tag.suffix == "str"),
                    },
                };
                (value, anchor)
            }
            Event::SequenceStart(anchor, None) if may_be_list => (self.list()?, anchor),
            Event::SequenceStart(anchor, tag) => {
                self.skip()?;
                let what = tag.map_or("a list in a list", |_| "a value with a tag");
                (Value::Other(what), anchor)
            }
            Event::MappingStart(anchor, _) => {
                self.skip()?;
                (Value::Other("a mapping"), anchor)
            }
            _ => (Value::Other("nothing"), 0),
        };
        let value = Rc::new(value);
        // 0 stands for none.
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&value));
        }
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()?.0 {
                Event::SequenceEnd | Event::StreamEnd => return Ok(Value::List(items)),
                event => items.push(self.value(event, false)?),
            }
        }
    }

    /// Goes to the end of the list or mapping that has just begun.
    fn skip(&mut self) -> Result<(), Stop> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()?.0 {
                Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
                Event::SequenceEnd | Event::MappingEnd => depth -= 1,
                Event::StreamEnd => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a tag says what a key says anyway.
fn is_scalar(tag: &Tag) -> bool {
    const SCALARS: [&str; 5] = ["str", "int", "float", "bool", "null"];
    tag.is_yaml_core_schema() && SCALARS.contains(&tag.suffix.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scalar(text: &str, is_quoted: bool) -> Rc<Value> {
        let text = text.to_owned();
        Rc::new(Value::Scalar { text, is_quoted })
    }

    #[test]
    fn values_are_as_they_are_written() {
        let text = "A: 4\nB: \"4\"\nC: [x, 'y']\nD:\n- &z ~/z # comment\nE: *z\nF: {a: [b, {}]}\nG: [[]]\n\
                    H: !!str 010\nI: !x y\nL: !!bool off\nA: |\n  long\n  text\n? [a]\n: b\nJ: &j [*j]\nK:\n";
        let read: Vec<_> = settings(text)
            .unwrap()
            .into_iter()
            .map(|setting| (setting.line, setting.key, setting.value))
            .collect();
        let key = |key: &str| Some(key.to_owned());
        let list = |items: &[Rc<Value>]| Rc::new(Value::List(items.to_vec()));
        let other = |what| Rc::new(Value::Other(what));
        assert_eq!(
            read,
            [
                (1, key("A"), scalar("4", false)),
                (2, key("B"), scalar("4", true)),
                (3, key("C"), list(&[scalar("x", false), scalar("y", true)])),
                (4, key("D"), list(&[scalar("~/z", false)])),
                (6, key("E"), scalar("~/z", false)),
                (7, key("F"), other("a mapping")),
                (8, key("G"), list(&[other("a list in a list")])),
                (9, key("H"), scalar("010", true)),
                (10, key("I"), other("a value with a tag")),
                (11, key("L"), scalar("off", false)),
                (12, key("A"), scalar("long\ntext\n", true)),
                (15, None, scalar("b", false)),
                (17, key("J"), list(&[other("an alias")])),
                (18, key("K"), scalar("", false)),
            ]
        );
    }

    #[test]
    fn what_has_no_settings_is_told_apart() {
        for empty in ["", " \n", "# only this\n", "---\n"] {
            let found = settings(empty);
            assert!(
                matches!(found, Err(NoSettings::Empty)),
                "{empty:?}: {found:?}"
            );
        }
        for (text, line) in [("- a\n", 1), ("\n\nhello\n", 3), ("[a]", 1)] {
            let found = settings(text);
            assert!(
                matches!(&found, Err(NoSettings::NoMapping(at)) if *at == line),
                "{text:?}: {found:?}"
            );
        }
        assert!(matches!(
            settings("A: b\n---\nC: d\n"),
            Err(NoSettings::Syntax(_))
        ));
    }

    #[test]
    fn aliases_of_aliases_take_no_memory() {
        let mut text = format!("a0: &a0 [{}]\n", "x, ".repeat(1000));
        for level in 1..200 {
            let above = format!("*a{}, ", level - 1);
            text += &format!("a{level}: &a{level} [{}]\n", above.repeat(100));
        }
        assert_eq!(settings(&text).unwrap().len(), 200);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-cA-C:\\-? \\[\\]{}&*!|>'\"%@`#,~\t\n\r\u{85}\u{feff}é]{0,60}") {
            if let Err(NoSettings::Syntax(error)) = settings(&text) {
                prop_assert!(!error.to_string().is_empty());
            }
        }

        #[test]
        fn any_depth_is_read(depth in 1_usize..3000, open in "[\\[{]|- |a: ") {
            let _ = settings(&format!("A: {}", open.repeat(depth)));
            let _ = settings(&open.repeat(depth));
        }
    }
}
