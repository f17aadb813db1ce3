//! A run over all datasets of a job.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::plan::{DatasetPlan, index_path, plan};
use super::workers::Workers;
use super::{DatasetSummary, Job, MaterializeError, Progress, Summary};
use crate::catalog::index::{self, ReportNotes};
use crate::catalog::names;
use crate::store::{FailureLog, Journal, RunLock, StateFolder, is_left_over, write_atomically};

/// Renders what is not finished and writes the indexes (those of a share are left to
/// [`super::finish`]). `stop` may be set at any time: the images at hand are finished, the summary
/// says what was done. `progress` makes the progress display of a dataset with so many images.
pub fn run(
    job: &Job,
    stop: &AtomicBool,
    progress: impl Fn(&'static str, u32) -> Progress,
    summary: &mut Summary,
) -> Result<(), MaterializeError> {
    let state = StateFolder::of(&job.config.machex_path);
    state.create().map_err(|source| MaterializeError::State {
        path: state.path().to_owned(),
        source,
    })?;
    let suffix = job.share.file_suffix();
    let _lock = RunLock::acquire(state.path(), &suffix)?;
    // All lists are read before any work: a missing file shows now and not after a day.
    let plans = plan(job)?;
    let datasets: BTreeSet<&str> = plans
        .iter()
        .map(|plan| plan.tree.dataset.folder())
        .collect();
    let failures = FailureLog::open(state.path(), &suffix, &datasets)
        .map_err(MaterializeError::io(state.path()))?;
    summary.failure_log = failures.path().to_owned();

    for plan in plans {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let range = job.share.range(plan.catalog.len());
        let name = plan.tree.dataset.folder();
        let progress = progress(name, range.len() as u32);
        let mut dataset = DatasetSummary {
            dataset: name,
            images: range.len() as u32,
            warnings: plan.catalog.warnings().to_vec(),
            ..DatasetSummary::default()
        };
        let started = Instant::now();
        let done = run_dataset(job, &plan, range, &failures, &progress, stop, &mut dataset);
        dataset.elapsed = started.elapsed();
        progress.finish();
        summary.datasets.push(dataset);
        done?;
    }
    summary.interrupted = stop.load(Ordering::Relaxed);
    Ok(())
}

fn run_dataset(
    job: &Job,
    plan: &DatasetPlan,
    range: Range<u32>,
    failures: &FailureLog,
    progress: &Progress,
    stop: &AtomicBool,
    summary: &mut DatasetSummary,
) -> Result<(), MaterializeError> {
    plan.create_folders()?;
    remove_left_overs(plan, &range)?;
    let journal = Journal::open(&plan.state, &job.share.file_suffix())
        .map_err(MaterializeError::io(&plan.state))?;
    let workers = Workers {
        plan,
        journal: &journal,
        failures,
        progress,
        stop,
    };
    let failed = workers.run(range, job.workers, summary)?;
    if job.share.is_whole() && !stop.load(Ordering::Relaxed) {
        remove_beyond_end(plan)?;
        let include = |number: u32| failed.binary_search(&number).is_err();
        let notes = write_index(job, plan, &include)?;
        summary.warnings.extend(notes.warnings);
        summary.unreadable_reports = notes.unreadable;
    }
    Ok(())
}

/// Writes `index.json` of one dataset, with the images for which `include` is true.
pub(super) fn write_index(
    job: &Job,
    plan: &DatasetPlan,
    include: &(dyn Fn(u32) -> bool + Sync),
) -> Result<ReportNotes, MaterializeError> {
    let path = index_path(&plan.folder);
    let mut notes = ReportNotes::default();
    write_atomically(&path, |file: &mut File| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        notes = index::write(
            &mut out,
            &plan.catalog,
            &plan.tree,
            &job.config.machex_path,
            include,
            None,
        )?;
        out.flush()
    })
    .map_err(MaterializeError::io(&path))?;
    Ok(notes)
}

/// Removes the temporary files that a killed run left in this share.
fn remove_left_overs(plan: &DatasetPlan, range: &Range<u32>) -> Result<(), MaterializeError> {
    let shards = range.start / names::SHARD_SIZE..=range.end / names::SHARD_SIZE;
    for shard in shards {
        let folder = plan
            .folder
            .join(names::shard_name(shard * names::SHARD_SIZE));
        remove_files(&folder, |name| {
            let number = name.get(1..7).and_then(|digits| digits.parse::<u32>().ok());
            number.is_some_and(|number| {
                range.contains(&number) && is_left_over(name, &format!("{number:06}.jpg"))
            })
        })?;
    }
    remove_files(&plan.folder, |name| is_left_over(name, names::INDEX_NAME))
}

fn remove_files(folder: &Path, unwanted: impl Fn(&str) -> bool) -> Result<(), MaterializeError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(MaterializeError::io(folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(MaterializeError::io(folder))?;
        if entry.file_name().to_str().is_some_and(&unwanted) {
            let path = entry.path();
            fs::remove_file(&path).map_err(MaterializeError::io(&path))?;
        }
    }
    Ok(())
}

/// Removes images that machex made beyond the end of the present catalog (one with laterals, say,
/// where only frontals are wanted now), so that the tree is what a fresh run would write. Only
/// files that have a record are touched.
pub(super) fn remove_beyond_end(plan: &DatasetPlan) -> Result<(), MaterializeError> {
    for record in plan.finished.records().from(plan.catalog.len()) {
        let path = plan.image_path(record.image);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(MaterializeError::io(&path)(error));
            }
            _ => {}
        }
    }
    for shard in names::shard_count(plan.catalog.len())..=names::MAX_IMAGES / names::SHARD_SIZE {
        // Fails unless empty, which is what is wanted of folders with files that are not ours.
        let _ = fs::remove_dir(
            plan.folder
                .join(names::shard_name(shard * names::SHARD_SIZE)),
        );
    }
    Ok(())
}
