//! Which folders must not lie in which.

use std::path::Path;

use super::keys::Key;
use super::real_path::real_path as real;
use super::values::Reader;
use crate::datasets::RawTree;

/// Complains where the tree would be written over raw data, or where the cache lies in the tree's
/// root, of which every entry is taken for a dataset.
pub(super) fn keep_apart(
    machex_path: &Path,
    cache_path: &Path,
    trees: &[RawTree],
    reader: &mut Reader<'_>,
) {
    for raw in trees {
        let root = real(&raw.root);
        let is_over =
            |out: &RawTree| root.starts_with(real(&machex_path.join(out.dataset.folder())));
        if root == real(machex_path) || trees.iter().any(is_over) {
            let (key, path) = (raw.dataset.root_key(), machex_path.display());
            reader.complain(format!(
                "{}: in {path}, images would be written where {key} is; give another folder",
                Key::MACHEX_PATH,
            ));
        }
    }
    if real(cache_path).starts_with(real(machex_path)) {
        reader.complain(format!(
            "{}: {} lies in {}, where everything is taken for a dataset",
            Key::CACHE_PATH,
            cache_path.display(),
            Key::MACHEX_PATH
        ));
    }
}
