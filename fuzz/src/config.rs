//! Config files.

use std::fs;

use machex::config::Config;
use machex::datasets::ALL;

use super::room;

/// The text of a config file.
pub fn config(data: &[u8]) {
    thread_local! {
        static FOLDER: tempfile::TempDir = room::folder();
    }
    FOLDER.with(|folder| {
        let path = folder.path().join("config.yml");
        fs::write(&path, data).expect("room for a config");
        match Config::load(&path, ALL) {
            Ok(mut config) => {
                let other = folder.path().join("other");
                let _ = config.set_cache_path(&other);
                let _ = (config.set_cache_size(1 << 30), config.doubt_cache_size());
                assert!(config.workers > 0 && config.render_params().size > 0);
                assert!(config.machex_path.is_absolute() && config.cache_path.is_absolute());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
