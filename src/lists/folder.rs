//! Lists folders in an order that does not depend on the file system: names sorted bytewise.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::{CatalogError, ListContext};
use crate::storage::{Kind, Listed};

/// Files and folders in one folder. Links count as their targets.
#[derive(Default)]
struct Listing {
    files: Vec<OsString>,
    folders: Vec<OsString>,
    /// Folders reached by a link.
    linked: Vec<OsString>,
}

/// Lists `folder` and makes it an input.
fn list(lists: &ListContext, folder: &Path) -> Result<Listing, CatalogError> {
    let config_key = lists.config_key();
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => CatalogError::MissingFolder {
            config_key,
            folder: folder.to_owned(),
        },
        _ => CatalogError::Io {
            config_key,
            path: folder.to_owned(),
            source,
        },
    };
    lists.input(folder);
    let mut listing = Listing::default();
    let storage = Arc::clone(lists.storage());
    for listed in storage.list(folder).map_err(failed)? {
        let Listed { name, kind } = listed.map_err(failed)?;
        match kind {
            Kind::Folder => listing.folders.push(name),
            Kind::Link if storage.is_folder(&folder.join(&name)) => listing.linked.push(name),
            _ => listing.files.push(name),
        }
    }
    listing.files.sort();
    listing.folders.sort();
    lists.input(folder);
    Ok(listing)
}

/// Names of the files in `folder` that are not hidden and have one of `extensions`, compared
/// exactly or in any case. They need not be UTF-8.
pub fn sorted_files(
    lists: &ListContext,
    folder: &Path,
    extensions: &[&str],
    any_case: bool,
) -> Result<Vec<OsString>, CatalogError> {
    let mut files = list(lists, folder)?.files;
    files.retain(|name| !is_hidden(name) && has_extension(name, extensions, any_case));
    Ok(files)
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn has_extension(name: &OsStr, extensions: &[&str], any_case: bool) -> bool {
    let name = name.as_encoded_bytes();
    extensions.iter().any(|extension| {
        let start = name.len().checked_sub(extension.len());
        let end = start.and_then(|start| name.get(start..));
        end.is_some_and(|end| {
            if any_case {
                end.eq_ignore_ascii_case(extension.as_bytes())
            } else {
                end == extension.as_bytes()
            }
        })
    })
}

/// Names of the folders in `folder`, including those behind links. Names that are not UTF-8 are
/// left out, since no list can contain them.
pub fn sorted_folders(lists: &ListContext, folder: &Path) -> Result<Vec<String>, CatalogError> {
    let mut listing = list(lists, folder)?;
    listing.folders.append(&mut listing.linked);
    listing.folders.sort();
    let names = listing.folders.into_iter();
    Ok(names.filter_map(|name| name.into_string().ok()).collect())
}

/// All files below `folder` whose names end with `extension`, in the order of Python's `os.walk`
/// with sorted names: a folder's own files before its subfolders. Does not follow links to folders.
pub fn walk(
    lists: &ListContext,
    folder: &Path,
    extension: &str,
) -> Result<Vec<PathBuf>, CatalogError> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let listing = list(lists, &folder)?;
        let files = listing.files.iter();
        let files =
            files.filter(|name| !is_hidden(name) && has_extension(name, &[extension], false));
        found.extend(files.map(|name| folder.join(name)));
        waiting.extend(listing.folders.iter().rev().map(|name| folder.join(name)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Folder;
    use std::fs;

    fn builder() -> ListContext {
        ListContext::new("SOME_ROOT", Folder::shared())
    }

    #[test]
    fn files_come_before_subfolders_and_names_are_sorted_bytewise() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "b/2.dcm",
            "b/a/9.dcm",
            "b/Z/1.dcm",
            "a.dcm",
            "B.dcm",
            "c.DCM",
            ".h.dcm",
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let lists = &builder();
        let found = walk(lists, root.path(), ".dcm").unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(root.path()).unwrap())
            .collect();
        let expected = ["B.dcm", "a.dcm", "b/2.dcm", "b/Z/1.dcm", "b/a/9.dcm"];
        assert_eq!(names, expected.map(Path::new));

        let names = |any_case| sorted_files(&builder(), root.path(), &[".dcm"], any_case).unwrap();
        assert_eq!(names(true), ["B.dcm", "a.dcm", "c.DCM"]);
        assert_eq!(names(false), ["B.dcm", "a.dcm"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let lists = &builder();
        let error = sorted_folders(lists, Path::new("/no/such"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("SOME_ROOT") && error.contains("/no/such"),
            "{error}"
        );
    }
}
