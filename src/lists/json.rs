//! Lists that are JSON documents.

use std::io;

use serde::de::DeserializeOwned;

use super::ListFile;
use super::gunzip::Gunzip;
use super::open::GZIP;
use crate::catalog::{CatalogError, ListContext};
use crate::files::read_within;

/// Several times the largest known document.
const MAX_BYTES: u64 = 32 << 20;

/// Reads a document as `T`, plain or gzip.
///
/// # Errors
/// If the file cannot be read or is something else; the text tells line and column.
pub fn json<T: DeserializeOwned>(lists: &ListContext, file: &ListFile) -> Result<T, CatalogError> {
    let failed = |error| file.error(lists, 0, error);
    let mut bytes = lists
        .storage()
        .read(&file.path, MAX_BYTES)
        .map_err(failed)?;
    if bytes.starts_with(GZIP) {
        bytes = read_within(Gunzip::new(bytes.as_slice(), || {}), MAX_BYTES).map_err(failed)?;
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        failed(io::Error::other(format!(
            "not the JSON that is expected: {error}"
        )))
    })
}
