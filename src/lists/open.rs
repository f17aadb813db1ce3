//! Finds and opens list files, and returns their text whatever their compression and encoding.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::gunzip::Gunzip;
use super::kind::{KIND_BYTES, advice, kind_of};
use super::limit::{ListLimit, MAX_LIST_BYTES};
use super::utf16::{Utf16, byte_order};
use crate::catalog::{CatalogError, ListContext, ListFault};
use crate::files::{Unfit, is_absent};
use crate::shown::Show as _;
use crate::storage::Storage;

/// The first bytes of every gzip file.
pub(super) const GZIP: &[u8] = b"\x1f\x8b";

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// An existing list file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFile {
    pub path: PathBuf,
    /// Bytes that it may have, uncompressed.
    max_bytes: u64,
}

impl ListFile {
    /// The list at `path`, which may have as many bytes as any usual list.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: MAX_LIST_BYTES,
        }
    }

    /// The same list, which may have `max_bytes`.
    pub fn of_at_most(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
    }

    /// Finds `name` or `name.gz` in the first of `folders` that has it, and makes it an input of
    /// the caller's result.
    ///
    /// # Errors
    /// Also if nothing with the name is a file.
    pub fn find(
        lists: &ListContext,
        folders: &[PathBuf],
        name: &str,
    ) -> Result<Self, CatalogError> {
        let mut unfit = None;
        for folder in folders {
            for path in [folder.join(name), folder.join(format!("{name}.gz"))] {
                match look_at(&**lists.storage(), &path) {
                    Ok(true) => {
                        lists.input(&path);
                        return Ok(Self::at(path));
                    }
                    Ok(false) => {}
                    Err(error) => {
                        unfit.get_or_insert((path, error));
                    }
                }
            }
        }
        let config_key = lists.config_key();
        Err(match unfit {
            Some((path, error)) => {
                CatalogError::reading(lists.config_key_of(&path), &path, 0, error)
            }
            None => CatalogError::MissingList {
                config_key,
                list: name.to_owned(),
                folder: folders.first().cloned().unwrap_or_default(),
            },
        })
    }

    /// Its text in UTF-8 without a byte order mark; cells in an 8-bit encoding stay as they are.
    /// The contents decide, not the name: gzip is decompressed and UTF-16 is decoded.
    pub(super) fn open(&self, lists: &ListContext) -> io::Result<Box<dyn Read>> {
        let file = lists.storage().open(&self.path, self.max_bytes)?;
        let (head, list) = Head::of(file)?;
        if !head.starts_with(GZIP) {
            return text_of(head, list);
        }
        let (path, warnings) = (self.path.clone(), lists.warnings());
        let on_garbage = move || {
            let path = path.shown();
            warnings.add(format!(
                "{path}: what follows the gzip data is left out; is the file damaged?"
            ));
        };
        let (head, list) = Head::of(ListLimit::new(
            Gunzip::new(head.before(list), on_garbage),
            self.max_bytes,
        ))?;
        text_of(head, list)
    }

    /// A reader's error as a catalog error, at `line` (0: no line).
    pub(super) fn error(&self, lists: &ListContext, line: u64, error: io::Error) -> CatalogError {
        let key = lists.config_key_of(&self.path);
        CatalogError::reading(key, &self.path, line, error)
    }
}

/// Whether the file exists.
///
/// # Errors
/// If it is something else.
fn look_at(storage: &dyn Storage, path: &Path) -> io::Result<bool> {
    match storage.stat(path) {
        Ok(stat) => match stat.kind.unless_file() {
            None => Ok(true),
            Some(kind) => Err(Unfit::NotAFile(kind).into()),
        },
        Err(error) if !is_absent(&error) => Err(error),
        Err(_) if storage.is_link(path) => Err(io::Error::other(
            "it is a link to a file that is not there (of git-annex or DataLad? then fetch it with \
             `git annex get` or `datalad get`)",
        )),
        Err(_) => Ok(false),
    }
}

/// The first bytes of a file, already read.
struct Head(Vec<u8>);

impl Head {
    fn of<R: Read>(mut source: R) -> io::Result<(Self, R)> {
        let mut head = Vec::new();
        source
            .by_ref()
            .take(KIND_BYTES as u64)
            .read_to_end(&mut head)?;
        Ok((Self(head), source))
    }

    fn starts_with(&self, magic: &[u8]) -> bool {
        self.0.starts_with(magic)
    }

    /// Refuses anything but a list.
    fn check_kind(&self) -> Result<(), ListFault> {
        match kind_of(&self.0) {
            None => Ok(()),
            Some(kind) => Err(ListFault::Kind {
                kind,
                advice: advice(kind),
            }),
        }
    }

    fn without_mark(mut self) -> Self {
        if self.0.starts_with(UTF8_MARK) {
            self.0.drain(..UTF8_MARK.len());
        }
        self
    }

    /// The whole file: these bytes and the rest.
    fn before<R: Read>(self, rest: R) -> impl Read + use<R> {
        io::Cursor::new(self.0).chain(rest)
    }
}

/// The text of an uncompressed list.
fn text_of<R: Read + 'static>(head: Head, rest: R) -> io::Result<Box<dyn Read>> {
    head.check_kind()?;
    let Some(order) = byte_order(&head.0) else {
        return Ok(Box::new(head.without_mark().before(rest)));
    };
    let (head, rest) = Head::of(Utf16::new(head.before(rest), order))?;
    head.check_kind()?;
    Ok(Box::new(head.without_mark().before(rest)))
}

/// Decodes bytes as UTF-8 or else as Windows-1252; also tells whether they were UTF-8.
pub(super) fn decode(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    match str::from_utf8(bytes) {
        Ok(text) => (text.into(), true),
        Err(_) => {
            let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
            (text, false)
        }
    }
}
