//! Writes the indexes after all shares have run, and finds what is still missing.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use parking_lot::Mutex;
use rayon::prelude::*;

use super::logs::{Found, logged};
use super::plan::{DatasetPlan, ImageState, plan};
use super::run::{open_state, write_index};
use super::table::{tell_of_outdated, write_table};
use super::tidy::{remove_beyond_end, remove_left_out, remove_left_overs};
use super::{DatasetSummary, Job, MaterializeError, Summary};
use crate::files::Durability;
use crate::source::left_out;
use crate::store::{LogKind, LoggedImage, RunLock, logged_in};

/// Images that no share has processed yet.
pub type Missing = BTreeMap<&'static str, Vec<u32>>;

/// Writes the indexes of all datasets from the results of the shares, merges their failures into
/// one `failures.jsonl`, and returns the images that are neither finished nor known to fail.
/// Renders nothing.
pub fn finish(job: &Job, summary: &mut Summary) -> Result<Missing, MaterializeError> {
    let state = open_state(job)?;
    let lock = RunLock::acquire(&state, "")?;
    let known = logged_in(&state, LogKind::Failures).map_err(MaterializeError::io(state.path()))?;
    let mut found = Found::default();
    found.add_others(job, &state)?;
    let mut missing = Missing::new();
    for plan in plan(job)? {
        let name = plan.tree.dataset.folder();
        let started = Instant::now();
        let outcome = look_over(&plan, &known);
        let records = plan.open_records(&state)?;
        plan.write_extent(&records, None)?;
        plan.create_folders()?;
        remove_left_overs(&plan, &(0..plan.catalog.len()), lock.is_exclusive())?;
        remove_beyond_end(&plan, lock.is_exclusive())?;
        // Finished while damaged images were still wanted, or while their sources existed.
        remove_left_out(&plan, outcome.left_out.iter().copied())?;
        if job.allow_removal {
            remove_left_out(&plan, plan.catalog.absent_numbers())?;
        }
        let include = |number: u32| outcome.finished[number as usize];
        let finished = outcome
            .finished
            .iter()
            .filter(|finished| **finished)
            .count();
        let mut dataset = DatasetSummary {
            dataset: name,
            images: plan.catalog.present(),
            is_empty: plan.is_empty(),
            new: 0,
            skipped: finished as u32,
            failed: outcome.found.failures.len() as u32,
            damaged: (outcome.found.damaged.len() - outcome.left_out.len()) as u32,
            left_out: outcome.left_out.len() as u32,
            overlays: outcome.found.overlays.len() as u32,
            warnings: plan.warnings(),
            ..DatasetSummary::default()
        };
        if job.metadata {
            // A signal ends this command at once.
            write_table(&plan, &AtomicBool::new(false), &mut dataset)?;
        }
        // If a share has written an image since, it has removed the table before.
        tell_of_outdated(job, &plan, &mut dataset);
        let reports = write_index(job, &plan, &include, &mut dataset)?;
        plan.write_extent(&records, Some(reports))?;
        dataset.elapsed = started.elapsed();
        summary.datasets.push(dataset);
        found.extend(outcome.found);
        if !outcome.missing.is_empty() {
            missing.insert(name, outcome.missing);
        }
    }
    let durability = Durability::of(&state.handle_path(), job.config.durable);
    found.write(&state, durability)?;
    summary.failure_log = LogKind::Failures.path(&state);
    summary.damage_log = LogKind::Damaged.path(&state);
    summary.overlay_log = LogKind::Overlays.path(&state);
    Ok(missing)
}

struct TreeState {
    /// By image number.
    finished: Vec<bool>,
    found: Found,
    /// Left out because their sources are damaged.
    left_out: Vec<u32>,
    missing: Vec<u32>,
}

fn look_over(plan: &DatasetPlan, known: &[LoggedImage]) -> TreeState {
    let name = plan.tree.dataset.folder();
    let known: BTreeMap<u32, &LoggedImage> = known
        .iter()
        .filter(|failure| failure.dataset == name)
        .map(|failure| (failure.image, failure))
        .collect();
    let outcome = Mutex::new(TreeState {
        finished: Vec::new(),
        found: Found::default(),
        left_out: Vec::new(),
        missing: Vec::new(),
    });
    let finished = (0..plan.catalog.len())
        .into_par_iter()
        .map(|number| {
            let Some(entry) = plan.catalog.get(number) else {
                return false;
            };
            if plan.catalog.is_absent(number) {
                return false;
            }
            let state = plan.state_of(&entry);
            let mut outcome = outcome.lock();
            match state {
                ImageState::Finished => {
                    outcome.found.add_finished(plan, &entry);
                    return true;
                }
                ImageState::Failed { cause, .. } => {
                    let failure = logged(plan, &entry, cause, None);
                    outcome.found.failures.push(failure);
                }
                ImageState::LeftOut { key, damage } => {
                    let line = logged(plan, &entry, left_out(&damage), Some(key));
                    outcome.found.damaged.push(line);
                    outcome.left_out.push(number);
                }
                // A failure only counts for the source with which it occurred: numbers change with
                // the lists, and sources get repaired.
                ImageState::Due { key, .. } => match known.get(&number) {
                    Some(failure) if failure.content == Some(key) => {
                        outcome.found.failures.push((*failure).clone());
                    }
                    _ => outcome.missing.push(number),
                },
            }
            false
        })
        .collect();
    let mut outcome = outcome.into_inner();
    outcome.finished = finished;
    outcome.missing.sort_unstable();
    outcome
}
