//! The files of `.machex`, which serve operators. A line of [`FILES`] is all that a new one needs.
//!
//! The folder is found by name and never listed, since consumers take every entry of the root for a
//! dataset. It is for the owner of the mount alone: paths are in its files.

use super::Tree;

/// The folder's name.
pub(super) const FOLDER: &str = ".machex";

/// A file whose text is made anew whenever it is looked at.
pub(super) struct HiddenFile {
    pub name: &'static str,
    pub text: fn(&Tree) -> Vec<u8>,
}

/// All of them. Their positions are part of their inode numbers: new ones go to the end.
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

/// The text of a file, by its position, as it is now.
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
