//! Small synthetic raw trees in all ten layouts, so that anyone can try the tool without a data use
//! agreement, and so that tests need no pictures of their own.

mod coding;
mod dicom;
mod labels;
mod phantom;
mod tree;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

pub use coding::{Coding, Shade, picture};
pub use dicom::{DICOM_CODINGS, Syntax};
pub use labels::{label_header, label_row};
pub use tree::SampleTree;
use tree::write_file;

use crate::datasets;
use crate::shown::Show as _;

/// First line of a sample's config, by which a folder is known as one.
const MARKER: &str = "# A sample, written by `machex sample`.";

/// Folder of the raw trees in a sample.
const RAW: &str = "raw";

/// What sample to write.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub count: Count,
    /// The same seed draws the same images.
    pub seed: u64,
    /// Draw a few images only and repeat them as hard links.
    pub hard_link: bool,
}

/// How many images of each dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Each(u32),
    /// As many as the real datasets have.
    Real,
}

/// What can go wrong while a sample is written.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    #[error("{path}: {source}", path = path.shown())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{folder} has something in it that is not a sample; give a new folder",
        folder = folder.shown()
    )]
    NotEmpty { folder: PathBuf },
    #[error("drawing {path}: {problem}", path = path.shown())]
    Encode { path: PathBuf, problem: String },
}

impl SampleError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// Writes raw trees of all datasets and a `config.yml` below `folder`; returns the config's path.
/// An earlier sample there is replaced.
pub fn write(folder: &Path, options: Options) -> Result<PathBuf, SampleError> {
    let config = folder.join("config.yml");
    make_room(folder, &config)?;
    let raw = folder.join(RAW);
    // The marker comes first: what is interrupted can be written again.
    fs::create_dir_all(&raw).map_err(SampleError::io(&raw))?;
    write_file(&config, config_text().as_bytes())?;
    datasets::ALL.par_iter().try_for_each(|dataset| {
        let count = match options.count {
            Count::Each(count) => count,
            Count::Real => dataset.info().real_count,
        };
        let mut tree = SampleTree::new(raw.join(dataset.folder()), count, options)?;
        dataset.write_sample(&mut tree)
    })?;
    Ok(config)
}

/// Makes sure that nothing but an earlier sample is lost.
fn make_room(folder: &Path, config: &Path) -> Result<(), SampleError> {
    let is_sample = fs::read_to_string(config).is_ok_and(|text| text.starts_with(MARKER));
    if is_sample {
        let raw = folder.join(RAW);
        return match fs::remove_dir_all(&raw) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(SampleError::io(&raw)(error))
            }
            _ => Ok(()),
        };
    }
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(SampleError::io(folder)(error)),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(SampleError::NotEmpty {
                folder: folder.to_owned(),
            }),
        },
    }
}

fn config_text() -> String {
    let roots: String = datasets::ALL
        .iter()
        .map(|dataset| format!("{}: {RAW}/{}\n", dataset.root_key(), dataset.folder()))
        .collect();
    format!(
        "{MARKER} All pictures are computed.\n\nMACHEX_PATH: machex\nCACHE_PATH: cache\nFRONTAL_ONLY: false\n\n{roots}"
    )
}
