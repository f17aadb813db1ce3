//! One dataset, ready to be processed: its catalog, its folder in the tree, and what is finished.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use indicatif::HumanCount;
use rayon::prelude::*;

use super::table::OldTable;
use super::{Job, MaterializeError};
use crate::catalog::{Catalog, Entry, Views};
use crate::config::Config;
use crate::datasets::{self, RawTree, why_empty};
use crate::files::machex_mount_of;
use crate::files::real_path;
use crate::files::{Durability, Links, ParentFolder, PrivateFolder, Trust};
use crate::names;
use crate::removal;
use crate::render::RenderParams;
use crate::source::Source;
use crate::store::{ContentKey, Extent, FinishedTree, Record, StateFolder, renewal};

/// Everything known of one dataset before its first image is rendered.
pub struct DatasetPlan {
    pub tree: RawTree,
    pub catalog: Catalog,
    /// The dataset's folder in the tree.
    pub folder: PathBuf,
    /// The dataset's folder of records.
    pub state: PathBuf,
    /// The images finished before.
    pub finished: FinishedTree,
    pub params: RenderParams,
    /// Folder for temporary files.
    pub cache_path: PathBuf,
    /// Leave out images with a damaged source.
    pub skip_damaged: bool,
    /// What its images and its index need to count as finished.
    pub durability: Durability,
    pub(super) old_table: OldTable,
}

/// The state of one image on the disk.
#[derive(Debug)]
pub enum ImageState {
    /// Its file exists, is complete, and was made from the current source with the current
    /// settings.
    Finished,
    /// It has to be rendered; the source has this key.
    Due { source: PathBuf, key: ContentKey },
    /// It was rendered before, and is left out because its source is damaged, in these words.
    LeftOut { key: ContentKey, damage: Box<str> },
    /// It cannot be rendered, for this reason.
    Failed {
        source: Option<PathBuf>,
        cause: String,
    },
}

/// The number of images in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forecast {
    pub finished: u32,
    pub due: u32,
    pub failed: u32,
    pub left_out: u32,
}

/// Reads the catalogs and records of all datasets of a job. Writes only the catalogs' stored forms.
///
/// # Errors
/// Also if finished images would be removed because their sources are gone, unless the job allows
/// that.
pub fn plan(job: &Job) -> Result<Vec<DatasetPlan>, MaterializeError> {
    refuse_own_mount(&job.config.machex_path)?;
    let state = StateFolder::of(&job.config.machex_path);
    // Opening it proves that it is ours; the records are read by path, without links.
    state.open().map_err(MaterializeError::io(state.path()))?;
    let (mut plans, mut faults) = (Vec::new(), Vec::new());
    for tree in job.trees() {
        match DatasetPlan::new(job, tree) {
            Ok(plan) => plans.push(plan),
            Err(MaterializeError::Catalogs(mut more)) => faults.append(&mut more),
            Err(error) => return Err(error),
        }
    }
    if !faults.is_empty() {
        return Err(MaterializeError::Catalogs(faults));
    }
    let removals: Vec<_> = plans
        .iter()
        .filter(|_| !job.allow_removal)
        .filter_map(|plan| removal::judge(&plan.tree, &plan.catalog, &plan.finished))
        .collect();
    if removals.is_empty() {
        Ok(plans)
    } else {
        Err(MaterializeError::Removal(removals))
    }
}

/// Refuses a tree inside a machex mount, without asking the mount.
pub(super) fn refuse_own_mount(machex_path: &Path) -> Result<(), MaterializeError> {
    // This needs /proc; without it, writing fails later with a less clear reason.
    match machex_mount_of(&real_path(machex_path)).ok().flatten() {
        Some(mount) => Err(MaterializeError::InMount {
            path: machex_path.to_owned(),
            mountpoint: mount.mountpoint,
        }),
        None => Ok(()),
    }
}

/// Refuses a dataset's folder in which something is a link into raw data. The config has looked at
/// the folder itself.
fn keep_out_of_raw_data(config: &Config, folder: &Path) -> Result<(), MaterializeError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(MaterializeError::io(folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(MaterializeError::io(folder))?;
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            config.check_outside_raw(&entry.path())?;
        }
    }
    Ok(())
}

impl DatasetPlan {
    fn new(job: &Job, tree: &RawTree) -> Result<Self, MaterializeError> {
        let name = tree.dataset.folder();
        let state = StateFolder::of(&job.config.machex_path).dataset(name);
        let folder = job.config.machex_path.join(name);
        keep_out_of_raw_data(&job.config, &folder)?;
        let mut finished =
            FinishedTree::open(&folder, &state).map_err(MaterializeError::io(&state))?;
        if let Some(fault) = finished.take_faults().into_iter().next() {
            return Err(MaterializeError::Records(fault));
        }
        Ok(Self {
            durability: Durability::of(&folder, job.config.durable),
            catalog: datasets::load(tree, Some(&job.config.cache_path))?,
            tree: tree.clone(),
            folder,
            state,
            finished,
            params: job.config.render_params(),
            cache_path: job.config.cache_path.clone(),
            skip_damaged: job.config.skip_damaged,
            old_table: OldTable::default(),
        })
    }

    /// Logs that images finished by an earlier version of machex are made again, if there are any.
    pub fn announce_renewal(&self) {
        let older = self.finished.made_by_older_version(self.catalog.len());
        if older > 0 {
            let name = self.tree.dataset.folder();
            tracing::warn!("{name}: {}", renewal(older));
        }
    }

    /// Warnings for the user about the lists.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.catalog.warnings().to_vec();
        warnings.extend(why_empty(&self.tree, &self.catalog));
        let absent = self.catalog.absent_count();
        if absent > 0 {
            warnings.push(format!(
                "{} of {} images are not there and are left out (ONLY_PRESENT: true)",
                HumanCount(u64::from(absent)),
                HumanCount(u64::from(self.catalog.len()))
            ));
        }
        warnings
    }

    /// Whether there is no image of any view: the folder is wrong, or nothing of the dataset is in
    /// it.
    pub fn is_empty(&self) -> bool {
        let is_left_out_by_view =
            self.catalog.is_empty() && self.catalog.views() != Views::default();
        self.catalog.present() == 0 && !is_left_out_by_view
    }

    /// Path of the image `number`, whether or not it exists.
    pub fn image_path(&self, number: u32) -> PathBuf {
        self.finished.image_path(number)
    }

    /// The record of the image `number`.
    pub fn record(&self, number: u32) -> Option<&Record> {
        self.finished.records().get(number)
    }

    /// Checks the source and the finished file of an entry.
    pub fn state_of(&self, entry: &Entry<'_>) -> ImageState {
        match Source::look(&self.tree, entry, self.params) {
            Err(fault) => ImageState::Failed {
                source: fault.path,
                cause: fault.cause,
            },
            Ok(Source { path, key, .. }) => {
                let number = entry.number();
                let record = self.finished.record_of(number, key);
                let damage = record.and_then(|record| record.damage.clone());
                match (damage, self.finished.size_of(number, key)) {
                    (Some(damage), _) if self.skip_damaged => ImageState::LeftOut { key, damage },
                    (_, Some(_)) => ImageState::Finished,
                    (_, None) => ImageState::Due { source: path, key },
                }
            }
        }
    }

    /// Counts what a run over the images `range` would find; checks every source.
    pub fn forecast(&self, range: Range<u32>) -> Forecast {
        range
            .into_par_iter()
            .filter(|number| !self.catalog.is_absent(*number))
            .filter_map(|number| self.catalog.get(number))
            .map(|entry| match self.state_of(&entry) {
                ImageState::Finished => Forecast {
                    finished: 1,
                    ..Forecast::default()
                },
                ImageState::Due { .. } => Forecast {
                    due: 1,
                    ..Forecast::default()
                },
                ImageState::Failed { .. } => Forecast {
                    failed: 1,
                    ..Forecast::default()
                },
                ImageState::LeftOut { .. } => Forecast {
                    left_out: 1,
                    ..Forecast::default()
                },
            })
            .reduce(Forecast::default, |a, b| Forecast {
                finished: a.finished + b.finished,
                due: a.due + b.due,
                failed: a.failed + b.failed,
                left_out: a.left_out + b.left_out,
            })
    }

    /// How many images of `range` are not left out.
    pub fn present_in(&self, range: Range<u32>) -> u32 {
        range
            .filter(|number| !self.catalog.is_absent(*number))
            .count() as u32
    }

    /// Opens the dataset's folder of records, and creates it if necessary.
    pub(super) fn open_records(
        &self,
        state: &PrivateFolder,
    ) -> Result<PrivateFolder, MaterializeError> {
        state
            .subfolder(self.tree.dataset.folder(), Trust::Group, 0o755)
            .map_err(MaterializeError::io(&self.state))
    }

    /// Records what the sources contain. `reports`: how many were found for the index just written;
    /// until then, the number for the previous index stays recorded.
    pub(super) fn write_extent(
        &self,
        records: &PrivateFolder,
        reports: Option<u32>,
    ) -> Result<(), MaterializeError> {
        let before = self.finished.extent().map_or(0, |extent| extent.reports);
        let extent = Extent {
            reports: reports.unwrap_or(before),
            ..removal::extent(&self.tree, &self.catalog)
        };
        if self.finished.extent() == Some(&extent) {
            return Ok(());
        }
        extent
            .write(records, self.durability)
            .map_err(MaterializeError::io(&self.state))
    }

    /// Creates the dataset's folder and its shards.
    pub(super) fn create_folders(&self) -> Result<(), MaterializeError> {
        for folder in self.shards() {
            ParentFolder::open_or_create(&folder, Links::TrustedByRoot, 0o777)
                .map_err(MaterializeError::io(&folder))?;
        }
        Ok(())
    }

    /// If the settings ask for it, makes sure that the names in all shards survive a power failure.
    pub(super) fn sync_folders(&self) -> Result<(), MaterializeError> {
        for folder in self.shards() {
            self.durability
                .sync_folder(&folder)
                .map_err(MaterializeError::io(&folder))?;
        }
        Ok(())
    }

    fn shards(&self) -> impl Iterator<Item = PathBuf> {
        (0..names::shard_count(self.catalog.len())).map(|shard| {
            self.folder
                .join(names::shard_name(shard * names::SHARD_SIZE))
        })
    }
}

/// Path of the index in a dataset's folder.
pub(super) fn index_path(folder: &Path) -> PathBuf {
    folder.join(names::INDEX_NAME)
}
