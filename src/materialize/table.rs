//! `metadata.parquet` of a dataset, beside its index.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;

use super::plan::DatasetPlan;
use super::tidy::remove_if_there;
use super::{DatasetSummary, Job, MaterializeError, UnwrittenTable};
use crate::files::{Durability, write_atomically};
use crate::metadata_table::{DatasetTable, FILE_NAME, TableError, TableOptions, is_ours};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;

/// Whether a table was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableWritten {
    Yes,
    /// The summary says why.
    Refused,
    /// The user ended the run; nothing of the table is left.
    Interrupted,
}

/// Path of the table in a dataset's folder.
pub(super) fn table_path(plan: &DatasetPlan) -> PathBuf {
    plan.folder.join(FILE_NAME)
}

/// Writes the table of one dataset, and adds warnings about its lists to `summary`. The table has a
/// row for each image of the catalog, as on a mount: also for one that cannot be rendered. Its
/// bytes depend on nothing that was in the tree before. A file of another program stays.
pub(super) fn write_table(
    plan: &DatasetPlan,
    stop: &AtomicBool,
    summary: &mut DatasetSummary,
) -> Result<TableWritten, MaterializeError> {
    if let Some(foreign) = plan.foreign_table() {
        summary.unwritten_table = Some(foreign);
        return Ok(TableWritten::Refused);
    }
    let path = table_path(plan);
    let doing = format!(
        "reading the lists and the headers of {} for {FILE_NAME}",
        plan.tree.dataset.folder()
    );
    let mut is_interrupted = false;
    let written = announce_if_slow(doing, || {
        let table = DatasetTable::read(
            &plan.tree,
            &plan.catalog,
            TableOptions::of_tree(plan.params, &plan.cache_path, stop),
        );
        if let Some(fault) = table.masks_fault() {
            summary.unwritten_table = Some(UnwrittenTable::Masks {
                path: path.clone(),
                why: fault.to_owned(),
            });
            return Ok(());
        }
        let written = write_atomically(&path, plan.durability, |file: &mut File| {
            let out = BufWriter::with_capacity(1 << 20, file);
            match table.write_parquet(out) {
                Ok(mut out) => out.flush(),
                Err(error) => {
                    is_interrupted = matches!(error, TableError::Interrupted);
                    Err(error.into())
                }
            }
        });
        if !is_interrupted {
            summary.warnings.extend(table.all_warnings());
        }
        written.and_then(|()| plan.durability.sync_folder(&plan.folder))
    });
    match written {
        Err(_) if is_interrupted => Ok(TableWritten::Interrupted),
        Ok(()) if summary.unwritten_table.is_some() => Ok(TableWritten::Refused),
        written => written
            .map(|()| TableWritten::Yes)
            .map_err(MaterializeError::io(&path)),
    }
}

impl DatasetPlan {
    /// Why the table of this dataset cannot be written, if a file of another program is in its
    /// place.
    pub fn foreign_table(&self) -> Option<UnwrittenTable> {
        let path = table_path(self);
        (Place::of(&path) == Place::Foreign).then_some(UnwrittenTable::Foreign { path })
    }
}

/// What is in the place of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Empty,
    /// A table that machex wrote.
    Ours,
    /// Something else, or a file that cannot be read.
    Foreign,
}

impl Place {
    fn of(path: &Path) -> Self {
        match is_ours(path) {
            Ok(true) => Self::Ours,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Empty,
            Ok(false) | Err(_) => Self::Foreign,
        }
    }
}

/// Removes the table of an earlier run before the first image changes, so that no table is left of
/// other images, however the run ends.
#[derive(Debug, Default)]
pub(super) struct OldTable {
    /// What was there, once it had to go.
    found: Mutex<Option<Place>>,
}

impl OldTable {
    /// Removes the table in `folder` the first time that this is called, if it is ours. Other
    /// threads wait for that.
    fn remove(&self, folder: &Path, durability: Durability) -> io::Result<()> {
        let mut found = self.found.lock();
        if found.is_none() {
            let path = folder.join(FILE_NAME);
            let place = Place::of(&path);
            if place == Place::Ours {
                remove_if_there(&path)?;
                // It must not come back beside other images after a power failure.
                durability.sync_folder(folder)?;
            }
            *found = Some(place);
        }
        Ok(())
    }
}

/// Removes the table of a dataset if machex wrote it. To be called before an image changes.
pub(super) fn remove_outdated(plan: &DatasetPlan) -> Result<(), MaterializeError> {
    let removed = plan.old_table.remove(&plan.folder, plan.durability);
    removed.map_err(|error| MaterializeError::io(table_path(plan))(error))
}

/// At the end of a run: tells in `summary` what [`remove_outdated`] did, unless there is a new table.
pub(super) fn tell_of_outdated(job: &Job, plan: &DatasetPlan, summary: &mut DatasetSummary) {
    let path = table_path(plan);
    let found = *plan.old_table.found.lock();
    let shown = path.shown();
    match found {
        Some(Place::Ours) if Place::of(&path) == Place::Empty => {
            let options = if job.share.is_whole() {
                "--metadata"
            } else {
                "--finish --metadata"
            };
            summary.warnings.push(format!(
                "{shown} was removed, since images have changed; {options} writes it again"
            ));
        }
        Some(Place::Foreign) if summary.unwritten_table.is_none() => {
            summary.warnings.push(format!(
                "{shown} is left as it is, since machex did not write it, although images have changed"
            ));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata_table::{Facts, TableFormat, TableWriter};
    use std::fs;

    fn write_ours(path: &Path) {
        let file = File::create(path).unwrap();
        let table = TableWriter::new(file, TableFormat::Parquet, &Facts::default()).unwrap();
        table.finish().unwrap();
    }

    #[test]
    fn an_old_table_goes_once_and_a_foreign_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let remove = |old: &OldTable| {
            let durability = Durability::of(folder.path(), false);
            old.remove(folder.path(), durability).unwrap();
        };
        remove(&OldTable::default());

        write_ours(&path);
        let old = OldTable::default();
        remove(&old);
        assert!(!path.exists());
        // The table of this run.
        write_ours(&path);
        remove(&old);
        assert!(path.exists());

        fs::write(&path, "foreign").unwrap();
        remove(&OldTable::default());
        assert_eq!(fs::read(&path).unwrap(), b"foreign");
    }
}
