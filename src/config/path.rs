//! Paths in a config file.

use std::path::{Component, Path, PathBuf};

/// `path`, relative to `folder`, without `.` and `..`. Does not resolve links: the paths in an
/// index must be those that the user wrote, as with Python's `os.path.abspath`.
pub(super) fn absolute(path: &Path, folder: &Path) -> PathBuf {
    let mut absolute = PathBuf::new();
    for component in folder.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                absolute.pop();
            }
            _ => absolute.push(component),
        }
    }
    absolute
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_taken_from_the_folder() {
        let absolute = |path: &str| absolute(Path::new(path), Path::new("/a/b"));
        assert_eq!(absolute("c"), Path::new("/a/b/c"));
        assert_eq!(absolute("./../c/./d/../e/"), Path::new("/a/c/e"));
        assert_eq!(absolute("/x/../y"), Path::new("/y"));
        assert_eq!(absolute("../../../.."), Path::new("/"));
    }
}
