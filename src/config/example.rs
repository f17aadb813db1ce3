//! The commented example of a config: the repository's `config.yml`, as text and as data.

use std::collections::BTreeSet;

use super::keys;
use crate::datasets::{ALL, Dataset, KnownDatasets, OptionKey, OptionKind};

/// The example for the datasets of machex itself.
const TEXT: &str = include_str!("../../config.yml");

/// Starts the line above an introduction.
const RULE: &str = "# ----";

/// A paragraph of the example; paragraphs are separated by empty lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleParagraph {
    /// Whether a ruled line precedes the comment, which then introduces what follows.
    pub has_rule: bool,
    /// The lines of the comment, without `# `.
    pub comment: Vec<String>,
    /// The keys that the comment explains; none in an introduction.
    pub keys: Vec<ExampleKey>,
}

/// A line with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleKey {
    pub name: String,
    pub value: String,
    /// Whether the line is a comment, since the key is optional and the value is its default.
    pub is_optional: bool,
}

impl ExampleKey {
    fn parse(line: &str) -> Option<Self> {
        let setting = line.strip_prefix("# ").unwrap_or(line);
        let (name, value) = setting.split_once(": ")?;
        let is_name = name
            .bytes()
            .all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
        is_name.then(|| Self {
            name: name.to_owned(),
            value: value.to_owned(),
            is_optional: setting.len() < line.len(),
        })
    }

    fn line(&self) -> String {
        let mark = if self.is_optional { "# " } else { "" };
        format!("{mark}{}: {}", self.name, self.value)
    }
}

impl ExampleParagraph {
    fn parse(text: &str) -> Self {
        let mut paragraph = Self {
            has_rule: false,
            comment: Vec::new(),
            keys: Vec::new(),
        };
        for line in text.lines() {
            match ExampleKey::parse(line) {
                Some(key) => paragraph.keys.push(key),
                None if line.starts_with(RULE) => paragraph.has_rule = true,
                None => paragraph
                    .comment
                    .push(line.trim_start_matches("# ").to_owned()),
            }
        }
        paragraph
    }

    /// The paragraph for a key that the text does not have, since it belongs to another program's
    /// dataset.
    fn of(comment: String, key: &str, value: &str, is_optional: bool) -> Self {
        let key = ExampleKey {
            name: key.to_owned(),
            value: value.to_owned(),
            is_optional,
        };
        Self {
            has_rule: false,
            comment: vec![comment],
            keys: vec![key],
        }
    }

    fn text(&self) -> String {
        let rule = self.has_rule.then(|| format!("# {}\n", "-".repeat(96)));
        let comment = self.comment.iter().map(|line| format!("# {line}\n"));
        let keys = self.keys.iter().map(|key| format!("{}\n", key.line()));
        rule.into_iter().chain(comment).chain(keys).collect()
    }
}

/// The paragraphs of the example for these datasets: those of `config.yml` without the keys of
/// datasets that are not known, and with those of datasets that `config.yml` does not have.
pub fn example(known: KnownDatasets) -> Vec<ExampleParagraph> {
    let known_keys: BTreeSet<&str> = keys::all(known).collect();
    let mut paragraphs = Vec::new();
    let mut in_text = BTreeSet::new();
    // The roots end where the first options begin.
    let mut end_of_roots = 0;
    for mut paragraph in TEXT.split("\n\n").map(ExampleParagraph::parse) {
        let had_keys = !paragraph.keys.is_empty();
        in_text.extend(paragraph.keys.iter().map(|key| key.name.clone()));
        let is_of_root = |key: &ExampleKey| ALL.iter().any(|each| each.root_key() == key.name);
        let has_root = paragraph.keys.iter().any(is_of_root);
        paragraph
            .keys
            .retain(|key| known_keys.contains(key.name.as_str()));
        if !had_keys || !paragraph.keys.is_empty() {
            paragraphs.push(paragraph);
        }
        if has_root {
            end_of_roots = paragraphs.len();
        }
    }
    let others = known
        .iter()
        .filter(|dataset| !in_text.contains(dataset.root_key()));
    let others: Vec<_> = others.copied().collect();
    let options = others.iter().flat_map(|dataset| dataset.info().options);
    // Several datasets may share an option.
    let options = options.filter(|option| in_text.insert(option.name.to_owned()));
    paragraphs.extend(options.map(of_option));
    let roots: Vec<ExampleParagraph> = others.into_iter().map(of_root).collect();
    paragraphs.splice(end_of_roots..end_of_roots, roots);
    paragraphs
}

fn of_root(dataset: &'static dyn Dataset) -> ExampleParagraph {
    let marks = &dataset.info().marks;
    ExampleParagraph::of(marks.title.to_owned(), dataset.root_key(), "null", false)
}

fn of_option(option: &OptionKey) -> ExampleParagraph {
    let (comment, value) = match option.kind {
        OptionKind::Folder => ("A folder.", "null"),
        OptionKind::File => ("A file.", "null"),
        OptionKind::Bool => ("true or false.", "false"),
    };
    ExampleParagraph::of(comment.to_owned(), option.name, value, true)
}

/// The text of these paragraphs, which is a config file.
pub fn example_text(paragraphs: &[ExampleParagraph]) -> String {
    let texts: Vec<String> = paragraphs.iter().map(ExampleParagraph::text).collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_the_paragraphs_is_the_file() {
        assert_eq!(example_text(&example(ALL)), TEXT);
    }

    #[test]
    fn the_example_has_each_known_key_once_and_no_other() {
        let paragraphs = example(ALL);
        let keys = paragraphs.iter().flat_map(|paragraph| &paragraph.keys);
        let mut in_example: Vec<&str> = keys.map(|key| key.name.as_str()).collect();
        in_example.sort_unstable();
        let mut known: Vec<&str> = keys::all(ALL).collect();
        known.sort_unstable();
        assert_eq!(in_example, known);
        for paragraph in &paragraphs {
            assert!(!paragraph.comment.is_empty(), "{paragraph:?}");
        }
    }

    #[test]
    fn datasets_that_the_program_does_not_know_are_left_out() {
        let mimic: KnownDatasets = &ALL[3..4];
        let text = example_text(&example(mimic));
        assert!(text.contains("\nMIMIC_ROOT: null\n"), "{text}");
        assert!(text.contains("\n# MIMIC_REPORTS_ROOT: null\n"), "{text}");
        assert!(!text.contains("CHEXPERT"), "{text}");
        assert!(!text.contains("PADCHEST"), "{text}");
        // An introduction stays where it was.
        assert!(
            text.contains("The values shown are the defaults.\n"),
            "{text}"
        );
    }
}
