//! `machex materialize`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use super::signals::{self, Asked};
use super::table::{Align, Table};
use super::{CliResult, ConfigArgument, Exit, job, units};
use crate::catalog::names;
use crate::config::check_memory;
use crate::materialize::{self, Job, Missing, Progress, Share, Summary};
use crate::shown::Show as _;
use crate::source::MISSING;
use crate::store::{Failure, free_space, read_failure_log};

/// Failures that are shown at the end; all are in the log.
const SHOWN_FAILURES: usize = 5;

/// Warnings of a dataset that are shown at the end.
const SHOWN_WARNINGS: usize = 10;

/// Missing images that `--finish` names for each dataset.
const SHOWN_MISSING: usize = 10;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Only these datasets, by the names of their folders
    #[arg(long, value_name = "NAME", num_args = 1..)]
    dataset: Vec<String>,
    /// Worker threads, instead of NUM_WORKERS
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    workers: Option<u16>,
    /// Show what would be done, how much room it takes and how much there is; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Render the K-th of N shares only; "auto" takes it from the array job (Slurm, Kubernetes)
    #[arg(long, value_name = "K/N", conflicts_with = "finish")]
    part: Option<String>,
    /// After all shares: write the indexes and list what is missing; render nothing
    #[arg(long, conflicts_with = "dry_run")]
    finish: bool,
    /// Go on where sources have gone of which images were made, and remove these images
    #[arg(long)]
    allow_removal: bool,
}

pub fn run(arguments: &Arguments) -> CliResult {
    let config = job::load_config(&arguments.config)?;
    let mut job = Job {
        datasets: job::select_datasets(&config, &arguments.dataset)?,
        workers: arguments.workers.map_or(config.workers, usize::from),
        share: share(arguments.part.as_deref())?,
        allow_removal: arguments.allow_removal,
        config,
    };
    if !arguments.finish {
        check_memory(job.config.render_params(), job.workers)?;
    }
    // Reports are read on rayon's pool: as many threads as workers.
    job.workers = job::start_threads(job.workers)?;
    match (arguments.dry_run, arguments.finish) {
        (true, _) => dry_run(&job),
        (_, true) => finish(&job),
        _ => render(&job),
    }
}

fn share(part: Option<&str>) -> anyhow::Result<Share> {
    Ok(match part {
        None => Share::WHOLE,
        Some("auto") => Share::from_environment(|name| std::env::var(name).ok())?,
        Some(part) => part.parse().with_context(|| format!("--part {part}"))?,
    })
}

fn render(job: &Job) -> CliResult {
    let stop = stop_on_signal()?;
    let mut summary = Summary::default();
    let done = materialize::run(job, &stop, Progress::new, &mut summary);
    // A run that could not begin has nothing to show.
    let printed = match (&done, summary.datasets.as_slice()) {
        (Err(_), []) => Ok(()),
        _ => print_summary(job, &summary, done.is_ok()),
    };
    done?;
    let exit = match () {
        () if summary.interrupted => Exit::Interrupted,
        () if !summary.is_good() => Exit::Failure,
        () => Exit::Success,
    };
    exit.after_printing(printed)
}

/// The first signal ends the run in order, a second one at once.
fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    signals::on_end(move |asked| {
        if asked == Asked::Again {
            std::process::exit(130);
        }
        seen.store(true, Ordering::Relaxed);
        let _ = writeln!(
            io::stderr(),
            "\nmachex: finishing the images at hand (again to end at once)"
        );
    })?;
    Ok(stop)
}

fn finish(job: &Job) -> CliResult {
    let mut summary = Summary::default();
    let missing = materialize::finish(job, &mut summary)?;
    let good = missing.is_empty() && summary.is_good();
    let printed = print_summary(job, &summary, true).and_then(|()| print_missing(&missing));
    let exit = if good { Exit::Success } else { Exit::Failure };
    exit.after_printing(printed)
}

fn print_missing(missing: &Missing) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for (dataset, numbers) in missing {
        let shown = numbers
            .iter()
            .take(SHOWN_MISSING)
            .map(|number| names::image_id(*number));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let more = match numbers.len().saturating_sub(SHOWN_MISSING) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let count = numbers.len();
        writeln!(
            out,
            "{dataset}: {count} images are missing from the index: {shown}{more}"
        )?;
    }
    if !missing.is_empty() {
        writeln!(
            out,
            "Run the shares that these belong to (or all, without --part) and --finish again."
        )?;
    }
    Ok(())
}

fn print_summary(job: &Job, summary: &Summary, is_whole: bool) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        ("dataset", Align::Left),
        ("images", Align::Right),
        ("new", Align::Right),
        ("skipped", Align::Right),
        ("failed", Align::Right),
        ("images/s", Align::Right),
    ]);
    for dataset in &summary.datasets {
        let count = |number: u32| units::count(u64::from(number));
        table.row([
            dataset.dataset.to_owned(),
            count(dataset.images),
            count(dataset.new),
            count(dataset.skipped),
            count(dataset.failed),
            dataset
                .rate()
                .map_or("-".to_owned(), |rate| format!("{rate:.1}")),
        ]);
    }
    let mut out = io::stdout().lock();
    write!(out, "{table}")?;
    for dataset in &summary.datasets {
        for warning in dataset.warnings.iter().take(SHOWN_WARNINGS) {
            writeln!(out, "{}: warning: {warning}", dataset.dataset)?;
        }
        let more = dataset.warnings.len().saturating_sub(SHOWN_WARNINGS);
        if more > 0 {
            writeln!(
                out,
                "{}: {more} more warnings of this kind",
                dataset.dataset
            )?;
        }
    }
    if summary.failed() > 0 {
        print_failures(&mut out, summary)?;
    }
    if summary.unreadable_reports() > 0 {
        writeln!(
            out,
            "{} reports could not be read and are empty in the index; when they can, run the same \
             command again.",
            units::count(u64::from(summary.unreadable_reports()))
        )?;
    }
    let left: u64 = summary
        .datasets
        .iter()
        .map(|dataset| u64::from(dataset.left()))
        .sum();
    if summary.interrupted {
        writeln!(out, "Interrupted; run the same command again to go on.")?;
    } else if is_whole && left == 0 && summary.failed() == 0 && !job.share.is_whole() {
        writeln!(
            out,
            "Share {} is done; run --finish after all shares.",
            job.share
        )?;
    }
    Ok(())
}

fn print_failures(out: &mut impl Write, summary: &Summary) -> anyhow::Result<()> {
    let failures = read_failure_log(&summary.failure_log)?;
    let is_of_this_run = |failure: &&Failure| {
        summary
            .datasets
            .iter()
            .any(|dataset| dataset.dataset == failure.dataset)
    };
    let failures: Vec<&Failure> = failures.iter().filter(is_of_this_run).collect();
    for failure in failures.iter().take(SHOWN_FAILURES) {
        let (dataset, number) = (&failure.dataset, names::image_id(failure.image));
        let place = match &failure.source {
            Some(source) => source.shown().to_string(),
            None => format!("key {:?}", failure.key),
        };
        writeln!(out, "{dataset} {number}: {place}: {}", failure.cause)?;
    }
    let (count, log) = (
        units::count(u64::from(summary.failed())),
        summary.failure_log.shown(),
    );
    writeln!(
        out,
        "{count} images failed and are not in the index; all causes: {log}"
    )?;
    let missing = failures.iter().filter(|failure| failure.cause == MISSING);
    match missing.count() {
        0 => {}
        missing => writeln!(
            out,
            "{} of them have no source: finish the download, or set ONLY_PRESENT: true to leave these \
             out.",
            units::count(missing as u64)
        )?,
    }
    Ok(())
}

fn dry_run(job: &Job) -> CliResult {
    let mut table = Table::new(&[
        ("dataset", Align::Left),
        ("images", Align::Right),
        ("finished", Align::Right),
        ("to render", Align::Right),
        ("cannot be", Align::Right),
        ("room needed", Align::Right),
    ]);
    let (mut room, mut good) = (0, true);
    for plan in materialize::plan(job)? {
        let range = job.share.range(plan.catalog.len());
        let forecast = plan.forecast(range.clone());
        let mean = plan
            .finished
            .records()
            .mean_size()
            .unwrap_or_else(|| plan.params.estimated_bytes());
        let needed = mean * u64::from(forecast.due);
        room += needed;
        good &= forecast.failed == 0;
        table.row([
            plan.tree.dataset.folder().to_owned(),
            units::count(u64::from(plan.present_in(range))),
            units::count(u64::from(forecast.finished)),
            units::count(u64::from(forecast.due)),
            units::count(u64::from(forecast.failed)),
            units::bytes(needed),
        ]);
    }
    let path = &job.config.machex_path;
    let free = free_space(path).with_context(|| path.shown().to_string())?;
    let mut out = io::stdout().lock();
    write!(out, "{table}")?;
    writeln!(
        out,
        "Share {} with {} workers into {}.",
        job.share,
        job.workers,
        path.shown()
    )?;
    writeln!(
        out,
        "Room needed: about {}; free: {}.",
        units::bytes(room),
        units::bytes(free.bytes)
    )?;
    if room > free.bytes {
        writeln!(
            out,
            "That does not fit: make room, or take fewer datasets (--dataset)."
        )?;
        good = false;
    }
    Ok(if good { Exit::Success } else { Exit::Failure })
}
