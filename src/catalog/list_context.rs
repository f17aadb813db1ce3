//! What readers of lists need to know, and what they note while they read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::stored::Input;
use crate::storage::Storage;

/// Maximum number of warnings to keep; each list has only a few.
const MAX_WARNINGS: usize = 100;

/// Warnings from readers of lists.
#[derive(Debug, Clone, Default)]
pub struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// Remembers something a person should know.
    pub fn add(&self, warning: impl Into<String>) {
        let mut warnings = self.0.lock();
        if warnings.len() < MAX_WARNINGS {
            warnings.push(warning.into());
        }
    }

    /// All warnings so far, which are then forgotten.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

/// Passed to the readers of lists and folders.
pub struct ListContext {
    config_key: &'static str,
    /// Other folders and files, with the config keys that name them.
    named: Vec<(PathBuf, &'static str)>,
    storage: Arc<dyn Storage>,
    inputs: Mutex<Vec<Input>>,
    warnings: Warnings,
}

impl ListContext {
    /// `config_key` appears in errors; lists and folders are read from `storage`.
    pub fn new(config_key: &'static str, storage: Arc<dyn Storage>) -> Self {
        Self {
            config_key,
            named: Vec::new(),
            storage,
            inputs: Mutex::default(),
            warnings: Warnings::default(),
        }
    }

    /// The same; errors about what is at `path`, or below it, have the config key `key`, unless a
    /// longer path has another one.
    pub fn with(mut self, path: &Path, key: &'static str) -> Self {
        self.named.push((path.to_owned(), key));
        self
    }

    /// The config key to name in an error about `path`.
    pub fn config_key_of(&self, path: &Path) -> &'static str {
        let named = self.named.iter();
        let around = named.filter(|(folder, _)| path.starts_with(folder));
        let nearest = around.max_by_key(|(folder, _)| folder.as_os_str().len());
        nearest.map_or(self.config_key, |(_, key)| key)
    }

    /// Records a file or folder that the result depends on: when it changes, a stored form is not
    /// used any more. Call it before reading, so that no change is missed.
    pub fn input(&self, path: &Path) {
        let input = Input::of(&*self.storage, path);
        self.inputs.lock().push(input);
    }

    /// The recorded inputs, which are then forgotten.
    pub fn take_inputs(&self) -> Vec<Input> {
        std::mem::take(&mut self.inputs.lock())
    }

    /// The storage of lists and folders.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Config key of the dataset's root, for errors.
    pub fn config_key(&self) -> &'static str {
        self.config_key
    }

    /// Collects warnings from readers for the user.
    pub fn warnings(&self) -> Warnings {
        self.warnings.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Folder;

    #[test]
    fn errors_name_the_nearest_key() {
        let lists = ListContext::new("SOME_ROOT", Folder::shared())
            .with("/data/some".as_ref(), "SOME_ROOT")
            .with("/data".as_ref(), "ANOTHER");
        for (path, key) in [
            ("/data/some/list.csv", "SOME_ROOT"),
            ("/data/list.csv", "ANOTHER"),
            ("/elsewhere/list.csv", "SOME_ROOT"),
        ] {
            assert_eq!(lists.config_key_of(path.as_ref()), key, "{path}");
        }
    }
}
