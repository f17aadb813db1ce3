//! `machex status`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{FormattedDuration, HumanBytes, HumanCount};

use super::table::{Align, Table};
use super::{CliResult, Exit};
use crate::files::{Answer, ask_status};
use crate::shown::Show as _;
use crate::status::{FailureNote, Latency, Status};
use crate::words::counted;

/// How often `--watch` updates.
const INTERVAL: Duration = Duration::from_secs(1);

/// Clears the terminal and moves the cursor to its first line.
const CLEAR: &str = "\x1b[2J\x1b[H";

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The mount point
    mountpoint: PathBuf,
    /// Print the status as JSON
    #[arg(long)]
    json: bool,
    /// Update every second
    #[arg(long)]
    watch: bool,
}

pub fn run(arguments: &Arguments) -> CliResult {
    loop {
        let text = read(&arguments.mountpoint)?;
        let mut out = io::stdout().lock();
        if arguments.json {
            write!(out, "{text}")?;
        } else {
            let status: Status = serde_json::from_str(&text)
                .context("the mount is of another version of machex; try --json")?;
            if arguments.watch {
                write!(out, "{CLEAR}")?;
            }
            print(&mut out, &status)?;
        }
        out.flush()?;
        if !arguments.watch {
            return Ok(Exit::Success);
        }
        thread::sleep(INTERVAL);
    }
}

fn read(mountpoint: &Path) -> anyhow::Result<String> {
    let shown = mountpoint.shown();
    match ask_status(mountpoint) {
        Answer::Status(text) => String::from_utf8(text).context("the status is not text"),
        Answer::Gone => bail!(
            "{shown}: its process has gone; mount again with --replace, or: machex unmount {shown}"
        ),
        Answer::Silent => bail!(
            "{shown} does not answer: its process is stopped, or waits for a server; mount again with \
             --replace, or: machex unmount --lazy {shown}"
        ),
        Answer::NotMachex => bail!("{shown} is not a machex mount"),
        Answer::Failed(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            bail!("{shown}: only the user who mounted it, and root, can see its status")
        }
        Answer::Failed(error) => Err(error).with_context(|| shown.to_string()),
    }
}

fn print(out: &mut impl Write, status: &Status) -> io::Result<()> {
    let mut table = Table::new(&[
        ("dataset", Align::Left),
        ("images", Align::Right),
        ("known", Align::Right),
        ("rendered now", Align::Right),
        ("damaged", Align::Right),
        ("failing", Align::Right),
    ]);
    for dataset in &status.datasets {
        let count = |number: u64| HumanCount(number).to_string();
        table.row([
            dataset.name.shown().to_string(),
            count(u64::from(dataset.images)),
            count(dataset.known),
            count(dataset.rendered),
            count(dataset.damaged),
            count(dataset.failing as u64),
        ]);
    }
    writeln!(
        out,
        "{} (config {}, process {}, up {}, {})\n",
        status.mountpoint.shown(),
        status.config.shown(),
        status.pid,
        FormattedDuration(duration(status.uptime_seconds)),
        status.mode.shown()
    )?;
    write!(out, "{table}")?;
    writeln!(
        out,
        "\nopens    {} of existing files, {} of files that had to be made; {}",
        HumanCount(status.counts.hits),
        HumanCount(status.counts.misses),
        latency(&status.open_latency)
    )?;
    writeln!(
        out,
        "renders  {}, lately {:.1}/s with {} workers; {}",
        HumanCount(status.renders),
        status.renders_per_second,
        status.workers,
        latency(&status.render_latency)
    )?;
    writeln!(
        out,
        "now      {} waiting, {} being made, {} files open",
        status.queue, status.at_work, status.open_files
    )?;
    let cache = &status.cache;
    if !cache.on_disk {
        writeln!(
            out,
            "cache    {} cannot be written: a little is kept in memory",
            cache.path.shown()
        )?;
    }
    writeln!(
        out,
        "cache    {}: {} of {} in {} files{}; {} evicted{}",
        cache.path.shown(),
        HumanBytes(cache.bytes),
        HumanBytes(cache.limit),
        HumanCount(cache.files as u64),
        if cache.counted {
            ""
        } else {
            " (still counting)"
        },
        HumanCount(cache.evictions),
        match cache.refused {
            0 => String::new(),
            refused => format!(", {} not taken by the disk", HumanCount(refused)),
        }
    )?;
    if let Some(warm) = &status.warm {
        let full = if warm.cache_is_full {
            ", cache full"
        } else {
            ""
        };
        let (done, of) = (HumanCount(warm.done), HumanCount(warm.of));
        writeln!(out, "warming  {done} of {of}{full}")?;
    }
    let damaged = status.datasets.iter().map(|dataset| dataset.damaged).sum();
    if damaged > 0 {
        let count = counted(damaged, "image is", "images are");
        writeln!(out, "damaged  {count} made of a damaged source; the last:")?;
        print_notes(out, &status.damaged)?;
    }
    if status.counts.errors > 0 {
        writeln!(
            out,
            "errors   {} given to readers; the last:",
            HumanCount(status.counts.errors)
        )?;
        print_notes(out, &status.failures)?;
    }
    Ok(())
}

fn print_notes(out: &mut impl Write, notes: &[FailureNote]) -> io::Result<()> {
    for note in notes {
        let source = match note.source.as_str() {
            "" => String::new(),
            source => format!(" {}:", source.shown()),
        };
        let (dataset, file, cause) = (note.dataset.shown(), note.file.shown(), note.cause.shown());
        writeln!(out, "  {dataset}/{file}:{source} {cause}")?;
    }
    Ok(())
}

fn latency(latency: &Latency) -> String {
    match latency.count {
        0 => "none yet".to_owned(),
        _ => format!(
            "half within {:.1?}, 99 % within {:.1?}",
            duration(latency.p50_seconds),
            duration(latency.p99_seconds)
        ),
    }
}

/// Zero for a number that is not a duration, which a mount of another version may report.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
