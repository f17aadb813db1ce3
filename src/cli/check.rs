//! `machex check`.

use std::io::{self, Write};

use super::table::{Align, Table};
use super::{CliResult, ConfigArgument, Exit, job, units};
use crate::check::{self, Options, TreeReport};
use crate::config::check_memory;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Look for every file instead of a sample of each dataset (minutes on network file systems)
    #[arg(long)]
    all: bool,
    /// Print one JSON document for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> CliResult {
    let config = job::load_config(&arguments.config)?;
    check_memory(config.render_params(), config.workers)?;
    let options = Options { all: arguments.all };
    let reports: Vec<TreeReport> = config
        .trees
        .iter()
        .map(|tree| check::check(&config, tree, options))
        .collect();
    let good = reports.iter().all(TreeReport::is_good);
    let exit = if good { Exit::Success } else { Exit::Failure };
    exit.after_printing(print(&reports, good, arguments.json).map_err(Into::into))
}

fn print(reports: &[TreeReport], good: bool, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        let document = serde_json::json!({ "ok": good, "datasets": reports });
        return writeln!(out, "{document:#}");
    }
    write!(out, "{}", table(reports))?;
    for report in reports {
        write_notes(&mut out, report)?;
    }
    let end = if good {
        "All is well."
    } else {
        "Something would fail, see above."
    };
    writeln!(out, "\n{end}")
}

fn table(reports: &[TreeReport]) -> Table {
    let mut table = Table::new(&[
        ("dataset", Align::Left),
        ("images", Align::Right),
        ("frontal", Align::Right),
        ("lateral", Align::Right),
        ("other", Align::Right),
        ("looked for", Align::Right),
        ("missing", Align::Right),
        ("one decoded", Align::Left),
        ("layout", Align::Left),
    ]);
    for report in reports {
        let count = |number: u32| units::count(u64::from(number));
        let proof = match &report.proof {
            Some(proof) if proof.error.is_none() => {
                format!("{} in {} ms", proof.format, proof.milliseconds)
            }
            Some(_) => "failed".to_owned(),
            None => "-".to_owned(),
        };
        let cells = match &report.error {
            Some(_) => vec![report.dataset.to_owned(), "cannot be read".to_owned()],
            None => vec![
                report.dataset.to_owned(),
                count(report.images),
                count(report.frontal),
                count(report.lateral),
                count(report.other),
                count(report.looked_for),
                count(report.missing),
                proof,
                report.layout.clone(),
            ],
        };
        table.row(cells);
    }
    table
}

fn write_notes(out: &mut impl Write, report: &TreeReport) -> io::Result<()> {
    let name = report.dataset;
    if let Some(error) = &report.error {
        writeln!(out, "\n{name}: {error}")?;
    }
    if let Some(empty) = &report.empty {
        writeln!(out, "\n{name}: {empty}")?;
    }
    write_left_out(out, report)?;
    if let Some(removal) = &report.removal {
        writeln!(out, "\n{removal}")?;
    }
    for missing in &report.missing_examples {
        writeln!(out, "\n{name}: missing: {missing}")?;
    }
    if report.faults > 0 {
        writeln!(
            out,
            "\n{name}: {} list entries can only fail:",
            report.faults
        )?;
        for fault in &report.fault_examples {
            writeln!(out, "  {fault}")?;
        }
    }
    if let Some((proof, error)) = report
        .proof
        .as_ref()
        .and_then(|proof| Some((proof, proof.error.as_ref()?)))
    {
        writeln!(out, "\n{name}: {}: {error}", proof.source)?;
    }
    for warning in &report.warnings {
        writeln!(out, "\n{name}: warning: {warning}")?;
    }
    Ok(())
}

/// What explains the counts.
fn write_left_out(out: &mut impl Write, report: &TreeReport) -> io::Result<()> {
    let (name, count) = (report.dataset, |count: u32| units::count(u64::from(count)));
    if !report.left_out.is_empty() {
        let values = report.left_out.iter();
        let values: Vec<String> = values
            .map(|value| format!("{} {}", value.value, count(value.images)))
            .collect();
        writeln!(out, "\n{name}: left out by view: {}", values.join(", "))?;
    }
    if let Some(absent) = report.absent {
        let all = report.images + absent;
        let present = count(report.images);
        writeln!(
            out,
            "\n{name}: {present} of {} images are there; the others are left out (ONLY_PRESENT)",
            count(all)
        )?;
    }
    Ok(())
}
