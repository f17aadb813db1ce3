//! The files of `.machex`, for operators. To add one, add an entry to [`FILES`].
//!
//! The folder can be found by name but is never listed, since consumers take every entry of the
//! root for a dataset. Only the owner of the mount may see it, since its files contain paths.

use super::Tree;

/// Name of the folder.
pub(super) const FOLDER: &str = ".machex";

/// A file whose text is generated on every access.
pub(super) struct HiddenFile {
    pub name: &'static str,
    pub text: fn(&Tree) -> Vec<u8>,
}

/// All hidden files. Inode numbers follow from positions, so add new files at the end.
pub(super) const FILES: &[HiddenFile] = &[
    HiddenFile {
        name: "status.json",
        text: |tree| {
            let mut text = serde_json::to_vec_pretty(&tree.status()).unwrap_or_default();
            text.push(b'\n');
            text
        },
    },
    HiddenFile {
        name: "metrics",
        text: |tree| tree.status().to_prometheus().into_bytes(),
    },
];

/// The current text of the file at `position`.
pub(super) fn text(tree: &Tree, position: u8) -> Vec<u8> {
    FILES
        .get(usize::from(position))
        .map(|file| (file.text)(tree))
        .unwrap_or_default()
}

/// The position of the file `name`.
pub(super) fn find(name: &str) -> Option<u8> {
    let position = FILES.iter().position(|file| file.name == name)?;
    u8::try_from(position).ok()
}
