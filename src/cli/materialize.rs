//! `machex materialize`.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use indicatif::{HumanBytes, HumanCount};

use super::dataset_argument::DatasetArgument;
use super::signals;
use super::table::{Align, Table};
use super::{CliResult, ConfigArgument, Exit, job};
use crate::config::check_memory;
use crate::datasets::KnownDatasets;
use crate::files::free_space;
use crate::materialize::{self, Job, Missing, Share, Summary};
use crate::names;
use crate::progress::Progress;
use crate::shown::Show as _;
use crate::source::MISSING;
use crate::store::{LoggedImage, read_log_file};
use crate::words::{counted, overlay_bits};

/// How many failed or damaged images the summary shows; the logs have all of them.
const SHOWN_IMAGES: usize = 5;

/// How many warnings of each dataset the summary shows.
const SHOWN_WARNINGS: usize = 10;

/// How many missing images of each dataset `--finish` names.
const SHOWN_MISSING: usize = 10;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    dataset: DatasetArgument,
    /// Number of worker threads (overrides NUM_WORKERS)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    workers: Option<u16>,
    /// Show what would be rendered, and how much space is needed and free; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Render only share K of N; "auto" reads it from the array job (Slurm, Kubernetes)
    #[arg(long, value_name = "K/N", conflicts_with = "finish")]
    part: Option<String>,
    /// After all shares: write the indexes and list missing images; render nothing
    #[arg(long, conflicts_with = "dry_run")]
    finish: bool,
    /// Continue although sources of finished images are gone, and remove these images
    #[arg(long)]
    allow_removal: bool,
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let config = job::load_config(&arguments.config, known)?;
    let mut job = Job {
        datasets: arguments.dataset.of_config(&config, known)?,
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
        Some(part) => part
            .parse()
            .with_context(|| format!("--part {}", part.shown()))?,
    })
}

fn render(job: &Job) -> CliResult {
    let stop = signals::stop_in_order("finishing the current images")?;
    let mut summary = Summary::default();
    let done = materialize::run(job, &stop, Progress::new, &mut summary);
    // A run that could not start has nothing to show.
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
        ("damaged", Align::Right),
        ("images/s", Align::Right),
    ]);
    for dataset in &summary.datasets {
        let count = |number: u32| HumanCount(u64::from(number)).to_string();
        table.row([
            dataset.dataset.to_owned(),
            count(dataset.images),
            count(dataset.new),
            count(dataset.skipped),
            count(dataset.failed),
            count(dataset.damaged + dataset.left_out),
            dataset
                .rate()
                .map_or("-".to_owned(), |rate| format!("{rate:.1}")),
        ]);
    }
    let mut out = io::stdout().lock();
    write!(out, "{table}")?;
    for dataset in &summary.datasets {
        for warning in dataset.warnings.iter().take(SHOWN_WARNINGS) {
            let (name, warning) = (dataset.dataset, warning.shown());
            writeln!(out, "{name}: warning: {warning}")?;
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
    print_damaged(&mut out, summary)?;
    if summary.unreadable_reports() > 0 {
        writeln!(
            out,
            "{} reports could not be read and are empty in the index; once they are readable, run \
             the same command again.",
            HumanCount(u64::from(summary.unreadable_reports()))
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

/// Prints the first few images of this run in a log. Returns how many of all its images have no
/// source.
fn print_some(out: &mut impl Write, summary: &Summary, log: &Path) -> anyhow::Result<usize> {
    let images = read_log_file(log).with_context(|| log.shown().to_string())?;
    let is_of_this_run = |image: &&LoggedImage| {
        summary
            .datasets
            .iter()
            .any(|dataset| dataset.dataset == image.dataset)
    };
    let images: Vec<&LoggedImage> = images.iter().filter(is_of_this_run).collect();
    for image in images.iter().take(SHOWN_IMAGES) {
        let (dataset, number) = (image.dataset.shown(), names::image_id(image.image));
        let place = match &image.source {
            Some(source) => source.shown().to_string(),
            None => format!("key {}", image.key.shown()),
        };
        writeln!(out, "{dataset} {number}: {place}: {}", image.cause.shown())?;
    }
    let missing = images.iter().filter(|image| image.cause == MISSING);
    Ok(missing.count())
}

fn print_failures(out: &mut impl Write, summary: &Summary) -> anyhow::Result<()> {
    let missing = print_some(out, summary, &summary.failure_log)?;
    let (count, log) = (
        HumanCount(u64::from(summary.failed())),
        summary.failure_log.shown(),
    );
    writeln!(
        out,
        "{count} images failed and are not in the index; all causes: {log}"
    )?;
    if missing > 0 {
        writeln!(
            out,
            "{} of them have no source: finish the download, or set ONLY_PRESENT: true to leave these \
             out.",
            HumanCount(missing as u64)
        )?;
    }
    Ok(())
}

/// Prints images that you may want to look at: damaged ones, and those with overlay bits.
fn print_damaged(out: &mut impl Write, summary: &Summary) -> anyhow::Result<()> {
    let (damaged, left_out) = summary.damaged();
    let log = summary.damage_log.shown();
    if damaged + left_out > 0 {
        print_some(out, summary, &summary.damage_log)?;
    }
    if damaged > 0 {
        let count = counted(damaged.into(), "image is", "images are");
        writeln!(
            out,
            "{count} made of a damaged source, as the original script makes them; \
             SKIP_DAMAGED: true leaves them out; all: {log}"
        )?;
    }
    if left_out > 0 {
        let count = counted(left_out.into(), "image was", "images were");
        writeln!(
            out,
            "{count} left out (SKIP_DAMAGED), since the source is damaged; all: {log}"
        )?;
    }
    if summary.overlays() > 0 {
        let (count, log) = (
            overlay_bits(summary.overlays()),
            summary.overlay_log.shown(),
        );
        writeln!(out, "{count} All: {log}")?;
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
        ("space needed", Align::Right),
    ]);
    let (mut room, mut good, mut left_out) = (0, true, 0);
    for plan in materialize::plan(job)? {
        plan.announce_renewal();
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
        left_out += forecast.left_out;
        let count = |number: u32| HumanCount(number.into()).to_string();
        table.row([
            plan.tree.dataset.folder().to_owned(),
            count(plan.present_in(range)),
            count(forecast.finished),
            count(forecast.due),
            count(forecast.failed),
            HumanBytes(needed).to_string(),
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
        "Space needed: about {}; free: {}.",
        HumanBytes(room),
        HumanBytes(free.bytes)
    )?;
    if left_out > 0 {
        let count = counted(
            left_out.into(),
            "image of a damaged source is",
            "images of damaged sources are",
        );
        writeln!(out, "{count} left out (SKIP_DAMAGED).")?;
    }
    if room > free.bytes {
        writeln!(
            out,
            "That does not fit: free some space, or choose fewer datasets (--dataset)."
        )?;
        good = false;
    }
    Ok(if good { Exit::Success } else { Exit::Failure })
}
