//! Folders in memory, for what reads files.

use std::path::Path;

use tempfile::TempDir;

/// A new folder; in memory where the system has a file system for that.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix("machex-fuzz-");
        builder
    };
    match builder().tempdir_in(memory) {
        Ok(folder) => folder,
        Err(_) => builder().tempdir().expect("a temporary folder"),
    }
}
