//! Reads the status of a mount.

use std::path::Path;

use super::{Gallery, GalleryImage};
use crate::files::{Answer, ask_status};
use crate::status::{FailureNote, Status};

/// The status of the mount `root`; `None` if there is no mount, or only one of another version.
pub(super) fn status(root: &Path) -> Option<Status> {
    match ask_status(root) {
        Answer::Status(text) => serde_json::from_slice(&text).ok(),
        _ => None,
    }
}

/// Replaces the bare errors that readers get by the causes that the mount knows.
pub(super) fn explain(root: &Path, galleries: &mut [Gallery<'_>]) {
    let mut images = galleries.iter().flat_map(|gallery| &gallery.images);
    if images.all(|image| image.thumbnail.is_ok()) {
        return;
    }
    let Some(status) = status(root) else { return };
    for gallery in galleries {
        for GalleryImage {
            pick, thumbnail, ..
        } in &mut gallery.images
        {
            let is_of_pick = |note: &&FailureNote| {
                note.dataset == gallery.dataset.name && image_of(&note.file) == pick.id
            };
            if let Err(cause) = thumbnail
                && let Some(note) = status.failures.iter().rev().find(is_of_pick)
            {
                cause.clone_from(&note.cause);
            }
        }
    }
}

/// The image id of a file in a dataset's folder; the path itself if it is not an image.
pub(super) fn image_of(file: &str) -> &str {
    Path::new(file)
        .file_name()
        .and_then(|name| name.to_str()?.strip_suffix(".jpg"))
        .unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_told_by_its_file() {
        assert_eq!(image_of("01/012345.jpg"), "012345");
        assert_eq!(image_of("index.json"), "index.json");
    }
}
