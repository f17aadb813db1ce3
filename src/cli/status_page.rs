//! What `machex status` prints for people.

use std::fmt::{self, Write};
use std::time::Duration;

use indicatif::{FormattedDuration, HumanBytes, HumanCount};

use super::colour::{BAD, FAINT, STRONG, WARNING, styled};
use super::table::{Align, Cell, Table};
use super::wrap::{fill, fill_after};
use crate::shown::Show as _;
use crate::status::{CacheStatus, DatasetStatus, FailureNote, Latency, Status};
use crate::words::counted;

/// Columns before the text of a line.
const INDENT: usize = 9;

/// The state of a mount in words, in lines of at most `width` columns as far as that is possible.
pub fn page(status: &Status, width: usize) -> String {
    let mut page = StatusPage {
        text: String::new(),
        width,
    };
    // Writing to a string does not fail.
    let _ = page.write(status);
    page.text
}

/// The same in one line, which changes only if something happens.
pub fn summary(status: &Status) -> String {
    let sum = |of: fn(&DatasetStatus) -> u64| status.datasets.iter().map(of).sum();
    let images: u64 = sum(|dataset| dataset.images.into());
    format!(
        "{} of {} ready, {} rendered, {} failing, {} opened, {} waiting, {} given; cache {} of {}",
        HumanCount(sum(|dataset| dataset.ready)),
        counted(images, "image", "images"),
        HumanCount(status.renders),
        HumanCount(sum(|dataset| dataset.failing as u64)),
        counted(status.counts.hits + status.counts.misses, "file", "files"),
        status.queue + status.at_work,
        counted(status.counts.errors, "error", "errors"),
        HumanBytes(status.cache.bytes),
        HumanBytes(status.cache.limit)
    )
}

struct StatusPage {
    text: String,
    width: usize,
}

impl StatusPage {
    /// Writes a line about one matter.
    fn line(&mut self, about: &str, text: impl fmt::Display) -> fmt::Result {
        let head = styled(STRONG, format_args!("{about:<INDENT$}")).to_string();
        let line = fill_after(&head, &text.to_string(), INDENT, self.width);
        writeln!(self.text, "{line}")
    }

    fn write(&mut self, status: &Status) -> fmt::Result {
        let head = format!(
            "{} (config {}, process {}, up {}, {})",
            styled(STRONG, status.mountpoint.shown()),
            status.config.shown(),
            status.pid,
            FormattedDuration(duration(status.uptime_seconds)),
            status.mode.shown()
        );
        writeln!(self.text, "{}\n", fill(&head, self.width))?;
        writeln!(self.text, "{}", table(&status.datasets))?;
        let opened = format!(
            "{} of existing files, {} of files that had to be made; {}",
            HumanCount(status.counts.hits),
            HumanCount(status.counts.misses),
            latency(&status.open_latency)
        );
        self.line("opens", opened)?;
        let rendered = format!(
            "{}, lately {:.1}/s with {} workers; {}",
            HumanCount(status.renders),
            status.renders_per_second,
            status.workers,
            latency(&status.render_latency)
        );
        self.line("renders", rendered)?;
        let now = format!(
            "{} waiting, {} being made, {} files open",
            status.queue, status.at_work, status.open_files
        );
        self.line("now", now)?;
        self.write_cache(&status.cache)?;
        if let Some(warm) = &status.warm {
            let full = if warm.cache_is_full {
                ", cache full"
            } else {
                ""
            };
            let (done, of) = (HumanCount(warm.done), HumanCount(warm.of));
            self.line("warming", format_args!("{done} of {of}{full}"))?;
        }
        let damaged = status.datasets.iter().map(|dataset| dataset.damaged).sum();
        if damaged > 0 {
            let count = counted(damaged, "image is", "images are");
            let text = format!("{count} made of a damaged source; the last:");
            self.line("damaged", styled(WARNING, text))?;
            self.write_notes(&status.damaged)?;
        }
        if status.counts.errors > 0 {
            let count = HumanCount(status.counts.errors);
            let text = format!("{count} given to readers; the last:");
            self.line("errors", styled(BAD, text))?;
            self.write_notes(&status.failures)?;
        }
        Ok(())
    }

    fn write_cache(&mut self, cache: &CacheStatus) -> fmt::Result {
        let path = cache.path.shown();
        if !cache.on_disk {
            let text = format!("{path} cannot be written: a little is kept in memory");
            self.line("cache", styled(WARNING, text))?;
        }
        let counting = if cache.counted {
            ""
        } else {
            " (still counting)"
        };
        let refused = match cache.refused {
            0 => String::new(),
            refused => {
                let text = format!("{} not taken by the disk", HumanCount(refused));
                format!(", {}", styled(WARNING, text))
            }
        };
        let text = format!(
            "{path}: {} of {} in {}{counting}; {} evicted{refused}",
            HumanBytes(cache.bytes),
            HumanBytes(cache.limit),
            counted(cache.files as u64, "file", "files"),
            HumanCount(cache.evictions),
        );
        self.line("cache", text)
    }

    fn write_notes(&mut self, notes: &[FailureNote]) -> fmt::Result {
        for note in notes {
            let source = match note.source.as_str() {
                "" => String::new(),
                source => format!(" {}:", source.shown()),
            };
            let (dataset, file) = (note.dataset.shown(), note.file.shown());
            let text = format!("  {dataset}/{file}:{source} {}", note.cause.shown());
            writeln!(self.text, "{}", fill(&text, self.width))?;
        }
        Ok(())
    }
}

fn table(datasets: &[DatasetStatus]) -> Table {
    let mut table = Table::new(&[
        ("dataset", Align::Left),
        ("images", Align::Right),
        ("ready", Align::Right),
        ("rendered now", Align::Right),
        ("damaged", Align::Right),
        ("failing", Align::Right),
    ]);
    for dataset in datasets {
        let count = |number: u64| Cell::from(HumanCount(number).to_string());
        let bad = |style, number: u64| match number {
            0 => Cell::styled(FAINT, "0"),
            _ => Cell::styled(style, HumanCount(number).to_string()),
        };
        table.row([
            dataset.name.shown().to_string().into(),
            count(u64::from(dataset.images)),
            count(dataset.ready),
            count(dataset.rendered),
            bad(WARNING, dataset.damaged),
            bad(BAD, dataset.failing as u64),
        ]);
    }
    table
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
