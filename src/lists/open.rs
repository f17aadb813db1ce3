//! List files, plain or gzip.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;

use crate::catalog::{CatalogBuilder, CatalogError};

/// Large, since lists are read from end to end.
const BUFFER: usize = 256 << 10;

/// A list file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFile {
    pub path: PathBuf,
    is_gzip: bool,
}

impl ListFile {
    /// `name` or `name.gz` in the first of `folders` that has it. It becomes an input of the
    /// catalog.
    pub fn find(
        catalog: &mut CatalogBuilder,
        folders: &[PathBuf],
        name: &str,
    ) -> Result<Self, CatalogError> {
        for folder in folders {
            for (path, is_gzip) in [
                (folder.join(name), false),
                (folder.join(format!("{name}.gz")), true),
            ] {
                if path.is_file() {
                    catalog.input(&path);
                    return Ok(Self { path, is_gzip });
                }
            }
        }
        Err(CatalogError::MissingList {
            config_key: catalog.config_key(),
            list: name.to_owned(),
            folder: folders.first().cloned().unwrap_or_default(),
        })
    }

    /// Its text, inflated if need be.
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        let file = File::open(&self.path)?;
        Ok(if self.is_gzip {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file)))
        } else {
            Box::new(file)
        })
    }
}
