//! Looks for the lists that `machex metadata` reads. No list is opened.

use std::path::PathBuf;

use serde::Serialize;

use crate::datasets::RawTree;
use crate::metadata::MetadataList;
use crate::shown::Show as _;

/// A list for the metadata table.
#[derive(Debug, Serialize)]
pub struct MetadataFile {
    /// Its name in the release.
    pub list: &'static str,
    /// Its path, if it is there.
    pub found: Option<String>,
    /// Its path below the root, or after the name of the option that leads to it.
    pub name: Option<String>,
    /// What it adds to the table.
    pub adds: &'static str,
}

/// The lists of a dataset, in the order of its description: those that are there, and those that are
/// missed. A list is not missed if another edition of the release is there, and not its own.
pub(super) fn look(tree: &RawTree) -> Vec<MetadataFile> {
    let lists = tree.dataset.metadata_rules().lists.iter();
    let looked: Vec<(&MetadataList, Option<PathBuf>)> =
        lists.map(|list| (list, tree.find_list(list))).collect();
    let editions: Vec<&str> = looked
        .iter()
        .filter(|(_, found)| found.is_some())
        .filter_map(|(list, _)| list.edition)
        .collect();
    let is_missed = |list: &MetadataList| {
        let edition = list.edition;
        edition.is_none_or(|edition| editions.is_empty() || editions.contains(&edition))
    };
    let told = looked
        .iter()
        .filter(|(list, found)| found.is_some() || is_missed(list));
    told.map(|(list, found)| MetadataFile {
        list: list.files.first().copied().unwrap_or_default(),
        found: found.as_ref().map(|path| path.shown().to_string()),
        name: found.as_ref().map(|path| {
            let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
            tree.name_of(path) + if is_folder { "/" } else { "" }
        }),
        adds: list.adds,
    })
    .collect()
}
