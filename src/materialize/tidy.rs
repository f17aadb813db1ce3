//! Removes files of machex that are no longer wanted in the tree. Each file is checked first, and
//! stays unless it is as machex made it.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::MaterializeError;
use super::plan::{DatasetPlan, index_path};
use super::table::remove_outdated;
use crate::files::{PrivateFolder, is_left_over, target_of};
use crate::metadata_table::FILE_NAME;
use crate::names;
use crate::store::Record;

/// Temporary files of this age belong to no active run, even on another node.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes the temporary files that a killed run left in this share: all of them if no other
/// process can work on it (`is_exclusive`), else only old ones.
pub(super) fn remove_left_overs(
    plan: &DatasetPlan,
    range: &Range<u32>,
    is_exclusive: bool,
) -> Result<(), MaterializeError> {
    let remove = |folder: &Path, unwanted: &dyn Fn(&str) -> bool| {
        remove_files(folder, unwanted, is_exclusive).map_err(MaterializeError::io(folder))
    };
    for shard in range.start / names::SHARD_SIZE..=range.end / names::SHARD_SIZE {
        let name = names::shard_name(shard * names::SHARD_SIZE);
        remove(&plan.folder.join(name), &|name| {
            let number = name.get(1..7).and_then(|digits| digits.parse::<u32>().ok());
            number.is_some_and(|number| {
                range.contains(&number) && is_left_over(name, &format!("{number:06}.jpg"))
            })
        })?;
    }
    remove(&plan.folder, &|name| {
        is_left_over(name, names::INDEX_NAME) || is_left_over(name, FILE_NAME)
    })
}

/// Removes the temporary files that a killed run left among the records in `folder`. Only for a run
/// over the whole tree, since shares write there concurrently.
pub(super) fn remove_left_over_records(folder: &PrivateFolder) -> Result<(), MaterializeError> {
    remove_files(
        &folder.handle_path(),
        &|name| target_of(name).is_some(),
        true,
    )
    .map_err(MaterializeError::io(folder.path()))
}

fn remove_files(
    folder: &Path,
    unwanted: &dyn Fn(&str) -> bool,
    is_exclusive: bool,
) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(unwanted) {
            continue;
        }
        // Does not follow links; the file may be gone if another run was faster.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_file() && (is_exclusive || is_old(metadata.modified()?)) {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

fn is_old(modified: SystemTime) -> bool {
    // A time in the future, from the clock of another node, is not old.
    SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|age| age > OLD)
}

/// Removes images that machex made beyond the end of the current catalog (for example with
/// laterals, if only frontals are wanted now), so that the tree equals that of a fresh run.
pub(super) fn remove_beyond_end(
    plan: &DatasetPlan,
    is_exclusive: bool,
) -> Result<(), MaterializeError> {
    let beyond = plan.finished.records().from(plan.catalog.len());
    let mut beyond = beyond
        .filter(|record| plan.finished.holds(record))
        .peekable();
    if beyond.peek().is_some() {
        // Removed first, so that a run that is killed here leaves no index that names missing
        // images.
        remove_index(plan)?;
    }
    for record in beyond {
        let path = plan.image_path(record.image);
        remove_if_there(&path).map_err(MaterializeError::io(&path))?;
    }
    for shard in names::shard_count(plan.catalog.len())..=names::MAX_IMAGES / names::SHARD_SIZE {
        let folder = plan
            .folder
            .join(names::shard_name(shard * names::SHARD_SIZE));
        let is_left_over = |name: &str| target_of(name).is_some_and(|name| name.ends_with(".jpg"));
        remove_files(&folder, &is_left_over, is_exclusive)
            .map_err(MaterializeError::io(&folder))?;
        // Fails if the folder contains files that are not ours, which is intended.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

/// Removes finished images that are left out now.
pub(super) fn remove_left_out(
    plan: &DatasetPlan,
    numbers: impl Iterator<Item = u32>,
) -> Result<(), MaterializeError> {
    let records = numbers.filter_map(|number| plan.record(number));
    let records: Vec<_> = records
        .filter(|record| plan.finished.holds(record))
        .collect();
    if !records.is_empty() {
        // Removed first, so that a run that is killed here leaves no index that names missing
        // images.
        remove_index(plan)?;
    }
    records
        .into_iter()
        .try_for_each(|record| remove_finished(plan, record))
}

/// Removes the image of a record, if the file with its name has the recorded size.
pub(super) fn remove_finished(plan: &DatasetPlan, record: &Record) -> Result<(), MaterializeError> {
    if !plan.finished.holds(record) {
        return Ok(());
    }
    let path = plan.image_path(record.image);
    remove_if_there(&path).map_err(MaterializeError::io(&path))
}

/// Removes the index of a dataset, if it is a file, and its table of metadata, if it is ours: both
/// are about the images that were there.
pub(super) fn remove_index(plan: &DatasetPlan) -> Result<(), MaterializeError> {
    let index = index_path(&plan.folder);
    if fs::symlink_metadata(&index).is_ok_and(|found| found.is_file()) {
        remove_if_there(&index).map_err(MaterializeError::io(&index))?;
    }
    remove_outdated(plan)
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn where_others_may_be_at_work_only_old_temporaries_go() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        for (name, time) in [
            ("young", now),
            ("old", now - 2 * OLD),
            ("ahead", now + 2 * OLD),
        ] {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(time).unwrap();
        }
        let left = || {
            let names = fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        remove_files(folder.path(), &|_| true, false).unwrap();
        assert_eq!(left(), ["ahead", "young"]);
        remove_files(folder.path(), &|name| name == "young", true).unwrap();
        assert_eq!(left(), ["ahead"]);
        remove_files(&folder.path().join("missing"), &|_| true, true).unwrap();
    }
}
