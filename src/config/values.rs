//! Typed values from the settings of a file; collects the problems.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::expand::expand;
use super::yaml::{Setting, Value};
use super::{keys, path, scalar, size};
use crate::datasets::{KnownDatasets, near};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;
use crate::storage::Folder;

/// How many characters of a value a message shows.
const SHOWN: usize = 100;

/// Reads values and collects problems. Every getter returns `None` if the value is absent, empty or
/// wrong; a wrong value is a problem.
pub(super) struct Reader<'a> {
    /// The first of each key.
    settings: BTreeMap<&'a str, &'a Setting>,
    /// Relative paths start here.
    folder: &'a Path,
    problems: Vec<Problem>,
}

struct Problem {
    /// `None` if it is not about one line.
    line: Option<usize>,
    text: String,
}

impl<'a> Reader<'a> {
    /// Complains about keys that are set twice, or that are not words.
    pub(super) fn new(settings: &'a [Setting], folder: &'a Path) -> Self {
        let mut reader = Self {
            settings: BTreeMap::new(),
            folder,
            problems: Vec::new(),
        };
        for setting in settings {
            let Some(key) = &setting.key else {
                reader.complain_in(setting.line, "a key must be one word".to_owned());
                continue;
            };
            let first = *reader.settings.entry(key).or_insert(setting);
            if !std::ptr::eq(first, setting) {
                let (key, first) = (short(key), first.line);
                let problem = format!("{key} is set already in line {first}; keep one of the two");
                reader.complain_in(setting.line, problem);
            }
        }
        reader
    }

    pub(super) fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    /// The problems in the order of their lines.
    pub(super) fn into_problems(mut self) -> Vec<String> {
        self.problems
            .sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        let line = |problem: Problem| match problem.line {
            Some(line) => format!("line {line}: {}", problem.text),
            None => problem.text,
        };
        self.problems.into_iter().map(line).collect()
    }

    /// A problem with the value of `key`.
    pub(super) fn complain(&mut self, key: &str, problem: &str) {
        self.problems.push(Problem {
            line: self.settings.get(key).map(|setting| setting.line),
            text: format!("{key}: {problem}"),
        });
    }

    /// A problem with the whole file.
    pub(super) fn complain_of_file(&mut self, text: String) {
        self.problems.push(Problem { line: None, text });
    }

    fn complain_in(&mut self, line: usize, text: String) {
        let line = Some(line);
        self.problems.push(Problem { line, text });
    }

    /// Whether `key` has a value, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Complains about a key without a value. A wrong value was already complained about.
    pub(super) fn require(&mut self, key: &str, what: &str) {
        if self.has(key) {
            return;
        }
        match self.settings.get(key) {
            Some(setting) => self.complain_in(setting.line, format!("{key} is empty: give {what}")),
            None => self.complain_of_file(format!("{key} is missing: {what}")),
        }
    }

    pub(super) fn complain_about_unknown_keys(&mut self, known: KnownDatasets) {
        let is_known = |name: &str| keys::all(known).any(|key| key == name);
        let unknown: Vec<&Setting> = self
            .settings
            .iter()
            .filter(|(key, _)| !is_known(key))
            .map(|(_, setting)| *setting)
            .collect();
        for setting in unknown {
            let Some(key) = &setting.key else { continue };
            let (name, value) = (short(key), plain(&setting.value));
            let advice = match keys::near(key, known) {
                Some(near) => format!("the nearest known key is {near}"),
                None => "\"machex config\" shows all keys".to_owned(),
            };
            let problem = format!("{name}: {value}: unknown key; {advice}");
            self.complain_in(setting.line, problem);
        }
    }

    pub(super) fn bool(&mut self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        let found = value.text().and_then(scalar::boolean);
        found.or_else(|| self.wrong(key, value, "true or false"))
    }

    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let number = value.text().and_then(scalar::integer);
        number.filter(|number| range.contains(number)).or_else(|| {
            let wanted = format!("a whole number from {} to {}", range.start(), range.end());
            self.wrong(key, value, &wanted)
        })
    }

    pub(super) fn size(&mut self, key: &str) -> Option<u64> {
        let value = self.value(key)?;
        let bytes = value
            .text()
            .and_then(|text| scalar::integer(text).or_else(|| size::parse(text)));
        bytes.or_else(|| self.wrong(key, value, "a size such as 200GiB"))
    }

    pub(super) fn strings(&mut self, key: &str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let strings = match value {
            Value::List(items) => {
                let names = items
                    .iter()
                    .map(|item| item.text().filter(|_| !item.is_null()));
                names
                    .map(|name| name.map(str::to_owned))
                    .collect::<Option<Vec<_>>>()
            }
            _ => None,
        };
        strings.or_else(|| self.wrong(key, value, "a list of names such as [ls, find]"))
    }

    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let value = self.value(key)?;
        let Some(text) = value.text() else {
            return self.wrong(key, value, "a path");
        };
        if !value.is_quoted() && scalar::boolean(text).is_some() {
            let wanted = "a path; put it in quotes if a folder has this name";
            return self.wrong(key, value, wanted);
        }
        if text.contains('\0') {
            return self.wrong(key, value, "a path, since it contains a NUL");
        }
        match expand(text, |name| std::env::var_os(name)) {
            Ok(path) => {
                let path = path::absolute(&path, self.folder);
                if path.to_str().is_none() {
                    // Paths appear in index.json, and in some keys.
                    let problem = format!("{} is not in UTF-8; give another folder", path.shown());
                    self.complain(key, &problem);
                    return None;
                }
                Some(path)
            }
            Err(error) => {
                self.complain(key, &format!("{}: {error}", plain(value)));
                None
            }
        }
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
        let advice = "give the dataset's folder, or null to leave it out";
        self.complain(key, &format!("{} {problem}; {advice}", path.shown()));
        None
    }

    /// An existing file.
    pub(super) fn file(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.path(key)?;
        let doing = format!("looking at {key}, {}", path.shown());
        let problem = match announce_if_slow(doing, || fs::metadata(&path)) {
            Ok(metadata) if metadata.is_file() => return Some(path),
            Ok(_) => "is not a file".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => "does not exist".to_owned(),
            Err(error) => format!("cannot be looked at: {error}"),
        };
        self.complain(
            key,
            &format!("{} {problem}; give the file, or null", path.shown()),
        );
        None
    }

    /// The value of a key; `None` if there is none, or nothing in it.
    fn value(&self, key: &str) -> Option<&'a Value> {
        let setting = self.settings.get(key)?;
        let value = &*setting.value;
        let is_empty = value.is_null() || value.text().is_some_and(|text| text.trim().is_empty());
        (!is_empty).then_some(value)
    }

    fn wrong<T>(&mut self, key: &str, value: &Value, wanted: &str) -> Option<T> {
        self.complain(key, &format!("{} is not {wanted}", plain(value)));
        None
    }
}

impl Value {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    fn is_quoted(&self) -> bool {
        matches!(self, Self::Scalar { is_quoted, .. } if *is_quoted)
    }

    fn is_null(&self) -> bool {
        !self.is_quoted() && self.text().is_some_and(scalar::is_null)
    }
}

/// A value on one line, escaped for messages.
fn plain(value: &Value) -> String {
    match value {
        Value::Scalar { text, .. } => short(text),
        Value::List(items) => {
            // Others may be shared and long.
            let items = items.iter().take(3).map(|item| match &**item {
                Value::Scalar { text, .. } => text.as_str(),
                _ => "...",
            });
            short(&format!("[{}]", items.collect::<Vec<_>>().join(", ")))
        }
        Value::Other(what) => (*what).to_owned(),
    }
}

/// The beginning of a text, escaped for messages.
fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default().shown()),
        None => text.shown().to_string(),
    }
}
