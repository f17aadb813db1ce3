//! `machex materialize --dry-run`.

use std::io::{self, Write};

use anyhow::Context;
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

use super::json::{metadata_error, warnings};
use super::summary::{print_unwritten_table, print_warnings, write_whole};
use crate::cli::colour::{self, BAD, styled};
use crate::cli::pasted::CommandLine;
use crate::cli::table::{Align, Cell, Table};
use crate::cli::wrap::Page;
use crate::cli::{CliResult, Exit};
use crate::files::free_space;
use crate::materialize::{self, DatasetPlan, Forecast, Job, UnwrittenTable};
use crate::metadata_table::FILE_NAME;
use crate::shown::Show as _;
use crate::words::counted;

pub fn run(job: &Job, as_json: bool) -> CliResult {
    let rows: Vec<Row> = materialize::plan(job)?
        .iter()
        .map(|plan| Row::of(plan, job))
        .collect();
    let path = &job.config.machex_path;
    let free = free_space(path).with_context(|| path.shown().to_string())?;
    let forecast = RunForecast {
        job,
        total: Row::total(&rows),
        rows,
        free: free.bytes,
    };
    let printed = if as_json {
        forecast.print_json()
    } else {
        forecast.print()
    };
    forecast
        .exit()
        .after_printing(printed.map_err(anyhow::Error::from))
}

/// Whether a run would write the tables; with shares, `--finish` does that.
fn writes_metadata(job: &Job) -> bool {
    job.metadata && job.share.is_whole()
}

/// What a run would find in one dataset.
struct Row {
    dataset: &'static str,
    images: u32,
    is_empty: bool,
    forecast: Forecast,
    bytes_needed: u64,
    warnings: Vec<String>,
    /// Why its table of metadata would not be written, although it is wanted.
    unwritten_table: Option<UnwrittenTable>,
}

impl Row {
    fn of(plan: &DatasetPlan, job: &Job) -> Self {
        plan.announce_renewal();
        let range = job.share.range(plan.catalog.len());
        let forecast = plan.forecast(range.clone());
        let mean = plan.finished.records().mean_size();
        let mean = mean.unwrap_or_else(|| plan.params.estimated_bytes());
        Self {
            dataset: plan.tree.dataset.folder(),
            images: plan.present_in(range),
            is_empty: plan.is_empty(),
            forecast,
            bytes_needed: mean * u64::from(forecast.due),
            warnings: plan.warnings(),
            unwritten_table: writes_metadata(job).then(|| plan.foreign_table()).flatten(),
        }
    }

    fn total(rows: &[Row]) -> Self {
        let sum = |of: fn(&Row) -> u32| rows.iter().map(of).sum();
        Self {
            dataset: "all",
            images: sum(|row| row.images),
            is_empty: rows.iter().any(|row| row.is_empty),
            forecast: Forecast {
                finished: sum(|row| row.forecast.finished),
                due: sum(|row| row.forecast.due),
                failed: sum(|row| row.forecast.failed),
                left_out: sum(|row| row.forecast.left_out),
            },
            bytes_needed: rows.iter().map(|row| row.bytes_needed).sum(),
            warnings: Vec::new(),
            unwritten_table: None,
        }
    }

    fn cells(&self) -> [Cell; 6] {
        let count = |number: u32| HumanCount(number.into()).to_string();
        let failed = match self.forecast.failed {
            0 => Cell::from(count(0)),
            failed => Cell::styled(BAD, count(failed)),
        };
        [
            self.dataset.to_owned().into(),
            count(self.images).into(),
            count(self.forecast.finished).into(),
            count(self.forecast.due).into(),
            failed,
            HumanBytes(self.bytes_needed).to_string().into(),
        ]
    }

    fn counts(&self) -> Value {
        json!({
            "images": self.images,
            "finished": self.forecast.finished,
            "to_render": self.forecast.due,
            "cannot_be_rendered": self.forecast.failed,
            "left_out": self.forecast.left_out,
            "bytes_needed": self.bytes_needed,
        })
    }

    fn document(&self) -> Value {
        let mut document = self.counts();
        document["dataset"] = self.dataset.into();
        document["warnings"] = warnings(&self.warnings);
        document["metadata_error"] = metadata_error(self.unwritten_table.as_ref());
        document
    }
}

/// What a run would find, and whether there is room for it.
struct RunForecast<'a> {
    job: &'a Job,
    rows: Vec<Row>,
    total: Row,
    free: u64,
}

impl RunForecast<'_> {
    fn fits(&self) -> bool {
        self.total.bytes_needed <= self.free
    }

    fn has_unwritten_table(&self) -> bool {
        self.rows.iter().any(|row| row.unwritten_table.is_some())
    }

    fn exit(&self) -> Exit {
        match () {
            () if !self.fits() => Exit::Failure,
            () if self.total.forecast.failed > 0 || self.total.is_empty => Exit::SomeFailed,
            () if self.has_unwritten_table() => Exit::SomeFailed,
            () => Exit::Success,
        }
    }

    fn print_json(&self) -> io::Result<()> {
        let document = json!({
            "ok": self.exit() == Exit::Success,
            "share": self.job.share.to_string(),
            "workers": self.job.workers,
            "tree": self.job.config.machex_path.shown().to_string(),
            "fits": self.fits(),
            "bytes_free": self.free,
            "metadata": writes_metadata(self.job),
            "total": self.total.counts(),
            "datasets": self.rows.iter().map(Row::document).collect::<Vec<_>>(),
        });
        writeln!(io::stdout().lock(), "{document:#}")
    }

    fn print(&self) -> io::Result<()> {
        let mut table = Table::new(&[
            ("dataset", Align::Left),
            ("images", Align::Right),
            ("finished", Align::Right),
            ("to render", Align::Right),
            ("cannot be", Align::Right),
            ("space needed", Align::Right),
        ]);
        let total = (self.rows.len() > 1).then_some(&self.total);
        for row in self.rows.iter().chain(total) {
            table.row(row.cells());
        }
        let mut page = Page::new(colour::stdout().lock());
        write!(page.out, "{table}")?;
        for row in &self.rows {
            print_warnings(&mut page, row.dataset, &row.warnings)?;
            print_unwritten_table(&mut page, row.dataset, row.unwritten_table.as_ref())?;
        }
        let (job, left_out) = (self.job, self.total.forecast.left_out);
        if left_out > 0 {
            let count = counted(
                left_out.into(),
                "image of a damaged source is",
                "images of damaged sources are",
            );
            page.line(format!("{count} left out (SKIP_DAMAGED)."))?;
        }
        let workers = counted(job.workers as u64, "worker", "workers");
        page.line(format!(
            "\nShare {} with {workers} into {}.",
            job.share,
            job.config.machex_path.shown()
        ))?;
        if writes_metadata(job) {
            page.line(format!(
                "Each dataset also gets {FILE_NAME}, for which the headers of all images are read."
            ))?;
        }
        let (needed, free) = (HumanBytes(self.total.bytes_needed), HumanBytes(self.free));
        page.line(format!("Space needed: about {needed}; free: {free}."))?;
        if !self.fits() {
            let problem = styled(BAD, "That does not fit");
            page.line(format!(
                "{problem}: free some space, or choose fewer datasets (--dataset)."
            ))
        } else if self.total.forecast.due > 0 {
            page.line("To render them:")?;
            let command = CommandLine::of_this_process().without_flag("--dry-run");
            write_whole(&mut page, command)
        } else {
            Ok(())
        }
    }
}
