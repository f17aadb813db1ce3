//! The document of `machex materialize --json`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::Results;
use crate::cli::Exit;
use crate::materialize::{DatasetSummary, UnwrittenTable};
use crate::names;
use crate::shown::Show as _;

pub fn print(results: &Results<'_>) -> anyhow::Result<()> {
    let summary = results.summary;
    let datasets: Vec<Value> = summary
        .datasets
        .iter()
        .map(|dataset| dataset_document(dataset, results))
        .collect();
    let total = DatasetSummary {
        elapsed: results.elapsed,
        ..summary.total()
    };
    let document = json!({
        "ok": results.exit() == Exit::Success,
        "interrupted": summary.interrupted,
        "error": results.error.map(|error| error.to_string().shown().to_string()),
        "share": results.job.share.to_string(),
        "tree": results.job.config.machex_path.shown().to_string(),
        "total": counts(&total),
        "datasets": datasets,
        "logs": {
            "failures": summary.failure_log.shown().to_string(),
            "damaged": summary.damage_log.shown().to_string(),
            "overlays": summary.overlay_log.shown().to_string(),
        },
    });
    writeln!(io::stdout().lock(), "{document:#}")?;
    Ok(())
}

fn dataset_document(dataset: &DatasetSummary, results: &Results<'_>) -> Value {
    let mut document = counts(dataset);
    document["dataset"] = dataset.dataset.into();
    document["warnings"] = warnings(&dataset.warnings);
    document["metadata_error"] = metadata_error(dataset.unwritten_table.as_ref());
    if let Some(missing) = results.missing {
        let numbers = missing.get(dataset.dataset).into_iter().flatten();
        let ids: Vec<String> = numbers.map(|number| names::image_id(*number)).collect();
        document["missing"] = ids.into();
    }
    document
}

fn counts(dataset: &DatasetSummary) -> Value {
    json!({
        "images": dataset.images,
        "new": dataset.new,
        "skipped": dataset.skipped,
        "failed": dataset.failed,
        "damaged": dataset.damaged,
        "left_out": dataset.left_out,
        "not_processed": dataset.left(),
        "overlays": dataset.overlays,
        "unreadable_reports": dataset.unreadable_reports,
        "seconds": dataset.elapsed.as_secs_f64(),
        "images_per_second": dataset.rate(),
    })
}

/// Why the table of a dataset is not written, or `null`.
pub(super) fn metadata_error(foreign: Option<&UnwrittenTable>) -> Value {
    foreign.map(ToString::to_string).into()
}

pub(super) fn warnings(warnings: &[String]) -> Value {
    let shown = warnings.iter().map(|warning| warning.shown().to_string());
    shown.collect::<Vec<_>>().into()
}
