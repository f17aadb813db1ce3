//! Facts about a whole table, which its file has as metadata.

use serde_json::{Map, Value, json};

use super::DatasetTable;
use crate::datasets::RawTree;
use crate::metadata::Vocabulary;
use crate::metadata::vocabulary;
use crate::shown::Show as _;

/// What a table tells about itself.
#[derive(Debug, Default)]
pub struct Facts {
    files: Map<String, Value>,
    partial: Map<String, Value>,
}

impl Facts {
    /// Adds the lists that were read for a dataset, and the findings whose absence is partial: the
    /// dataset only knows kinds of them.
    pub fn add(&mut self, tree: &RawTree, table: &DatasetTable<'_>) {
        let name = tree.dataset.folder();
        let files = table.notes().iter().map(|note| {
            let below = note.path.strip_prefix(&tree.root).unwrap_or(&note.path);
            below.shown().to_string()
        });
        self.files.insert(name.to_owned(), files.collect());
        let vocabulary = Vocabulary::get();
        let partial = vocabulary.label_set(name).partial_findings().into_iter();
        let partial = partial.filter_map(|number| vocabulary.findings().get(number).copied());
        self.partial.insert(name.to_owned(), partial.collect());
    }

    /// Key and value, for [`super::TableWriter::finish`].
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let partial = json!({ "partial": self.partial });
        vec![
            ("machex.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("machex.vocabulary", vocabulary::VERSION.to_owned()),
            ("machex.files", Value::from(self.files.clone()).to_string()),
            ("machex.negatives", partial.to_string()),
        ]
    }
}
