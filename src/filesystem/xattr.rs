//! Extended attributes of an image, which tell where it comes from.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStringExt;

use crate::serve::{Item, Server, What};

const KEY: &str = "user.machex.key";
const SOURCE: &str = "user.machex.source";
const DATASET: &str = "user.machex.dataset";

/// Whether only the owner of the mount may read an attribute, since it may contain a patient
/// number.
pub(super) fn is_private(name: &OsStr) -> bool {
    name == KEY || name == SOURCE
}

/// The names, in the format of listxattr.
pub(super) fn names(item: Item, is_owner: bool) -> Vec<u8> {
    match item.what {
        What::Index | What::Metadata => Vec::new(),
        What::Image(_) if is_owner => format!("{KEY}\0{SOURCE}\0{DATASET}\0").into_bytes(),
        What::Image(_) => format!("{DATASET}\0").into_bytes(),
    }
}

/// The value of the attribute `name`.
pub(super) fn value(server: &Server, item: Item, name: &OsStr) -> Option<Vec<u8>> {
    let What::Image(number) = item.what else {
        return None;
    };
    let dataset = server.dataset(item)?;
    let entry = dataset.catalog.get(number)?;
    match name.to_str()? {
        KEY => Some(entry.key().as_bytes().to_vec()),
        DATASET => Some(dataset.name().as_bytes().to_vec()),
        SOURCE => Some(entry.source().ok()?.into_os_string().into_vec()),
        _ => None,
    }
}
