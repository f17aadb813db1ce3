//! A sample: raw trees of all datasets, each in its own layout, and a `config.yml` for them, so
//! that you can try machex without a data use agreement.

mod earlier;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use crate::datasets::{Dataset, KnownDatasets};
use crate::files::{free_space, is_left_over};
use crate::synthetic::{Drawing, FileList, SampleError, SampleTree, Tally, write_file};

use earlier::Earlier;

/// First line of a sample's config, which identifies a sample folder.
const MARKER: &str = "# A sample, written by `machex sample`.";

/// Name of the config.
const CONFIG: &str = "config.yml";

/// Name of the list of what was written.
const LIST: &str = "sample-files.jsonl";

/// Folder of the raw trees in a sample.
const RAW: &str = "raw";

/// How many images of a dataset to measure for an estimate: enough for each kind that it has.
const MEASURED: u32 = 420;

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

    /// About how many bytes a sample would have: what its lists have, and mean sizes of pictures.
    fn estimated_bytes(self, known: KnownDatasets) -> Result<u64, SampleError> {
        let of_dataset = |dataset: &&dyn Dataset| {
            let count = self.count_of(*dataset);
            let measured = count.min(MEASURED);
            let mut tree = SampleTree::of_sizes(measured, self.drawing);
            dataset.write_sample(&mut tree)?;
            Ok(tree.estimated_bytes() * u64::from(count) / u64::from(measured.max(1)))
        };
        known.iter().map(of_dataset).sum()
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

/// A folder that a sample can be written to: a new or empty one, or that of an earlier sample.
pub struct Site<'a> {
    folder: &'a Path,
    known: KnownDatasets,
    stop: &'a AtomicBool,
    earlier: Earlier,
}

impl<'a> Site<'a> {
    /// Looks at a folder and changes nothing. `stop` ends this and the writing.
    ///
    /// # Errors
    /// Also if anything would be lost but the unchanged files of an earlier sample.
    pub fn find(
        folder: &'a Path,
        known: KnownDatasets,
        stop: &'a AtomicBool,
    ) -> Result<Self, SampleError> {
        let absolute = std::path::absolute(folder).map_err(SampleError::io(folder))?;
        if absolute.to_str().is_none() {
            return Err(SampleError::NotUtf8 {
                folder: folder.to_owned(),
            });
        }
        let config = folder.join(CONFIG);
        let earlier = match fs::read(&config) {
            Ok(text) if text == config_text(known).as_bytes() => {
                Earlier::find(&folder.join(RAW), &folder.join(LIST), stop)?
            }
            Ok(text) if text.starts_with(MARKER.as_bytes()) => {
                return Err(SampleError::ConfigDiffers { config });
            }
            _ => {
                refuse_unless_empty(folder)?;
                Earlier::default()
            }
        };
        Ok(Self {
            folder,
            known,
            stop,
            earlier,
        })
    }

    /// Path of its config, which exists if there is an earlier sample.
    pub fn config(&self) -> PathBuf {
        self.folder.join(CONFIG)
    }

    /// How many files of an earlier sample will be removed.
    pub fn earlier_files(&self) -> usize {
        self.earlier.files()
    }

    /// Refuses a sample for which there is obviously no space.
    pub fn check_space(&self, options: Options) -> Result<(), SampleError> {
        if options.drawing.hard_link {
            // A few files for each dataset.
            return Ok(());
        }
        let needed = options.estimated_bytes(self.known)?;
        // Only a whole path has a parent that exists.
        let folder = std::path::absolute(self.folder).map_err(SampleError::io(self.folder))?;
        let space = free_space(&folder).map_err(SampleError::io(&folder))?;
        let free = space.bytes.saturating_add(self.earlier.bytes());
        // Some file systems do not know their size.
        if space.total == 0 || needed <= free {
            return Ok(());
        }
        Err(SampleError::NoSpace {
            folder: self.folder.to_owned(),
            images: options.total(self.known),
            needed,
            free,
        })
    }

    /// Removes the earlier sample, if there is one, and writes another. Uses all threads of rayon's
    /// pool, and calls `each_image` after each image. After an error, even a full disk, the folder
    /// is still one that [`Self::find`] accepts.
    pub fn write(
        self,
        options: Options,
        each_image: &(dyn Fn() + Sync),
    ) -> Result<Sample, SampleError> {
        let (config, raw) = (self.config(), self.folder.join(RAW));
        self.earlier.remove(self.stop)?;
        // The config comes first, since it marks the folder as one of a sample.
        fs::create_dir_all(self.folder).map_err(SampleError::io(self.folder))?;
        write_file(&config, config_text(self.known).as_bytes())?;
        let list = FileList::create(&self.folder.join(LIST), &raw)?;
        let tally = Tally {
            bytes: AtomicU64::new(0),
            list: &list,
            each_image,
            stop: self.stop,
        };
        self.known.par_iter().try_for_each(|dataset| {
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
}

/// Writes raw trees of `known` datasets and a `config.yml` below `folder`, replacing an earlier
/// sample: [`Site::find`] and [`Site::write`].
pub fn write(
    folder: &Path,
    options: Options,
    known: KnownDatasets,
    each_image: &(dyn Fn() + Sync),
) -> Result<Sample, SampleError> {
    let stop = AtomicBool::new(false);
    Site::find(folder, known, &stop)?.write(options, each_image)
}

/// Refuses a folder that has anything in it but what a killed sample left before its config.
fn refuse_unless_empty(folder: &Path) -> Result<(), SampleError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(SampleError::io(folder))?,
    };
    for entry in entries {
        let name = entry.map_err(SampleError::io(folder))?.file_name();
        if !name.to_str().is_some_and(|name| is_left_over(name, CONFIG)) {
            return Err(SampleError::NotEmpty {
                folder: folder.to_owned(),
            });
        }
    }
    Ok(())
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
