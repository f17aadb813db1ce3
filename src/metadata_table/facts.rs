//! Facts about a whole table, which its file has as metadata.

use std::collections::BTreeSet;

use parquet::file::metadata::KeyValue;
use serde_json::{Map, Value, json};

use crate::datasets::RawTree;
use crate::metadata::Vocabulary;
use crate::metadata::vocabulary;

/// The version of machex that wrote the table.
pub(super) const VERSION: &str = "machex.version";
const FILES: &str = "machex.files";
const NEGATIVES: &str = "machex.negatives";

/// In [`NEGATIVES`]: the findings of a dataset whose absence is partial.
const PARTIAL: &str = "partial";

/// What a table tells about itself.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The lists of each dataset that are there.
    files: Map<String, Value>,
    /// For each dataset, the findings of which it only knows kinds.
    partial: Map<String, Value>,
}

impl Facts {
    /// The facts about the table of these datasets. Looks for their lists, but opens none.
    pub fn of<'a>(trees: impl IntoIterator<Item = &'a RawTree>) -> Self {
        let mut facts = Self::default();
        for tree in trees {
            let name = tree.dataset.folder();
            let lists = tree.dataset.metadata_rules().lists.iter();
            let found = lists.filter_map(|list| tree.find_list(list));
            // The same wherever the folders are, as all else in the table.
            let files = found.map(|path| tree.name_of(&path)).collect();
            facts.files.insert(name.to_owned(), files);
            let vocabulary = Vocabulary::get();
            let lists = tree.dataset.metadata_rules().lists.iter();
            let sets = lists
                .filter_map(|list| Some(list.labels?.set))
                .chain([name]);
            let partial: BTreeSet<usize> = sets
                .flat_map(|set| vocabulary.label_set(set).partial_findings())
                .collect();
            let partial = partial.into_iter();
            let partial = partial.filter_map(|number| vocabulary.findings().get(number).copied());
            facts.partial.insert(name.to_owned(), partial.collect());
        }
        facts
    }

    /// Adds the facts that the file of another table has.
    pub(super) fn add_stored(&mut self, stored: &[KeyValue]) {
        for KeyValue { key, value } in stored {
            let value = value.as_deref().map(serde_json::from_str::<Value>);
            let Some(Ok(mut value)) = value else {
                continue;
            };
            match key.as_str() {
                FILES => extend(&mut self.files, &mut value),
                NEGATIVES => {
                    if let Some(partial) = value.get_mut(PARTIAL) {
                        extend(&mut self.partial, partial);
                    }
                }
                _ => {}
            }
        }
    }

    /// Key and value of each fact.
    pub(super) fn pairs(&self) -> [(&'static str, String); 4] {
        [
            (VERSION, env!("CARGO_PKG_VERSION").to_owned()),
            ("machex.vocabulary", vocabulary::VERSION.to_owned()),
            (FILES, Value::from(self.files.clone()).to_string()),
            (NEGATIVES, json!({ PARTIAL: self.partial }).to_string()),
        ]
    }
}

fn extend(known: &mut Map<String, Value>, more: &mut Value) {
    if let Some(more) = more.as_object_mut() {
        known.append(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_facts_of_another_table_are_passed_over() {
        let fact = |key: &str, value: &str| KeyValue::new(key.to_owned(), value.to_owned());
        let mut facts = Facts::default();
        for odd in ["[]", "1", "\"x\"", "{", "null"] {
            facts.add_stored(&[fact(FILES, odd), fact(NEGATIVES, odd)]);
        }
        facts.add_stored(&[fact(NEGATIVES, r#"{"partial": 1}"#)]);
        assert_eq!((facts.files.len(), facts.partial.len()), (0, 0));
        let partial = r#"{"partial": {"rsna": ["Lung Opacity"]}}"#;
        facts.add_stored(&[
            fact(FILES, r#"{"rsna": ["a.csv"]}"#),
            fact(NEGATIVES, partial),
        ]);
        assert_eq!(facts.files["rsna"], json!(["a.csv"]));
        assert_eq!(facts.partial["rsna"], json!(["Lung Opacity"]));
    }
}
