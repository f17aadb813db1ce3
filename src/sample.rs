//! A sample: raw trees of all datasets, each in its own layout, and a `config.yml` for them, so
//! that you can try machex without a data use agreement.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::datasets::KnownDatasets;
use crate::synthetic::{Drawing, SampleError, SampleTree, write_file};

/// First line of a sample's config, which identifies a sample folder.
const MARKER: &str = "# A sample, written by `machex sample`.";

/// Folder of the raw trees in a sample.
const RAW: &str = "raw";

/// The kind of sample to write.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub count: Count,
    pub drawing: Drawing,
}

/// How many images of each dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Each(u32),
    /// As many as the real datasets have.
    Real,
}

/// Writes raw trees of `known` datasets and a `config.yml` below `folder`, replacing an earlier
/// sample; returns the config's path.
pub fn write(
    folder: &Path,
    options: Options,
    known: KnownDatasets,
) -> Result<PathBuf, SampleError> {
    let config = folder.join("config.yml");
    make_room(folder, &config)?;
    let raw = folder.join(RAW);
    // The marker comes first, so that an interrupted sample can be written again.
    fs::create_dir_all(&raw).map_err(SampleError::io(&raw))?;
    write_file(&config, config_text(known).as_bytes())?;
    known.par_iter().try_for_each(|dataset| {
        let count = match options.count {
            Count::Each(count) => count,
            Count::Real => dataset.info().real_count,
        };
        let mut tree = SampleTree::new(raw.join(dataset.folder()), count, options.drawing)?;
        dataset.write_sample(&mut tree)
    })?;
    Ok(config)
}

/// Makes room, and makes sure that nothing but an earlier sample is lost.
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

fn config_text(known: KnownDatasets) -> String {
    let roots: String = known
        .iter()
        .map(|dataset| format!("{}: {RAW}/{}\n", dataset.root_key(), dataset.folder()))
        .collect();
    format!(
        "{MARKER} All pictures are computed.\n\nMACHEX_PATH: machex\nCACHE_PATH: cache\nFRONTAL_ONLY: false\n\n{roots}"
    )
}
