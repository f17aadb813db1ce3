//! `machex sample`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::HumanBytes;
use serde_json::Value;

use super::pasted::{CommandLine, program, quoted_path};
use super::{CliResult, Exit, job, signals, tell};
use crate::datasets::KnownDatasets;
use crate::files::{Answer, ask_status, machex_mountpoints, real_path};
use crate::progress::{Progress, Unit};
use crate::sample::{Count, Options, Sample, Site};
use crate::shown::Show as _;
use crate::synthetic::{Drawing, SampleError};
use crate::words::{counted, taken};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder to write to; must be new, empty, or an earlier sample
    dir: PathBuf,
    /// Number of images per dataset, or "real" for as many as the real lists have
    #[arg(long, value_name = "N", default_value = "8")]
    images: Images,
    /// Random seed; the same seed draws the same images
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Draw only a few images and repeat them as hard links, for large trees
    #[arg(long)]
    hard_link: bool,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    workers: Option<u16>,
}

/// The value of `--images`.
#[derive(Debug, Clone, Copy)]
struct Images(Count);

impl FromStr for Images {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "real" => Ok(Images(Count::Real)),
            _ => match text.parse() {
                Ok(count) if count > 0 => Ok(Images(Count::Each(count))),
                _ => Err("give a number from 1, or \"real\""),
            },
        }
    }
}

pub fn run(arguments: &Arguments, known: KnownDatasets) -> CliResult {
    let options = Options {
        count: arguments.images.0,
        drawing: Drawing {
            seed: arguments.seed,
            hard_link: arguments.hard_link,
        },
    };
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    job::start_threads(arguments.workers.map_or_else(cores, usize::from))?;
    let stop = signals::stop_in_order("finishing the current images")?;
    let (started, total) = (Instant::now(), options.total(known));
    match write(&arguments.dir, options, known, &stop) {
        Err(SampleError::Interrupted) => {
            Exit::Interrupted.after_printing(print_interrupted().map_err(Into::into))
        }
        sample => {
            let printed = print(&arguments.dir, &sample?, known, total, started.elapsed());
            Exit::Success.after_printing(printed.map_err(Into::into))
        }
    }
}

fn write(
    folder: &Path,
    options: Options,
    known: KnownDatasets,
    stop: &AtomicBool,
) -> Result<Sample, SampleError> {
    let site = Site::find(folder, known, stop)?;
    site.check_space(options)?;
    let files = site.earlier_files();
    if files > 0 {
        refuse_mounted(&site.config())?;
        tell::remark(&format!(
            "replacing the earlier sample in {}, {}",
            folder.shown(),
            counted(files as u64, "file", "files")
        ));
    }
    let progress = Progress::of("sample", options.total(known), Unit::Images);
    let sample = site.write(options, &|| progress.advance(true));
    if matches!(sample, Ok(_) | Err(SampleError::Interrupted)) {
        progress.finish();
    }
    sample
}

/// Refuses to replace the raw data of a mount that uses this config. Mounts that do not answer, and
/// those of other users, cannot be asked.
fn refuse_mounted(config: &Path) -> Result<(), SampleError> {
    let config = real_path(config);
    let uses_it = |mountpoint: &PathBuf| match ask_status(mountpoint) {
        Answer::Status(text) => serde_json::from_slice::<Value>(&text).is_ok_and(|status| {
            let used = status["config"].as_str();
            used.is_some_and(|used| real_path(Path::new(used)) == config)
        }),
        _ => false,
    };
    match machex_mountpoints().into_iter().find(uses_it) {
        None => Ok(()),
        Some(mountpoint) => Err(SampleError::Mounted { mountpoint }),
    }
}

fn print_interrupted() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "Interrupted; run the same command again:")?;
    writeln!(out, "    {}", CommandLine::of_this_process())
}

/// Prints what was written, and commands that can be pasted.
fn print(
    folder: &Path,
    sample: &Sample,
    known: KnownDatasets,
    images: u64,
    time: Duration,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Wrote {} of {}, {} in {}, to:",
        counted(images, "image", "images"),
        counted(known.len() as u64, "dataset", "datasets"),
        HumanBytes(sample.bytes),
        taken(time)
    )?;
    writeln!(out, "    {}", sample.raw.shown())?;
    let (machex, config) = (program(), quoted_path(&sample.config));
    let in_folder = |name: &str| quoted_path(&folder.join(name));
    let (mountpoint, report) = (in_folder("mnt"), in_folder("report.html"));
    writeln!(out, "Now try:")?;
    for line in [
        format!("{machex} check {config}"),
        format!("{machex} report {config} -o {report}"),
        format!("mkdir -p {mountpoint}"),
        format!("{machex} mount {config} {mountpoint}"),
        format!("{machex} unmount {mountpoint}"),
        format!("{machex} materialize {config}"),
    ] {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}
