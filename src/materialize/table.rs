//! `metadata.parquet` of a dataset, beside its index.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::plan::DatasetPlan;
use super::tidy::remove_table;
use super::{DatasetSummary, MaterializeError};
use crate::files::write_atomically;
use crate::metadata_table::{DatasetTable, FILE_NAME, TableError, TableOptions};
use crate::shown::Show as _;
use crate::slow::announce_if_slow;

/// Whether a table was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableWritten {
    Yes,
    /// The user ended the run; nothing of the table is left.
    Interrupted,
}

/// Path of the table in a dataset's folder.
pub(super) fn table_path(plan: &DatasetPlan) -> PathBuf {
    plan.folder.join(FILE_NAME)
}

/// Writes the table of one dataset, and adds warnings about its lists to `summary`. The table has a
/// row for each image of the catalog, as on a mount: also for one that cannot be rendered. Its
/// bytes depend on nothing that was in the tree before.
pub(super) fn write_table(
    plan: &DatasetPlan,
    stop: &AtomicBool,
    summary: &mut DatasetSummary,
) -> Result<TableWritten, MaterializeError> {
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
            TableOptions::of_tree(plan.params),
        );
        let written = write_atomically(&path, plan.durability, |file: &mut File| {
            let out = BufWriter::with_capacity(1 << 20, file);
            match table.write_parquet(out, stop) {
                Ok(mut out) => out.flush(),
                Err(error) => {
                    is_interrupted = matches!(error, TableError::Interrupted);
                    Err(error.into())
                }
            }
        });
        summary.warnings.extend(table.all_warnings());
        written.and_then(|()| plan.durability.sync_folder(&plan.folder))
    });
    match written {
        Err(_) if is_interrupted => Ok(TableWritten::Interrupted),
        written => written
            .map(|()| TableWritten::Yes)
            .map_err(MaterializeError::io(&path)),
    }
}

/// Whether a table of an earlier run is there.
pub(super) fn has_table(plan: &DatasetPlan) -> bool {
    fs::symlink_metadata(table_path(plan)).is_ok_and(|table| table.is_file())
}

/// After a run that writes no table: removes that of an earlier run if images have changed since,
/// and tells. `had_table`: it was there when the run began.
pub(super) fn drop_outdated(
    plan: &DatasetPlan,
    had_table: bool,
    summary: &mut DatasetSummary,
) -> Result<(), MaterializeError> {
    if had_table && summary.new > 0 {
        remove_table(plan)?;
    }
    if had_table && !has_table(plan) {
        let path = table_path(plan);
        let path = path.shown();
        summary.warnings.push(format!(
            "{path} was removed, since images have changed; --metadata writes it again"
        ));
    }
    Ok(())
}
