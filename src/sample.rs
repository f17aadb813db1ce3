//! A sample: raw trees of all datasets, each in its own layout, and a `config.yml` for them, so
//! that you can try machex without a data use agreement.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::datasets::{Dataset, KnownDatasets};
use crate::synthetic::{Drawing, SampleError, SampleTree, Tally, write_file};

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

impl Options {
    /// How many images of a dataset to write.
    fn count_of(self, dataset: &dyn Dataset) -> u32 {
        match self.count {
            Count::Each(count) => count,
            Count::Real => dataset.info().real_count,
        }
    }

    /// How many images of all datasets to write.
    pub fn total(self, known: KnownDatasets) -> u64 {
        let counts = known.iter().map(|dataset| self.count_of(*dataset));
        counts.map(u64::from).sum()
    }
}

/// A sample on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Path of its `config.yml`.
    pub config: PathBuf,
    /// Folder of the raw trees.
    pub raw: PathBuf,
    /// Sizes of its files; each once, however many hard links it has.
    pub bytes: u64,
}

/// Writes raw trees of `known` datasets and a `config.yml` below `folder`, replacing an earlier
/// sample. Uses all threads of rayon's pool, and calls `each_image` after each image.
pub fn write(
    folder: &Path,
    options: Options,
    known: KnownDatasets,
    each_image: &(dyn Fn() + Sync),
) -> Result<Sample, SampleError> {
    let config = folder.join("config.yml");
    make_room(folder, &config)?;
    let raw = folder.join(RAW);
    // The marker comes first, so that an interrupted sample can be written again.
    fs::create_dir_all(&raw).map_err(SampleError::io(&raw))?;
    write_file(&config, config_text(known).as_bytes())?;
    let tally = Tally {
        bytes: AtomicU64::new(0),
        each_image,
    };
    known.par_iter().try_for_each(|dataset| {
        let (root, count) = (raw.join(dataset.folder()), options.count_of(*dataset));
        let mut tree = SampleTree::new(root, count, options.drawing, &tally)?;
        dataset.write_sample(&mut tree)?;
        tree.finish()
    })?;
    Ok(Sample {
        config,
        raw,
        bytes: tally.bytes.load(Ordering::Relaxed),
    })
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
