//! `machex materialize`.

mod forecast;
mod json;
mod summary;

use std::time::{Duration, Instant};

use super::dataset_argument::DatasetArgument;
use super::{CliResult, ConfigArgument, Exit, job, signals};
use crate::config::check_memory;
use crate::datasets::KnownDatasets;
use crate::materialize::{self, Job, MaterializeError, Missing, Share, ShareError, Summary};
use crate::progress::Overall;

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
    #[arg(long, value_name = "K/N", value_parser = part, conflicts_with = "finish")]
    part: Option<Part>,
    /// After all shares: write the indexes and list missing images; render nothing
    #[arg(long, conflicts_with = "dry_run")]
    finish: bool,
    /// Also write metadata.parquet beside each index, as METADATA: true does
    #[arg(long)]
    metadata: bool,
    /// Continue although sources of finished images are gone, and remove these images
    #[arg(long)]
    allow_removal: bool,
    /// Print one JSON document for scripts, at the end
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let config = job::load_config(&arguments.config, known)?;
    let mut job = Job {
        datasets: arguments.dataset.of_config(&config, known)?,
        workers: arguments.workers.map_or(config.workers, usize::from),
        share: share(arguments.part)?,
        metadata: arguments.metadata || config.metadata,
        allow_removal: arguments.allow_removal,
        config,
    };
    if !arguments.finish {
        check_memory(job.config.render_params(), job.workers)?;
    }
    // Reports are read on rayon's pool: as many threads as workers.
    job.workers = job::start_threads(job.workers)?;
    match (arguments.dry_run, arguments.finish) {
        (true, _) => forecast::run(&job, arguments.json),
        (_, true) => finish(&job, arguments.json),
        _ => render(&job, arguments.json),
    }
}

/// The value of `--part`.
#[derive(Debug, Clone, Copy)]
enum Part {
    Auto,
    Share(Share),
}

fn part(text: &str) -> Result<Part, ShareError> {
    match text {
        "auto" => Ok(Part::Auto),
        _ => text.parse().map(Part::Share),
    }
}

fn share(part: Option<Part>) -> Result<Share, ShareError> {
    match part {
        None => Ok(Share::WHOLE),
        Some(Part::Auto) => Share::from_environment(|name| std::env::var(name).ok()),
        Some(Part::Share(share)) => Ok(share),
    }
}

fn render(job: &Job, as_json: bool) -> CliResult {
    let stop = signals::stop_in_order("finishing the current images")?;
    let (started, mut summary) = (Instant::now(), Summary::default());
    let done = materialize::run(job, &stop, Overall::of_images, &mut summary);
    let results = Results {
        job,
        summary: &summary,
        missing: None,
        error: done.as_ref().err(),
        elapsed: started.elapsed(),
    };
    // A run that could not start has nothing to show.
    let printed = match (&done, summary.datasets.as_slice()) {
        (Err(_), []) => Ok(()),
        _ => results.print(as_json),
    };
    let exit = results.exit();
    done?;
    exit.after_printing(printed)
}

fn finish(job: &Job, as_json: bool) -> CliResult {
    let (started, mut summary) = (Instant::now(), Summary::default());
    let missing = materialize::finish(job, &mut summary)?;
    let results = Results {
        job,
        summary: &summary,
        missing: Some(&missing),
        error: None,
        elapsed: started.elapsed(),
    };
    results.exit().after_printing(results.print(as_json))
}

/// What a run has done.
struct Results<'a> {
    job: &'a Job,
    summary: &'a Summary,
    /// With `--finish`: images that no share has processed.
    missing: Option<&'a Missing>,
    /// Why the run ended early.
    error: Option<&'a MaterializeError>,
    elapsed: Duration,
}

impl Results<'_> {
    fn exit(&self) -> Exit {
        match () {
            () if self.error.is_some() || self.lacks_images() => Exit::Failure,
            () if self.summary.interrupted => Exit::Interrupted,
            () if !self.summary.is_good() => Exit::SomeFailed,
            () => Exit::Success,
        }
    }

    fn lacks_images(&self) -> bool {
        self.missing.is_some_and(|missing| !missing.is_empty())
    }

    /// Whether the indexes of all datasets of the job have been written.
    fn has_indexes(&self) -> bool {
        let is_whole = self.missing.is_some() || self.job.share.is_whole();
        is_whole && self.error.is_none() && !self.summary.interrupted
    }

    fn print(&self, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            json::print(self)
        } else {
            summary::print(self)
        }
    }
}
