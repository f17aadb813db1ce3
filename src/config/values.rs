//! Typed values from a YAML mapping; collects the problems.

use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use super::{keys, path, size};
use crate::datasets::{KnownDatasets, near};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::storage::Folder;

/// Reads values and collects problems. Every getter returns `None` if the value is absent, null or
/// wrong; a wrong value is a problem.
pub(super) struct Reader<'a> {
    mapping: &'a Mapping,
    /// Relative paths start here.
    folder: &'a Path,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(mapping: &'a Mapping, folder: &'a Path) -> Self {
        Self {
            mapping,
            folder,
            problems: Vec::new(),
        }
    }

    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    pub(super) fn into_problems(self) -> Vec<String> {
        self.problems
    }

    pub(super) fn complain(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Whether `key` has a value, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Complains about an absent key. A wrong value was already complained about.
    pub(super) fn require(&mut self, key: &str, what: &str) {
        if !self.has(key) {
            self.complain(format!("{key} is missing: {what}"));
        }
    }

    pub(super) fn complain_about_unknown_keys(&mut self, known: KnownDatasets) {
        for (key, value) in self.mapping {
            match key.as_str() {
                Some(name) if keys::all(known).any(|key| key == name) => {}
                _ => {
                    let (key, value) = (plain(key), plain(value));
                    let nearest = keys::nearest(&key, known);
                    self.complain(format!(
                        "{key}: {value}: unknown key; the nearest known key is {nearest}"
                    ));
                }
            }
        }
    }

    pub(super) fn bool(&mut self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        // YAML 1.1, which the original script reads, has more words than YAML 1.2.
        let word = value.as_str().map(str::to_lowercase);
        match (value.as_bool(), word.as_deref()) {
            (Some(value), _) => Some(value),
            (_, Some("yes" | "on")) => Some(true),
            (_, Some("no" | "off")) => Some(false),
            _ => self.wrong(key, value, "true or false"),
        }
    }

    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let number = value.as_u64().filter(|number| range.contains(number));
        number.or_else(|| {
            let wanted = format!("a whole number from {} to {}", range.start(), range.end());
            self.wrong(key, value, &wanted)
        })
    }

    pub(super) fn size(&mut self, key: &str) -> Option<u64> {
        let value = self.value(key)?;
        let bytes = value.as_u64().or_else(|| size::parse(value.as_str()?));
        bytes.or_else(|| self.wrong(key, value, "a size such as 200GiB"))
    }

    pub(super) fn strings(&mut self, key: &str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let strings = value.as_sequence().and_then(|items| {
            items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        });
        strings.or_else(|| self.wrong(key, value, "a list of names such as [ls, find]"))
    }

    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let value = self.value(key)?;
        let Some(text) = value.as_str().filter(|text| !text.is_empty()) else {
            return self.wrong(key, value, "a path");
        };
        let path = path::absolute(&path::without_tilde(text), self.folder);
        if path.to_str().is_none() {
            // Paths appear in index.json, and in some keys.
            return self.wrong(key, value, "below a folder whose path is UTF-8");
        }
        Some(path)
    }

    /// An existing folder.
    pub(super) fn folder(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.path(key)?;
        let doing = format!("looking at {key}, {}", path.shown());
        let problem = match announce_if_slow(doing, || fs::metadata(&path)) {
            Ok(metadata) if metadata.is_dir() => return Some(path),
            Ok(_) => "is not a folder (an archive has to be unpacked)".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match near(&Folder, &path) {
                Some(near) => format!("does not exist ({near})"),
                None => "does not exist".to_owned(),
            },
            Err(error) => format!("cannot be looked at: {error}"),
        };
        self.complain(format!(
            "{key}: {} {problem}; give the dataset's folder, or null to leave it out",
            path.shown()
        ));
        None
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.mapping.get(key).filter(|value| !value.is_null())
    }

    fn wrong<T>(&mut self, key: &str, value: &Value, wanted: &str) -> Option<T> {
        self.complain(format!("{key}: {} is not {wanted}", plain(value)));
        None
    }
}

/// A value on one line, escaped for messages.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.shown().to_string(),
        other => {
            let lines = serde_yaml::to_string(other).unwrap_or_default();
            let line = lines.trim_end().replace('\n', ", ");
            line.shown().to_string()
        }
    }
}
