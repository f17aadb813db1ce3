//! A run over all datasets of a job.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::logs::Logs;
use super::plan::{DatasetPlan, index_path, plan, refuse_own_mount};
use super::table::{TableWritten, tell_of_outdated, write_table};
use super::tidy::{
    remove_beyond_end, remove_left_out, remove_left_over_records, remove_left_overs,
};
use super::workers::Workers;
use super::{DatasetSummary, Job, MaterializeError, Summary};
use crate::catalog::index::{self, ReportNotes, Reports};
use crate::files::{Durability, PrivateFolder, write_atomically};
use crate::progress::{Overall, Progress};
use crate::store::{Journal, RunLock, StateFolder};

/// Renders unfinished images and writes the indexes (for shares, [`super::finish`] does that).
/// `stop` may be set at any time: current images are finished, and the summary says what was done.
/// `progress` creates the display for a number of images in a number of datasets.
pub fn run(
    job: &Job,
    stop: &AtomicBool,
    progress: impl FnOnce(u64, usize) -> Overall,
    summary: &mut Summary,
) -> Result<(), MaterializeError> {
    let state = open_state(job)?;
    let suffix = job.share.file_suffix();
    let lock = RunLock::acquire(&state, &suffix)?;
    // Reads all lists before any work, so that a missing file shows now and not after a day.
    let plans = plan(job)?;
    let datasets: BTreeSet<&str> = plans
        .iter()
        .map(|plan| plan.tree.dataset.folder())
        .collect();
    if job.share.is_whole() && lock.is_exclusive() {
        remove_left_over_records(&state)?;
    }
    if job.metadata && job.share.is_whole() {
        // Said now and not after a day; the summary says it again.
        for foreign in plans.iter().filter_map(DatasetPlan::foreign_table) {
            tracing::error!("{foreign}");
        }
    }
    let durability = Durability::of(&state.handle_path(), job.config.durable);
    let logs = Logs::open(&state, &suffix, &datasets, durability)?;
    logs.failures.path().clone_into(&mut summary.failure_log);
    logs.damaged.path().clone_into(&mut summary.damage_log);
    logs.overlays.path().clone_into(&mut summary.overlay_log);
    let run = Run {
        job,
        state: &state,
        lock: &lock,
        logs: &logs,
        durability,
        stop,
    };

    let images = |plan: &DatasetPlan| plan.present_in(job.share.range(plan.catalog.len()));
    let total = plans.iter().map(|plan| u64::from(images(plan))).sum();
    let progress = progress(total, plans.len());
    let mut done = Ok(());
    for plan in plans {
        let range = job.share.range(plan.catalog.len());
        let name = plan.tree.dataset.folder();
        let images = images(&plan);
        let mut dataset = DatasetSummary {
            dataset: name,
            images,
            is_empty: plan.is_empty(),
            warnings: plan.warnings(),
            ..DatasetSummary::default()
        };
        // After an early end, the others are counted all the same.
        if done.is_ok() && !stop.load(Ordering::Relaxed) {
            plan.announce_renewal();
            let (started, progress) = (Instant::now(), progress.dataset(name, images));
            done = run.dataset(&plan, range, &progress, &mut dataset);
            tell_of_outdated(job, &plan, &mut dataset);
            dataset.elapsed = started.elapsed();
            progress.finish();
        }
        summary.datasets.push(dataset);
    }
    summary.interrupted = stop.load(Ordering::Relaxed);
    done
}

/// Opens the state folder, if it is ours and the tree is writable.
pub(super) fn open_state(job: &Job) -> Result<PrivateFolder, MaterializeError> {
    refuse_own_mount(&job.config.machex_path)?;
    let state = StateFolder::of(&job.config.machex_path);
    state
        .open_or_create()
        .map_err(MaterializeError::state(state.path()))
}

/// State shared by all datasets of a run.
struct Run<'a> {
    job: &'a Job,
    state: &'a PrivateFolder,
    lock: &'a RunLock,
    logs: &'a Logs<'a>,
    /// How safely records must be stored.
    durability: Durability,
    stop: &'a AtomicBool,
}

impl Run<'_> {
    fn dataset(
        &self,
        plan: &DatasetPlan,
        range: Range<u32>,
        progress: &Progress,
        summary: &mut DatasetSummary,
    ) -> Result<(), MaterializeError> {
        let records = plan.open_records(self.state)?;
        plan.write_extent(&records, None)?;
        plan.create_folders()?;
        remove_left_overs(plan, &range, self.lock.is_exclusive())?;
        if self.job.share.is_whole() && self.lock.is_exclusive() {
            remove_left_over_records(&records)?;
        }
        let journal = Journal::open(&records, &self.job.share.file_suffix(), self.durability)
            .map_err(MaterializeError::io(&plan.state))?;
        let workers = Workers {
            plan,
            journal: &journal,
            logs: self.logs,
            progress,
            stop: self.stop,
        };
        let excluded = workers.run(range, self.job.workers, summary)?;
        // An index must not name images that a later run finds unfinished, even after a power
        // failure.
        plan.sync_folders()?;
        journal
            .confirm()
            .and_then(|()| self.durability.sync_folder(&records.handle_path()))
            .map_err(MaterializeError::io(&plan.state))?;
        self.logs.confirm()?;
        if self.job.share.is_whole() && !self.stop.load(Ordering::Relaxed) {
            remove_beyond_end(plan, self.lock.is_exclusive())?;
            if self.job.allow_removal {
                remove_left_out(plan, plan.catalog.absent_numbers())?;
            }
            let include = |number: u32| {
                excluded.binary_search(&number).is_err() && !plan.catalog.is_absent(number)
            };
            if self.job.metadata
                && write_table(plan, self.stop, summary)? == TableWritten::Interrupted
            {
                return Ok(());
            }
            // Last: a dataset with an index is complete.
            let reports = write_index(self.job, plan, &include, summary)?;
            plan.write_extent(&records, Some(reports))?;
        }
        Ok(())
    }
}

/// Writes `index.json` of one dataset with the images for which `include` is true, and adds
/// warnings about its reports to `summary`. Returns how many entries have a report.
pub(super) fn write_index(
    job: &Job,
    plan: &DatasetPlan,
    include: &(dyn Fn(u32) -> bool + Sync),
    summary: &mut DatasetSummary,
) -> Result<u32, MaterializeError> {
    let path = index_path(&plan.folder);
    let folder = job.config.machex_path.join(plan.tree.dataset.folder());
    let mut notes = ReportNotes::default();
    write_atomically(&path, plan.durability, |file: &mut File| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        notes = index::write(
            &mut out,
            &plan.catalog,
            &folder,
            include,
            Reports {
                read: &|key| plan.tree.report(key),
                pool: None,
            },
        )?;
        out.flush()
    })
    .and_then(|()| plan.durability.sync_folder(&plan.folder))
    .map_err(MaterializeError::io(&path))?;
    summary.warnings.extend(notes.warnings);
    summary.unreadable_reports = notes.unreadable;
    Ok(notes.found)
}
