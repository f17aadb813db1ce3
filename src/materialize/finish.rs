//! The indexes after all shares have run, and what is still missing.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use rayon::prelude::*;

use super::plan::{DatasetPlan, ImageState, plan};
use super::run::{open_state, write_index};
use super::tidy::{remove_beyond_end, remove_left_overs};
use super::workers::failure;
use super::{DatasetSummary, Job, MaterializeError, Summary};
use crate::store::{Durability, Failure, RunLock, failures_in, merge_failures};
use crate::sync::held;

/// Images that no share has come to yet.
pub type Missing = BTreeMap<&'static str, Vec<u32>>;

/// Writes the indexes of all datasets from what the shares left, merges their failures into one
/// `failures.jsonl`, and returns the images that are neither finished nor known to fail. Nothing
/// is rendered.
pub fn finish(job: &Job, summary: &mut Summary) -> Result<Missing, MaterializeError> {
    let state = open_state(job)?;
    let lock = RunLock::acquire(&state, "")?;
    let known = failures_in(&state).map_err(MaterializeError::io(state.path()))?;
    let mut failures: Vec<Failure> = known
        .iter()
        .filter(|failure| {
            !job.trees()
                .any(|tree| tree.dataset.folder() == failure.dataset)
        })
        .cloned()
        .collect();
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
        let include = |number: u32| outcome.finished[number as usize];
        let finished = outcome
            .finished
            .iter()
            .filter(|finished| **finished)
            .count();
        let mut dataset = DatasetSummary {
            dataset: name,
            images: plan.catalog.present(),
            new: 0,
            skipped: finished as u32,
            failed: outcome.failures.len() as u32,
            warnings: plan.warnings(),
            ..DatasetSummary::default()
        };
        let reports = write_index(job, &plan, &include, &mut dataset)?;
        plan.write_extent(&records, Some(reports))?;
        dataset.elapsed = started.elapsed();
        summary.datasets.push(dataset);
        failures.extend(outcome.failures);
        if !outcome.missing.is_empty() {
            missing.insert(name, outcome.missing);
        }
    }
    failures.sort();
    let durability = Durability::of(&state.handle_path(), job.config.durable);
    summary.failure_log = merge_failures(&state, &failures, durability)
        .map_err(MaterializeError::io(state.path()))?;
    Ok(missing)
}

struct Outcome {
    /// By number.
    finished: Vec<bool>,
    failures: Vec<Failure>,
    missing: Vec<u32>,
}

fn look_over(plan: &DatasetPlan, known: &[Failure]) -> Outcome {
    let name = plan.tree.dataset.folder();
    let known: BTreeMap<u32, &Failure> = known
        .iter()
        .filter(|failure| failure.dataset == name)
        .map(|failure| (failure.image, failure))
        .collect();
    let failures = Mutex::new(Vec::new());
    let missing = Mutex::new(Vec::new());
    let push = |failure| {
        held(&failures).push(failure);
    };
    let finished = (0..plan.catalog.len())
        .into_par_iter()
        .map(|number| {
            let Some(entry) = plan.catalog.get(number) else {
                return false;
            };
            if plan.catalog.is_absent(number) {
                return false;
            }
            match plan.state_of(&entry) {
                ImageState::Finished => return true,
                ImageState::Failed { cause, .. } => push(failure(plan, &entry, cause, None)),
                // A failure counts only for the source it was seen with: numbers move when lists change,
                // and sources are repaired.
                ImageState::Due { key, .. } => match known.get(&number) {
                    Some(failure) if failure.content == Some(key) => push((*failure).clone()),
                    _ => held(&missing).push(number),
                },
            }
            false
        })
        .collect();
    let mut missing = missing
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    missing.sort_unstable();
    let failures = failures
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    Outcome {
        finished,
        failures,
        missing,
    }
}
