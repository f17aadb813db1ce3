//! Reads `index.json` entry by entry, so that a million entries are never in memory at once.
//!
//! The index may come from another program: any formatting is accepted, only the needed fields are
//! read, and malformed ones count as missing.

use std::fmt;
use std::io::{BufReader, Read};
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use crate::catalog::ClassLabel;

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// One image of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// Such as `000123`, or anything in another program's index.
    pub id: String,
    pub path: Option<PathBuf>,
    /// Empty if the entry has none.
    pub key: String,
    pub label: Option<ClassLabel>,
    /// There are labels, but they are not 13 numbers.
    pub has_odd_label: bool,
}

/// The fields that are read; reports and everything else are skipped without being stored.
#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    path: Value,
    #[serde(default)]
    key: Value,
    #[serde(default)]
    class_label: Value,
}

/// Passes every entry to `each`, with its number in the order of the file.
pub fn read_index(
    file: impl Read,
    each: &mut dyn FnMut(u32, IndexEntry),
) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER, file));
    reader.deserialize_map(Entries(each))?;
    reader.end()
}

struct Entries<'a>(&'a mut dyn FnMut(u32, IndexEntry));

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one entry for each image")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut number = 0u32;
        while let Some((id, fields)) = map.next_entry::<String, Fields>()? {
            (self.0)(number, entry(id, fields));
            number = number
                .checked_add(1)
                .ok_or_else(|| A::Error::custom("more entries than machex counts"))?;
        }
        Ok(())
    }
}

fn entry(id: String, fields: Fields) -> IndexEntry {
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    let label = label(&fields.class_label);
    IndexEntry {
        id,
        path: text(fields.path).map(PathBuf::from),
        key: text(fields.key).unwrap_or_default(),
        has_odd_label: label.is_none() && !fields.class_label.is_null(),
        label,
    }
}

fn label(value: &Value) -> Option<ClassLabel> {
    let values: Vec<i8> = value
        .as_array()?
        .iter()
        .map(|value| {
            Some(match value.as_f64()? {
                1.0 => 1,
                -1.0 => -1,
                _ => 0,
            })
        })
        .collect::<Option<_>>()?;
    values.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Vec<IndexEntry>, serde_json::Error> {
        let mut entries = Vec::new();
        read_index(text.as_bytes(), &mut |number, entry| {
            assert_eq!(number as usize, entries.len());
            entries.push(entry);
        })
        .map(|()| entries)
    }

    #[test]
    fn entries_come_in_the_order_of_the_file() {
        let entries = read(
            r#"{"000001":{"report":"Secret \"text\".","path":"/x/00/000001.jpg","key":"b/\u00e9"},
            "000000" : {"class_label":[1,-1,0,1.0,-1.0,0.5,0,0,0,0,0,0,1],"key":"a", "new":[{}]}}"#,
        )
        .unwrap();
        assert_eq!(entries[0].id, "000001");
        assert_eq!(entries[0].key, "b/é");
        assert_eq!(entries[0].path, Some("/x/00/000001.jpg".into()));
        assert_eq!((entries[0].label, entries[0].has_odd_label), (None, false));
        let label = [1, -1, 0, 1, -1, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!((entries[1].label, &*entries[1].key), (Some(label), "a"));
        assert_eq!(entries[1].path, None);
    }

    #[test]
    fn what_is_not_as_it_should_be_is_not_there() {
        let entries = read(
            r#"{"a":{"key":7,"path":[],"class_label":[1]},"":{},"c":{"class_label":null},
            "d":{"class_label":["1",1,1,1,1,1,1,1,1,1,1,1,1]}}"#,
        )
        .unwrap();
        assert_eq!(entries.len(), 4);
        assert!(entries.iter().all(|entry| entry.label.is_none()));
        assert!(entries.iter().all(|entry| entry.key.is_empty()));
        let odd: Vec<bool> = entries.iter().map(|entry| entry.has_odd_label).collect();
        assert_eq!(odd, [true, false, false, true]);
    }

    #[test]
    fn what_is_no_index_is_refused() {
        assert_eq!(read("{}").unwrap(), []);
        let deep = format!("{{\"a\":{{\"key\":{}", "[".repeat(100_000));
        for wrong in ["", "[]", "7", "{", "{\"a\":1}", "{} {}", "{\"a\":{}", &deep] {
            assert!(read(wrong).is_err(), "{wrong:.40}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[\[\]{}":,0-9a-z\\ -]{0,60}"#) {
            let _ = read(&text);
        }
    }
}
